"""A studio of a tiny model, which saves into a folder of its own."""

from pathlib import Path

import pytest

from ganlib.studio.app import LatentStudio
from tests.studio.driver import Driver, save_weights


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The weights of a tiny generator."""
    return save_weights(tmp_path / "tiny.safetensors")


@pytest.fixture
def driver(weights: Path, tmp_path: Path) -> Driver:
    """A studio of these weights."""
    return Driver(LatentStudio(weights, folder=tmp_path / "saved"))

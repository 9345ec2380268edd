"""What the tests share."""

import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from ganlib.data.dataset import ImageDataset
from ganlib.recipes import Recipe


@pytest.fixture(autouse=True, scope="module")
def _any_device() -> None:
    """Accelerate keeps one device a process; a module with tests of the CPU may follow one of the GPU."""
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def _a_gpu_for_its_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within a module, too, before and after those that want a GPU, in the precision that it has itself."""
    wants_gpu = request.node.get_closest_marker("gpu") is not None
    if wants_gpu:
        monkeypatch.delenv("GANLIB_PRECISION", raising=False)
        AcceleratorState._reset_state(reset_partial_state=True)
    yield
    if wants_gpu:
        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> Iterator[None]:
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """Even where the tests were started in the background, which makes a process deaf to it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.fixture(autouse=True)
def _own_way_to_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first `urlopen` of a process keeps the proxies it found for all others: no test inherits them."""
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def full_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets as they are, not cut short as in the notebooks' tests."""
    monkeypatch.delenv("GANLIB_TINY", raising=False)


@pytest.fixture
def art() -> ImageDataset:
    """Sixty soft random pictures of 32 px."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (60, 4, 4, 3), dtype=np.uint8)
    return ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")


@pytest.fixture
def recipe() -> Recipe:
    """Nets so narrow that a step takes milliseconds."""
    return Recipe("test", size=32, latent_dim=8, width=4, batch_size=16)

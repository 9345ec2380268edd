"""A run to give away, and a Hub that is this machine."""

import shutil

import huggingface_hub.constants
import numpy as np
import pytest

import ganlib
from ganlib.data.dataset import ImageDataset
from ganlib.run import Run
from tests.sharing.hub_stand_in import serving


@pytest.fixture(scope="session")
def art():
    """Sixty random pictures of 32 px."""
    random = np.random.default_rng(0)
    return ImageDataset(random.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8), "noise")


@pytest.fixture(scope="session")
def recipe():
    return ganlib.Recipe("test", size=32, latent_dim=8, width=4, batch_size=16)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, recipe, art):
    folder = tmp_path_factory.mktemp("trained") / "soft"
    return ganlib.Trainer(recipe, art, folder, callbacks=[], device="cpu").fit(kimg=0.1)


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it for each test."""
    return Run(shutil.copytree(trained.folder, tmp_path / "soft"))


@pytest.fixture
def point_at(monkeypatch):
    """Have the Hub's client ask at another address."""

    def point(address):
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {"ENDPOINT": address, "HUGGINGFACE_CO_URL_TEMPLATE": template}.items():
            monkeypatch.setattr(huggingface_hub.constants, name, value)

    return point


@pytest.fixture
def hub(monkeypatch, tmp_path, point_at):
    """The Hub, on this machine, and a home without anybody's token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    changed = {
        "HF_TOKEN_PATH": str(tmp_path / "hf" / "token"),
        "HF_HUB_CACHE": str(tmp_path / "hf" / "hub"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,  # whose server is none that can be stood in for
    }
    for name, value in changed.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    with serving() as stand_in:
        point_at(stand_in.url)
        yield stand_in


@pytest.fixture
def logged_in(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token)

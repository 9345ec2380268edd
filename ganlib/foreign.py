"""Weights that ganlib has not written: the generator of PyTorch's DCGAN example opens, all else is named."""

import re
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError, plain
from ganlib.nets.base import Generator
from ganlib.recipes import Recipe
from ganlib.runtime.pickles import claimed, read_pickle
from ganlib.sizes import Size

SAFETENSORS, TORCH = "safetensors", "torch"
_HEADS = {  # what a file is, by how it begins
    rb".{4}\0{4}\{": SAFETENSORS,
    rb"PK\x03\x04": "a zip archive: unpack it, and name the weights in it",
    rb"\x80\x02\x8a\nl\xfc\x9c": "in PyTorch's format of before version 1.6: open it there by torch.load, "
    "and save its state dict again by torch.save",
    rb"\x80[\x02-\x05]": "a pickle, as StyleGAN's weights are, which could run code when it is opened",
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|BM.{4}\0{4}|II\*\0|MM\0\*|....ftyp(avif|hei|mif)": "a picture",
    rb"....ftyp|RIFF....AVI": "a film",
    rb"\x08[\x03-\x1f][\x12:]": "an ONNX model, which other programs run",
    rb"\x08\x01\x12|.{4}TFL3|\x89HDF|GGUF|\x93NUMPY": "weights of another library",
    rb"version https://git-lfs": "a placeholder of Git LFS: fetch the file itself by `git lfs pull`",
    rb"(?i)\s*<(!doctype|html)": "a web page: download the file itself",
    rb"\s*[\[{]": "a JSON file",
    rb"%PDF": "a document",
    rb"\x1f\x8b|BZh|\xfd7z|7z\xbc|Rar!|.{257}ustar": "an archive: unpack it, and name the weights in it",
}
_PARTS = {  # what a zip archive is, by the names in it
    r"constants\.pkl|/code/": "a TorchScript model, which holds code",
    r"data\.pkl": TORCH,
    r"\.(h5|npy)\b": "weights of another library",
}
_WRAPPED = re.compile(r"(module\.|_orig_mod\.)+")  # by DataParallel and by torch.compile
_MAPS = 4  # dimensions of a convolution's weights
_GREY, _RGB = 1, 3


def kind_of(path: Path) -> str:
    """Say what a file is: `SAFETENSORS`, `TORCH` or words; "" if it is unknown."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise GanlibError(f"'{path}' cannot be read ({error.strerror}).") from error
    if not head.startswith(b"PK\x03\x04"):
        rest = SAFETENSORS if path.suffix == ".safetensors" else "" if head else "empty"
        return next((kind for begin, kind in _HEADS.items() if re.match(begin, head, re.DOTALL)), rest)
    try:
        with zipfile.ZipFile(path) as archive:
            names = "\n".join(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return TORCH  # reading it will say what is wrong
    return next((kind for part, kind in _PARTS.items() if re.search(part, names)), _HEADS[rb"PK\x03\x04"])


def refused(path: Path, kind: str) -> GanlibError:
    """Make the error for a file that holds no weights; `kind` is what `kind_of` says of it."""
    if ":" in kind:
        return GanlibError(f"'{path}' is {kind}.")
    return GanlibError(
        f"'{path}' is {kind or 'of a kind that ganlib does not know'}: name a run folder, weights of ganlib "
        "(.safetensors), or a state dict in the layout of PyTorch's DCGAN example (.pth)."
    )


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict that `torch.save` wrote; its tensors stay on the disk until they are used.

    Raises:
        GanlibError: it is damaged, a checkpoint, a whole module, or holds anything but tensors.
    """
    values = read_pickle(path, mmap=True)
    if "schema" in values:
        raise GanlibError(f"'{path}' is a checkpoint of ganlib: name its run folder, '{path.parent}'.")
    if not values or not all(isinstance(value, Tensor) for value in values.values()):
        held = ", ".join(map(plain, [*values][:3])) or "nothing"
        raise GanlibError(
            f"'{path}' is no state dict, but a dictionary of {held}: save the state dict of G alone by "
            "torch.save(netG.state_dict(), 'netG.pth')."
        )
    if claimed(values.values()) > path.stat().st_size:
        raise GanlibError(f"'{path}' is damaged: its tensors claim more memory than the file has bytes.")
    return {str(name): tensor for name, tensor in values.items()}


def open_dcgan(path: Path, weights: Mapping[str, Tensor]) -> tuple[Generator, Recipe]:
    """Make the generator of PyTorch's DCGAN example with these weights, whose shapes tell all its sizes.

    One of grey pictures makes RGB ones, of three equal channels. The recipe is named like the file.

    Raises:
        GanlibError: they are those of another net, of a size that ganlib does not know, or no numbers.
    """
    weights = {_WRAPPED.sub("", name, 1): tensor for name, tensor in weights.items()}
    if weights.get("main.2.weight", torch.empty(0)).ndim == _MAPS:
        raise GanlibError(f"'{path}' is the discriminator of a DCGAN: name the generator, such as netG.pth.")
    names = [*takewhile(weights.__contains__, (f"main.{3 * k}.weight" for k in range(len(weights))))]
    if len(names) < 2 or any(weights[name].ndim != _MAPS for name in names):  # noqa: PLR2004 (first and last)
        raise _other_net(path, weights)
    if (colours := weights[names[-1]].shape[1]) not in {_GREY, _RGB}:
        raise GanlibError(f"'{path}' makes pictures of {colours} channels, and pictures here have 1 or 3.")
    weights[names[-1]] = weights[names[-1]].expand(-1, _RGB, -1, -1)
    shapes = [weights[name].shape for name in names]
    size = Size(*shapes[0][2:]).times(2 ** (len(shapes) - 1)).to_json()
    about = "In the layout of PyTorch's DCGAN example; trained elsewhere."
    recipe = Recipe(path.stem, about, art="", size=size, latent_dim=shapes[0][0], width=shapes[-1][0])
    with torch.device("meta"):
        net = Generator(recipe.latent_dim, _layers(shapes))
    if _outline(net.state_dict()) != _outline(weights):
        raise _other_net(path, weights)
    check_finite(path, weights)
    net.to_empty(device="cpu").load_state_dict(weights)
    return net.eval(), recipe


def check_finite(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Raise `GanlibError` if weights hold a NaN or an infinity."""
    if not all(tensor.isfinite().all() for tensor in weights.values()):
        raise GanlibError(f"'{path}' holds weights that are no numbers (NaN or infinite): train it again.")


def _layers(shapes: Sequence[torch.Size]) -> nn.Sequential:
    """The layers of the example, whose transposed convolutions have weights of these shapes."""
    channels = [shape[1] for shape in shapes]
    base = (shapes[0][2], shapes[0][3])
    layers: list[nn.Module] = [nn.ConvTranspose2d(shapes[0][0], channels[0], base, 1, 0, bias=False)]
    for before, after in pairwise(channels):
        layers += [nn.BatchNorm2d(before), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)]  # twice as high and wide
    return nn.Sequential(*layers, nn.Tanh())


def _outline(weights: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, bool]]:
    return {name: (tensor.shape, tensor.is_floating_point()) for name, tensor in weights.items()}


def _other_net(path: Path, weights: Mapping[str, Tensor]) -> GanlibError:
    return GanlibError(
        f"'{path}' holds weights of another library or net, such as '{min(weights, default='')}': it names "
        "no recipe of ganlib, and has not the layers of PyTorch's DCGAN example."
    )

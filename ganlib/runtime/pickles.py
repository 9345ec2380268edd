"""Files of `torch.save`: what they ask for is known before they are opened, and none of it runs."""

import pickletools
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError, first_line

_LARGEST_LIST = 4 * 2**20
_PLAIN = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")


def damage(path: Path) -> str | None:
    """Say what is wrong with the file, by its length and the checksums that it holds; None if it is whole."""
    if not path.is_file():
        return "is missing"
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                return "is damaged: it is compressed, which no checkpoint is"
            if sum(entry.file_size for entry in entries) > path.stat().st_size:
                return "is damaged: its parts lie one over the other"
            broken = archive.testzip()
    except zipfile.BadZipFile:
        return "is cut short or damaged"
    except (OSError, RuntimeError, ValueError, EOFError, OverflowError) as error:
        return f"cannot be read ({error})"
    return f"is damaged: the checksum of {broken} is wrong" if broken else None


def read_pickle(path: Path, *, mmap: bool = False) -> dict[str, Any]:
    """Read a dictionary of tensors and plain values, on the CPU; with `mmap` tensors stay on the disk.

    Raises:
        GanlibError: it is missing, damaged, no dictionary, or holds anything else.
    """
    if found := damage(path) or _refusal(path):
        raise GanlibError(f"'{path}' {found}.")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except Exception as error:  # torch's reader may raise nearly anything at a file made to confuse it
        raise GanlibError(f"'{path}' is no checkpoint, or a damaged one: {first_line(error)}.") from error
    if not isinstance(values, dict):
        raise GanlibError(f"'{path}' is no checkpoint of ganlib: it holds a {type(values).__name__}.")
    return values


def claimed(tensors: Iterable[Tensor]) -> int:
    """Count the bytes that tensors claim: views of a few may claim any number, tied weights count once."""
    return sum({(tensor.data_ptr(), tensor.shape): tensor.nbytes for tensor in tensors}.values())


def _refusal(path: Path) -> str | None:
    """Say what a list of contents asks for that no checkpoint does, even of what torch would allow it."""
    with zipfile.ZipFile(path) as archive:
        lists = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        if sum(entry.file_size for entry in lists) > _LARGEST_LIST:
            return "is damaged: its list of contents is too long"
        try:
            opcodes = [opcode for entry in lists for opcode in pickletools.genops(archive.read(entry))]
        except ValueError as error:
            return f"is damaged: its list of contents cannot be read ({error})"
    names = sorted({str(name) for code, name, _ in opcodes if "GLOBAL" in code.name})  # None: made while read
    for name in names:
        if isinstance(getattr(torch, kind := name.removeprefix("torch "), None), torch.dtype):
            return f"holds weights in {kind}: only fp32, fp16 and bf16 open"
    if strange := [name for name in names if not _PLAIN.fullmatch(name)]:
        is_module = any(name.startswith("torch.nn.modules") for name in strange)
        what = "is a whole module in a pickle" if is_module else "was refused: it holds more than numbers"
        return (
            f"{what} ({strange[0]}), which could run code when it is opened. No checkpoint of ganlib does, "
            "nor a state dict: where it was made, save that by torch.save(netG.state_dict(), 'netG.pth')"
        )
    return None

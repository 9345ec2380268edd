"""Files of strangers: read within limits, and as what they should be, so that code behind may trust them."""

import stat
from pathlib import Path
from typing import TypeVar

import msgspec

from ganlib.errors import GanlibError, plain
from ganlib.runtime.files import unreadable

_LARGEST_JSON = 256 * 2**20
T = TypeVar("T")


def read_bytes(path: Path, largest: int = _LARGEST_JSON) -> bytes:
    """Read a plain file of at most `largest` bytes.

    Raises:
        GanlibError: it is missing, larger, or no file but a folder, a pipe or a device.
    """
    named = plain(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise GanlibError(f"'{named}' is no file but a folder, a pipe or a device.")
        if found.st_size > largest:
            raise GanlibError(f"'{named}' is too large: it may have {largest / 2**20:,.0f} MiB at most.")
        with path.open("rb") as file:
            return file.read(largest)
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        raise unreadable(path, error) from error


def decode_json(text: bytes, shape: type[T]) -> T:
    """Decode JSON as a value of type `shape`, such as a dataclass or `list[float]`.

    Raises:
        ValueError: it is not JSON, nested too deeply, or has another shape; the text says where.
    """
    try:
        return msgspec.json.decode(text, type=shape)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, shape: type[T]) -> T:
    """Read a JSON file as a value of type `shape`.

    Raises:
        GanlibError: it cannot be read, or has another shape; the text says where.
    """
    try:
        return decode_json(read_bytes(path), shape)
    except ValueError as error:
        raise GanlibError(f"'{path}' is damaged: {error}.") from error

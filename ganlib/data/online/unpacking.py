"""A look into an archive before it is unpacked: what is too large, or broken, is refused in time."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ganlib.errors import GanlibError

DAMAGE = (zipfile.BadZipFile, tarfile.ReadError, zlib.error, lzma.LZMAError, EOFError)
_GIB = 2**30
_MOST_BYTES = 64 * _GIB
_LEFT_FREE = _GIB
_MOST_FILES = 2_000_000
_SMALL = 100 * 10**6  # bytes: below it, a picture of one colour may well shrink a thousandfold
_MOST_SHRINKING = 1000


def room_in(folder: Path) -> int:
    """How many bytes may be unpacked into `folder`, which may be still to make."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return min(_MOST_BYTES, shutil.disk_usage(there).free - _LEFT_FREE)


def check_archive(archive: Path, room: int = _MOST_BYTES) -> None:
    """Look through a zip or tar file without unpacking it.

    Raises:
        GanlibError: it would need more than `room` bytes, or it is made to fill the disk.
        zipfile.BadZipFile: it is no archive, or an empty one; or another of `DAMAGE`.
    """
    total = number = 0
    for number, (size, packed) in enumerate(_sizes(archive), start=1):
        total += size
        if number > _MOST_FILES or (size > _SMALL and size > _MOST_SHRINKING * max(packed, 1)):
            raise GanlibError(
                f"The archive '{archive.name}' is refused: it is made to fill the disk, a few bytes that "
                "unpack to very many. Choose another data set."
            )
        if total > room:
            raise GanlibError(
                f"The archive '{archive.name}' is refused: it unpacks to more than the "
                f"{max(room, 0) / _GIB:.1f} GiB that there is room for: free some, or choose another set."
            )
    if number == 0:  # a file of nothing but zeros passes for a tar file without files
        raise zipfile.BadZipFile("nothing is in it")


def check_every_byte(archive: Path) -> None:
    """Read a zip file from end to end against its checksums.

    Raises:
        GanlibError: it is made to fill the disk.
        zipfile.BadZipFile: it is no zip file, or not a whole one; or another of `DAMAGE`.
    """
    if not zipfile.is_zipfile(archive):
        raise zipfile.BadZipFile("no zip file")
    check_archive(archive)
    with zipfile.ZipFile(archive) as packed:
        if packed.testzip() is not None:
            raise zipfile.BadZipFile("a file in it is damaged")


def _sizes(archive: Path) -> Iterator[tuple[int, int]]:
    """How large each file is when unpacked, and packed."""
    if tarfile.is_tarfile(archive):
        yield from _tar_sizes(archive)
        return
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            yield entry.file_size, entry.compress_size


def _tar_sizes(archive: Path) -> Iterator[tuple[int, int]]:
    """A tar file is packed as a whole, so that each of its files may be as small as all of it."""
    packed = archive.stat().st_size
    with tarfile.open(archive) as tape:
        for entry in tape:
            yield entry.size, packed

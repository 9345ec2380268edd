"""Archives for the tests, good and bad, as bytes."""

import copy
import functools
import io
import random
import tarfile
import zipfile
from pathlib import Path

PICTURES = {f"art/{index}.jpg": random.Random(index).randbytes(1_500_000) for index in range(2)}


@functools.cache
def good_zip() -> bytes:
    """Three megabytes, so that a connection can be cut when some of it has been written."""
    return zip_of(PICTURES)


def zip_of(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def zip_with_link(target: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
        archive.writestr("link/../../through.txt", "out")
        archive.writestr("art/0.jpg", b"picture")
    return buffer.getvalue()


@functools.cache
def bomb() -> bytes:
    """A small file that says, a thousand times over, that ninety megabytes of zeros are in it: 90 GB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.jpg", bytes(90_000_000))
        for index in range(1, 1000):
            entry = copy.copy(archive.filelist[0])
            entry.filename = entry.orig_filename = f"{index}.jpg"
            archive.filelist.append(entry)
    return buffer.getvalue()


@functools.cache
def shrunken() -> bytes:
    """One file of zeros that was shrunken more than a thousandfold."""
    return zip_of({"0.jpg": bytes(110_000_000)}, zipfile.ZIP_DEFLATED)


def tar_of(entries: list[tarfile.TarInfo], kind: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=kind) as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return buffer.getvalue()


def tar_link(kind: bytes, target: str) -> tarfile.TarInfo:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = kind, target
    return link


def contents(place: Path) -> dict[str, bytes]:
    """What a folder or a zip file holds."""
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return {
        file.relative_to(place).as_posix(): file.read_bytes() for file in place.rglob("*") if file.is_file()
    }

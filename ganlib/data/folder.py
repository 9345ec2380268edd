"""The files of a folder and of the folders in it."""

import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from ganlib.data.pictures import Found

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class FolderPictures:
    """Every file below a folder, links followed, no folder entered twice.

    `leave_out` is a folder not to look into, such as the one that is being written.
    """

    leave_out: Path | None = None

    def __init__(self, folder: Path) -> None:
        """Nothing is looked at yet."""
        self.folder = folder
        self.name = folder.resolve().name or "pictures"
        self.place = str(folder.resolve())

    @cached_property
    def _files(self) -> list[tuple[Found, str]]:
        return sorted(self._walk(), key=lambda file: file[0].path)

    def fingerprint(self) -> str:
        """A hash of every path, size and time of change."""
        digest = hashlib.sha256()
        for found, stamp in self._files:
            digest.update(f"{found.path}\0{stamp}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def __iter__(self) -> Iterator[Found]:
        """Files by path."""
        return (found for found, _ in self._files)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._files)

    def _walk(self) -> Iterator[tuple[Found, str]]:
        """Folders before links to folders: what has a name of its own here is looked through under that."""
        folders, links = deque([_Place(str(self.folder), "")]), deque[_Place]()
        entered: set[tuple[int, int]] = set()
        left_out = _identity(self.leave_out) if self.leave_out else None
        while folders or links:
            place = (folders or links).popleft()
            try:
                entries = _enter(place, entered, left_out)
            except _NotEnteredError as problem:
                yield _refused(place.prefix.rstrip("/") or ".", str(problem))
                continue
            for entry in entries:
                path = place.prefix + entry.name
                if _is_folder(entry):
                    found_in = links if entry.is_symlink() else folders
                    found_in.append(_Place(entry.path, path + "/", entry.is_symlink()))
                else:
                    yield _met(entry, path)


class _Place(NamedTuple):
    """A folder to look into, and what its files' paths begin with."""

    folder: str
    prefix: str
    is_link: bool = False


class _NotEnteredError(Exception):
    """A folder that is not looked into; the text is the reason, for people."""


def _enter(
    place: _Place, entered: set[tuple[int, int]], left_out: tuple[int, int] | None
) -> list["os.DirEntry[str]"]:
    identity = _identity(Path(place.folder))
    if identity is not None and identity == left_out:
        return []
    if identity in entered:
        kind = "a link to a folder" if place.is_link else "a folder"
        raise _NotEnteredError(f"{kind} that was already looked through")
    try:
        with os.scandir(place.folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        raise _NotEnteredError(f"cannot be opened: {error.strerror}") from error
    if identity is not None:
        entered.add(identity)
    return entries


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells the folder from every other; None where there is none, or none to be seen."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link that leads back to itself
        return False


def _met(entry: "os.DirEntry[str]", path: str) -> tuple[Found, str]:
    try:
        facts = entry.stat()
    except OSError as error:
        return _refused(path, _why_not(entry, error))
    if stat.S_ISREG(facts.st_mode):
        return Found(path, partial(Path, entry.path)), f"{facts.st_size} {facts.st_mtime_ns}"
    return _refused(path, f"not a file but {_KINDS.get(stat.S_IFMT(facts.st_mode), 'something else')}")


def _why_not(entry: "os.DirEntry[str]", error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself"
    if entry.is_symlink() and error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "a link that leads nowhere"
    return f"cannot be read: {error.strerror}"


def _refused(path: str, problem: str) -> tuple[Found, str]:
    return Found(path, None, problem), problem

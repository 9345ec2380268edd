"""Files that may be pictures, wherever they lie: in a folder, or in a zip or tar archive."""

import errno
import hashlib
import os
import stat
import tarfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ganlib.errors import GanlibError

_LARGEST_FILE = 512 * 2**20
_TOO_LARGE = "larger than 512 MiB when unpacked"
_NO_FILE = "not a file but a link, a pipe or a device"


class Found(NamedTuple):
    """One file that was met: how to read it, or why that is not possible.

    `open` may be called in any thread; it gives an open file or the path of one, and may raise `OSError`.
    `stamp` is text that changes when the file does.
    """

    path: str
    open: Callable[[], BinaryIO | Path] | None = None
    problem: str = ""
    stamp: str = ""


class Pictures:
    """Files that may be pictures: a folder, an archive, a data set from a hub.

    `name` is what messages call the source, `place` tells it from every other source on this machine.
    """

    def __init__(self, name: str, place: str) -> None:
        """Keep both; a subclass says what its `files` are."""
        self.name = name
        self.place = place

    @cached_property
    def files(self) -> list[Found]:
        """Every file, in an order that depends on nothing but the files."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Found]:
        """Yield every file."""
        return iter(self.files)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.files)

    def fingerprint(self) -> str:
        """Compute a hash that changes when a file is added, removed or changed."""
        lines = (f"{found.path}\0{found.stamp or found.problem}\n" for found in self.files)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


class FolderPictures(Pictures):
    """Every file below a folder, links followed, no folder entered twice.

    `leave_out` is a folder not to look into, such as the one that is being written.
    """

    leave_out: Path | None = None

    def __init__(self, folder: Path) -> None:
        """Look at nothing yet."""
        super().__init__(folder.resolve().name or "pictures", str(folder.resolve()))
        self._folder = folder

    @cached_property
    def files(self) -> list[Found]:
        """Every file by its path."""
        return sorted(self._walk(), key=lambda found: found.path)

    def _walk(self) -> Iterator[Found]:
        """Folders before links to folders, so that a folder's files are found under its own name."""
        folders, links = deque([""]), deque[str]()  # what the paths of their files begin with
        entered: set[tuple[int, int]] = set()
        while folders or links:
            prefix = (folders or links).popleft()
            path = prefix.rstrip("/") or "."
            try:
                identity, entries = _listed(self._folder / prefix)
            except OSError as error:
                yield Found(path, problem=f"cannot be opened: {error.strerror}")
                continue
            if identity in entered:
                yield Found(path, problem="a folder that was already looked through")
                continue
            entered.add(identity)
            for entry in entries:
                if found := _found(entry, prefix + entry.name):
                    yield found
                elif Path(entry.path).resolve() != self.leave_out:
                    (links if entry.is_symlink() else folders).append(f"{prefix}{entry.name}/")


def open_archive(path: Path) -> Pictures:
    """Open the zip or tar archive at `path`.

    Raises:
        GanlibError: it is damaged, or neither zip nor tar.
    """
    try:
        return ZipPictures(path) if zipfile.is_zipfile(path) else TarPictures(path)
    except tarfile.ReadError as error:
        raise GanlibError(
            f"'{path}' is neither a folder nor a whole zip or tar archive ({error}): fetch it again, or name "
            "the folder that holds the pictures."
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise GanlibError(f"The archive '{path}' is damaged ({error}): fetch it again.") from error


class ZipPictures(Pictures):
    """The files of a zip archive, by their names."""

    def __init__(self, path: Path) -> None:
        """Read the archive's table of contents."""
        super().__init__(path.name.split(".")[0] or "pictures", str(path.resolve()))
        self._archive = zipfile.ZipFile(path)  # threads may read from it at the same time
        members = (member for member in self._archive.infolist() if not member.is_dir())
        stamp = _stamp(path.stat())
        self.files = [
            Found(member.filename, partial(self._read, member), _problem_of(member), stamp)
            for member in sorted(members, key=lambda member: member.filename)
        ]

    def _read(self, member: zipfile.ZipInfo) -> BytesIO:
        try:
            with self._archive.open(member) as file:
                return BytesIO(file.read())  # which gives no more than the size that was checked
        except (EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise OSError(None, f"the archive is damaged here ({error})") from error


class TarPictures(Pictures):
    """The files of a tar archive, packed or not, in the order in which they lie."""

    def __init__(self, path: Path) -> None:
        """Read the archive once to its end, to know its files."""
        super().__init__(path.name.split(".")[0] or "pictures", str(path.resolve()))
        self._path = path
        stamp = _stamp(path.stat())
        with tarfile.open(path) as archive:
            self.files = [Found(member.name, stamp=stamp) for member in archive if not member.isdir()]

    def __iter__(self) -> Iterator[Found]:
        """Yield the files in order, each read as it comes: a packed archive has no other order."""
        with tarfile.open(self._path) as archive:
            for member in archive:
                if not member.isdir():
                    yield _tar_member(archive, member)


def _listed(folder: Path) -> tuple[tuple[int, int], list["os.DirEntry[str]"]]:
    """What tells the folder from every other, and what is in it."""
    facts = folder.stat()
    with os.scandir(folder) as listing:
        return (facts.st_dev, facts.st_ino), sorted(listing, key=lambda entry: entry.name)


def _found(entry: "os.DirEntry[str]", path: str) -> Found | None:
    """What a folder lists, unless that is a folder itself."""
    try:
        facts = entry.stat()
    except OSError as error:
        if entry.is_symlink() and error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return Found(path, problem="a link that leads nowhere")
        return Found(path, problem=f"cannot be read: {error.strerror}")
    if stat.S_ISDIR(facts.st_mode):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return Found(path, problem=_NO_FILE)
    return Found(path, partial(Path, entry.path), stamp=_stamp(facts))


def _stamp(facts: os.stat_result) -> str:
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _problem_of(member: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return _NO_FILE
    if member.flag_bits & 1:
        return "locked with a password"
    return _TOO_LARGE if member.file_size > _LARGEST_FILE else ""


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Found:
    if member.size > _LARGEST_FILE:
        return Found(member.name, problem=_TOO_LARGE)
    file = archive.extractfile(member) if member.isfile() else None  # which would follow a link
    return Found(member.name, partial(BytesIO, file.read())) if file else Found(member.name, problem=_NO_FILE)

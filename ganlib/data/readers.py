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
from typing import BinaryIO, NamedTuple, Protocol

from ganlib.errors import GanlibError


class Found(NamedTuple):
    """One file that was met: how to read it, or why that is not possible.

    `open` may be called in any thread; it gives an open file or the path of one, and may raise `OSError`.
    """

    path: str
    open: Callable[[], BinaryIO | Path] | None = None
    problem: str = ""


class Pictures(Protocol):
    """Files that may be pictures: a folder, an archive, a data set from a hub.

    `name` is what messages call the source, `place` tells it from every other source on this machine.
    """

    name: str
    place: str

    def fingerprint(self) -> str:
        """Return text that changes when a file is added, removed or changed."""

    def __iter__(self) -> Iterator[Found]:
        """Every file, in an order that depends on nothing but the files."""

    def __len__(self) -> int:
        """How many files there are."""


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
        """Compute a hash of every path, size and time of change."""
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


_LARGEST_FILE = 512 * 2**20
_TOO_LARGE = "larger than 512 MiB when unpacked"


def open_archive(path: Path) -> "ZipPictures | TarPictures":
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


class _Archive:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name.split(".")[0] or "pictures"
        self.place = str(path.resolve())

    def fingerprint(self) -> str:
        """Compute a hash of the archive's size and time of change."""
        facts = self.path.stat()
        return hashlib.sha256(f"{facts.st_size} {facts.st_mtime_ns}".encode()).hexdigest()


class ZipPictures(_Archive):
    """The files of a zip archive."""

    def __init__(self, path: Path) -> None:
        """Read the archive's table of contents."""
        super().__init__(path)
        self._archive = zipfile.ZipFile(path)  # threads may read from it at the same time
        self._members = [member for member in self._archive.infolist() if not member.is_dir()]

    def __iter__(self) -> Iterator[Found]:
        """Files by name."""
        for member in sorted(self._members, key=lambda member: member.filename):
            yield Found(member.filename, partial(self._read, member), _problem_of(member))

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._members)

    def _read(self, member: zipfile.ZipInfo) -> BytesIO:
        try:
            with self._archive.open(member) as file:
                return BytesIO(file.read())  # which gives no more than the size that was checked
        except (EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise OSError(None, f"the archive is damaged here ({error})") from error


def _problem_of(member: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link within an archive"
    if member.flag_bits & 1:
        return "locked with a password"
    return _TOO_LARGE if member.file_size > _LARGEST_FILE else ""


class TarPictures(_Archive):
    """The files of a tar archive, packed or not, in the order in which they lie."""

    def __init__(self, path: Path) -> None:
        """Count the files, which reads a packed archive once to its end."""
        super().__init__(path)
        with tarfile.open(path) as archive:
            self._count = sum(not member.isdir() for member in archive)

    def __iter__(self) -> Iterator[Found]:
        """Files in their order; each is read as it comes, for a packed archive cannot be read crosswise."""
        with tarfile.open(self.path) as archive:
            for member in archive:
                if not member.isdir():
                    yield _tar_member(archive, member)

    def __len__(self) -> int:
        """How many files there are."""
        return self._count


def _tar_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Found:
    if not member.isfile():
        return Found(
            member.name,
            None,
            "a link within an archive" if member.issym() or member.islnk() else "not a file",
        )
    if member.size > _LARGEST_FILE:
        return Found(member.name, None, _TOO_LARGE)
    file = archive.extractfile(member)
    if file is None:
        return Found(member.name, None, "not a file")
    return Found(member.name, partial(BytesIO, file.read()))

"""Files that may be pictures, wherever they lie: in a folder, or in a zip or tar archive."""

import errno
import hashlib
import os
import stat
import tarfile
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self, cast

from ganlib.data.opening import NO_FILE, NO_PICTURE, RefusedError, open_picture, refusals
from ganlib.errors import GanlibError, without_secrets
from ganlib.runtime.memory import LIMIT, most_memory, most_waiting

_LARGEST_HEADER = 2**20  # bytes
_HEADERS = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
_HEADERS |= {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
BY_GANLIB = "written by ganlib"
_FOLDERS_BY_GANLIB = (  # files that lie in them together
    {"recipe.json", "log.jsonl"},
    {"recipe.json", "checkpoint.pt"},
    {"recipe.json", "generator.safetensors"},
    {"manifest.json", "images.npy"},
    {"config.json", "model.safetensors"},
)


class Found(NamedTuple):
    """One file that was met: how to read it, or why that is not possible.

    `open` may be called in any thread; it gives an open file or the path of one, and may raise `OSError`.
    `stamp` is text that changes when the file does; `size` is its length in bytes.
    """

    path: str
    open: Callable[[], BinaryIO | Path] | None = None
    problem: str = ""
    stamp: str = ""
    size: int = 0


class Pictures:
    """Files that may be pictures: a folder, an archive, a data set from a hub.

    `name` is what messages call the source, `place` tells it from every other source on this machine.
    """

    def __init__(self, name: str, place: str) -> None:
        """Keep both; a subclass says what its `files` are."""
        self.name = _text(without_secrets(name))
        self.place = _text(without_secrets(place))

    files: list[Found]  # all of them, in an order that depends on nothing but them

    def __iter__(self) -> Iterator[Found]:
        """Yield every file."""
        return iter(self.files)

    def __len__(self) -> int:
        """Count the files."""
        return len(self.files)

    @cached_property
    def by_ganlib(self) -> tuple[str, ...]:
        """What the paths of files begin with that lie in run folders, prepared sets, and models to share."""
        names = defaultdict(set)
        for found in self.files:
            folder, slash, name = found.path.rpartition("/")
            names[folder + slash].add(name)
        kinds = _FOLDERS_BY_GANLIB
        return tuple(at for at, inside in names.items() if at and any(kind <= inside for kind in kinds))

    def fingerprint(self) -> str:
        """Compute a hash that changes when a file is added, removed or changed."""
        lines = [
            f"{found.path}\0{found.stamp or found.problem}\n"
            for found in self.files
            if not found.path.startswith(self.by_ganlib)
        ]
        lines += self.by_ganlib
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
    def files(self) -> list[Found]:  # type: ignore[override]
        """Every file by its path."""
        met = (found._replace(path=_text(found.path)) for found in self._walk())
        return sorted((found for found in met if not _is_of_macos(found.path)), key=lambda found: found.path)

    def _walk(self) -> Iterator[Found]:
        """Folders before links to folders, so that a folder's files are found under its own name."""
        folders, links = deque([""]), deque[str]()  # what the paths of their files begin with
        entered: set[tuple[int, int]] = set()
        while folders or links:
            prefix = (folders or links).popleft()
            path = prefix.rstrip("/") or "."
            try:
                facts = (self._folder / prefix).stat()
                entries = sorted(os.scandir(self._folder / prefix), key=lambda entry: entry.name)
            except OSError as error:
                yield Found(path, problem=f"cannot be opened: {error.strerror}")
                continue
            identity = facts.st_dev, facts.st_ino
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
        GanlibError: it is damaged, or neither zip nor tar; the text says what it is.
    """
    if not path.is_file():
        raise GanlibError(f"'{path}' is {NO_FILE}: name a folder of pictures, or a zip or tar archive.")
    with _damage_explained(path):
        if zipfile.is_zipfile(path):
            return ZipPictures(path)
        try:
            tarfile.open(path, tarinfo=_Member).close()
        except tarfile.ReadError:
            raise GanlibError(_no_archive(path)) from None
        return TarPictures(path)


def _no_archive(path: Path) -> str:
    thing = "one picture: name the folder that it lies in"
    try:
        with refusals(path), open_picture(path):
            pass
    except RefusedError as refused:
        if str(refused).startswith((NO_PICTURE, "an empty file")):
            thing = str(refused).removeprefix(NO_PICTURE).removeprefix(" but ")
    if thing.startswith("a zip archive"):
        return f"The archive '{path}' is damaged: fetch it again."
    thing = thing or "neither a folder nor a zip or tar archive"
    remedy = "" if ":" in thing else ": fetch it again, or name the folder that holds the pictures"
    return f"'{path}' is {thing}{remedy}."


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except GanlibError:
        raise
    except Exception as error:  # of the readers of archives, which raise anything
        raise GanlibError(f"The archive '{path}' is damaged: fetch it again.") from error


class ZipPictures(Pictures):
    """The files of a zip archive, by their names."""

    def __init__(self, path: Path) -> None:
        """Read the archive's table of contents."""
        super().__init__(path.name.split(".")[0] or "pictures", str(path.resolve()))
        self._archive = zipfile.ZipFile(path)  # threads may read from it at the same time
        every = self._archive.infolist()
        members = (member for member in every if not (member.is_dir() or _is_of_macos(member.filename)))
        stamp = _stamp(path.stat())
        self.files = [
            Found(member.filename, partial(self._read, member), _problem_of(member), stamp, member.file_size)
            for member in sorted(members, key=lambda member: member.filename)
        ]

    def _read(self, member: zipfile.ZipInfo) -> BytesIO:
        try:
            with self._archive.open(member) as file:
                return BytesIO(file.read())  # which gives no more than the size that was checked
        except Exception as error:  # of one of five ways to pack
            raise OSError(None, f"the archive is damaged here ({error})") from error


class TarPictures(Pictures):
    """The files of a tar archive, packed or not, in the order in which they lie."""

    def __init__(self, path: Path) -> None:
        """Read the archive once to its end, to know its files and that they are whole."""
        super().__init__(path.name.split(".")[0] or "pictures", str(path.resolve()))
        self._path = path
        stamp = _stamp(path.stat())
        self.files = [found._replace(open=None, stamp=stamp) for found in self]

    def __iter__(self) -> Iterator[Found]:
        """Read the files in order: a packed archive has no other."""
        with _damage_explained(self._path), tarfile.open(self._path, tarinfo=_Member) as archive:
            for member in archive:
                if member.size < 0:
                    raise ValueError("a size that leads back, again and again")
                if member.issparse():
                    raise _holes()
                if not (member.isdir() or _is_of_macos(member.name)):
                    problem = NO_FILE if not member.isfile() else _too_large(member.size, most_waiting())
                    file = None if problem else archive.extractfile(member)
                    read = partial(BytesIO, file.read() if file else b"")
                    yield Found(_text(member.name), read, problem, size=member.size)
                cast(Any, archive).members = []  # which would grow with every file
            while archive.fileobj and archive.fileobj.read(2**20):
                pass  # a sum at the end says whether all of it arrived


class _Member(tarfile.TarInfo):
    """What a tar archive says of a file, unless that is damaged, or takes more memory than a name should."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; a damaged one, which tarfile takes for the end, raises `ReadError`."""
        try:
            member = super().frombuf(buf, encoding, errors)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(error)) from error
        if member.type in _HEADERS and not 0 <= member.size <= _LARGEST_HEADER:
            raise ValueError("a name that is too long")
        if member.type == tarfile.GNUTYPE_SPARSE:
            raise _holes()
        return member

    def _proc_gnusparse_10(self, *_: object) -> None:
        raise _holes()


def _holes() -> GanlibError:  # their list may be endless
    return GanlibError("A tar archive of files with holes is not read: unpack it, and name the folder.")


def _found(entry: "os.DirEntry[str]", path: str) -> Found | None:
    try:
        facts = entry.stat()
    except OSError as error:
        if entry.is_symlink() and error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return Found(path, problem="a link that leads nowhere")
        return Found(path, problem=f"cannot be read: {error.strerror}")
    if stat.S_ISDIR(facts.st_mode):
        return None
    if not stat.S_ISREG(facts.st_mode):
        return Found(path, problem=NO_FILE)
    problem = _too_large(facts.st_size, most_memory())
    return Found(path, partial(Path, entry.path), problem, _stamp(facts), facts.st_size)


def _is_of_macos(path: str) -> bool:
    """Whether macOS has put this file beside another one, to keep what other systems have no place for."""
    return path.rpartition("/")[2].startswith("._") or path.startswith("__MACOSX/")


def _text(name: str) -> str:
    """The name of a file with bytes that are no UTF-8 written as \\xe9."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _stamp(facts: os.stat_result) -> str:
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _problem_of(member: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(member.external_attr >> 16):
        return NO_FILE
    if member.flag_bits & 1:
        return "locked with a password"
    return _too_large(member.file_size, most_waiting())


def _too_large(size: int, most: int) -> str:
    return f"too large: raise {LIMIT}" if size > most else ""

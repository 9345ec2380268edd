"""The files of a zip or tar archive, read where they lie.

Nothing is unpacked, so no name in an archive can make anything be written anywhere.
"""

import hashlib
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

from ganlib.data.pictures import Found
from ganlib.errors import GanlibError

_LARGEST_FILE = 512 * 2**20
_TOO_LARGE = "larger than 512 MiB when unpacked"


def open_archive(path: Path) -> "ZipPictures | TarPictures":
    """The files of the archive at `path`.

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
        """A hash of the archive's size and time of change."""
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

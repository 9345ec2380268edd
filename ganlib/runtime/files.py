"""Where files lie, how they are written, whole or not at all, and how those of strangers are read."""

import errno
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from tqdm import tqdm

from ganlib.errors import GanlibError, plain

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WITHOUT_A_WORD = 2  # seconds
_MOVE_THE_CACHE = "set the environment variable XDG_CACHE_HOME to a folder that can be written"
_DRIVE = "content/drive/MyDrive"
_KAGGLE = "kaggle/working"
_LARGEST_JSON = 256 * 2**20
T = TypeVar("T")


def expand_home(path: str | Path) -> Path:
    """Replace a leading ~ by the home folder; where there is no such user, the path stays as it is.

    Raises:
        GanlibError: no file can have this name.
    """
    expanded = Path(os.path.expanduser(path))  # noqa: PTH111 (Path's own method raises a RuntimeError instead)
    check_place(expanded)
    return expanded


def check_place(path: Path) -> None:
    """Raise `GanlibError` if nothing can be found at `path`, whatever is there: a name too long, say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> GanlibError:
    """Make the error for a file or folder that cannot be read."""
    return GanlibError(f"'{plain(path)}' cannot be read ({getattr(error, 'strerror', None) or error}).")


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
    import msgspec  # in Colab it is installed only after this file was imported

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


def bundled_folder() -> Path:
    """Return the folder of bundled art and weights, in an installed package or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "bundled"
    return installed if installed.is_dir() else package.parent / "data"


def cache_folder() -> Path:
    """Return where downloads and prepared pictures are kept: `ganlib` in `$XDG_CACHE_HOME` or ~/.cache.

    Raises:
        GanlibError: that is not set and there is no home folder.
    """
    folder = expand_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    if folder.parts[0] == "~":
        raise GanlibError(f"There is no home folder to keep a cache in: {_MOVE_THE_CACHE}.")
    return folder / "ganlib"


def workspace(root: Path = Path("/")) -> Path:
    """Return the folder for runs and prepared pictures.

    That is `$GANLIB_WORKSPACE`, if it is set; `ganlib` in Google Drive, while that is mounted; what Kaggle
    keeps of a notebook; else the folder in which one works. `root` is where the file system begins.
    """
    return _kept(root) or Path()


def prepared_folder(root: Path = Path("/")) -> Path:
    """Return where prepared pictures are kept: with the runs if they outlive the machine, or in its cache."""
    kept = _kept(root)
    return kept / "prepared" if kept else cache_folder()


def is_kaggle() -> bool:
    """Tell whether this is a notebook on Kaggle, whose machines have Colab's module, too."""
    return "KAGGLE_KERNEL_RUN_TYPE" in os.environ


def drive_hint(root: Path = Path("/")) -> str:
    """Say what to type in Colab so that runs outlive it; nothing waits for an answer."""
    if (root / _DRIVE).is_dir():
        return f"Runs are kept in Google Drive, in {workspace(root)}."
    mount = "from google.colab import drive; drive.mount('/content/drive')"
    return f"Runs are lost with this runtime, unless you mount Google Drive before this cell: {mount}"


@contextmanager
def disk_errors_explained(path: Path) -> Iterator[None]:
    """Turn a failed write of `path` into a sentence.

    Raises:
        GanlibError: the disk is full, or the place may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_IS_FULL:
            raise GanlibError(
                f"The disk is full: '{path}' was not written, and what stood there before is untouched. "
                "Free some space and run the same command again."
            ) from error
        if error.errno in {errno.EEXIST, errno.ENOTDIR}:
            raise GanlibError(f"'{path}' cannot be a folder, a file stands there: choose another.") from error
        todo = "choose another"
        with suppress(GanlibError):  # there may be no cache
            todo = _MOVE_THE_CACHE if path.is_relative_to(cache_folder()) else todo
        raise GanlibError(
            f"'{plain(path)}' cannot be written ({error.strerror or error}): {todo}."
        ) from error


def make_folder(path: Path) -> Path:
    """Make the folder `path` and those above it, if they are not there.

    Raises:
        GanlibError: the disk is full, the place may not be written, or a file stands there.
    """
    with disk_errors_explained(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def locked(path: Path, doing: str, seconds: float = 600) -> Iterator[None]:
    """Hold the lock file `path` while entered; wait so many `seconds` for another process that holds it.

    A file system without locks gets a file as a mark; one that allows neither is used without. `doing` is
    what the process that holds it is most likely doing.

    Raises:
        GanlibError: another process holds it all that time, or the folder cannot be written.
    """
    make_folder(path.parent)
    lock = FileLock(path)
    try:
        _acquire(lock, seconds)
    except Timeout as error:
        raise GanlibError(
            f"Another process is {doing} in '{path.parent}' just now: wait until it has ended. If there is "
            f"none, because the folder was copied or a machine has died, remove '{path}'."
        ) from error
    except (OSError, NotImplementedError):
        pass
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, seconds: float) -> None:
    with warnings.catch_warnings(action="ignore"):  # that there are no locks, only marks
        try:
            lock.acquire(timeout=min(seconds, _WITHOUT_A_WORD))
        except Timeout:
            if seconds <= _WITHOUT_A_WORD:
                raise
            tqdm.write(f"Waiting for another process that holds '{plain(lock.lock_file)}' …", file=sys.stderr)
            lock.acquire(timeout=seconds - _WITHOUT_A_WORD)


def write_atomically(path: Path, write: Callable[[Path], object], keep: Path | None = None) -> None:
    """Let `write` fill a file beside `path`, then put it in its place in one step.

    It is on the disk, not on its way there, when this returns. What stood there before is kept as `keep`,
    if that is given.

    Raises:
        GanlibError: the disk is full or the place may not be written; `path` is as it was.
    """
    make_folder(path.parent)
    part = _part(path)
    with disk_errors_explained(path):
        try:
            write(part)
            _fsync(part)
            if keep:
                _keep(path, keep)
            part.replace(path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def is_part(path: Path) -> bool:
    """Tell whether `path` is what `write_atomically` leaves behind if it is killed."""
    return path.name.startswith(".") and path.stem.endswith(".part")


def sync(path: Path) -> None:
    """Wait until what was written to `path` is on the disk; raise `GanlibError` where that is full."""
    with disk_errors_explained(path):
        _fsync(path)


def _kept(root: Path) -> Path | None:
    if named := os.environ.get("GANLIB_WORKSPACE"):
        return expand_home(named)
    if (root / _DRIVE).is_dir():
        return root / _DRIVE / "ganlib"
    return root / _KAGGLE if (root / _KAGGLE).is_dir() else None


def _fsync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _part(path: Path) -> Path:
    return path.with_name(f".{path.stem}.part{path.suffix}")


def _keep(path: Path, keep: Path) -> None:
    """Give what stands at `path` the name `keep` as well, so that there is no moment without either."""
    link = _part(keep)
    link.unlink(missing_ok=True)
    try:
        link.hardlink_to(path)
    except OSError:  # a file system without links, such as a mounted drive
        path.replace(keep)
        return
    link.replace(keep)
    link.unlink(missing_ok=True)  # it stays where both names meant the same file before


def _sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk; Windows knows no such thing."""
    if os.name == "nt":
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:  # file systems over a network may not be able to
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(place)

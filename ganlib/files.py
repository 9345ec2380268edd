"""Writing files so that nothing is ever lost: whole or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ganlib.errors import GanlibError

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def expand_home(path: str | Path) -> Path:
    """`path` with a leading ~ replaced by the home folder, or left as it is where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 (Path's own method raises a RuntimeError instead)


def cache_folder() -> Path:
    """Where downloads and prepared pictures are kept: `$XDG_CACHE_HOME` or ~/.cache, in a folder `ganlib`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganlib"


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
        raise GanlibError(
            f"'{path}' cannot be written ({error.strerror or error}): choose another."
        ) from error


def make_folder(path: Path) -> Path:
    """Make the folder `path` and those above it, if they are not there.

    Raises:
        GanlibError: the disk is full, the place may not be written, or a file stands there.
    """
    with disk_errors_explained(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place in one step.

    Raises:
        GanlibError: the disk is full or the place may not be written; `path` is as it was.
    """
    make_folder(path.parent)
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    with disk_errors_explained(path):
        try:
            write(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

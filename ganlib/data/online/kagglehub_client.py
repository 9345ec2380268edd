"""Downloads with `kagglehub`, which needs no account for public data sets."""

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path

from ganlib.data.online.answers import ClientMissingError, ConnectionCutError, DamagedError, damaged, explain
from ganlib.data.online.credentials import Credential
from ganlib.data.online.handle import KaggleHandle
from ganlib.data.online.patching import replaced
from ganlib.data.online.unpacking import DAMAGE, check_archive, room_in
from ganlib.errors import GanlibError

_Unpack = Callable[[str, str], None]
_GOES = 5


def download(handle: KaggleHandle, credential: Credential | None = None) -> Path:
    """A folder that kagglehub has filled, or mounted, and that must not be written to.

    Raises:
        ClientMissingError: kagglehub is not installed.
        GanlibError: Kaggle refuses, does not answer, or sends what cannot be used.
    """
    _need_kagglehub()
    try:
        return _download_on(handle, credential)
    except DamagedError:  # it was thrown away: this starts clean
        return _download_on(handle, credential)


def _need_kagglehub() -> None:
    try:
        import kagglehub  # noqa: F401
    except ImportError as error:
        raise ClientMissingError("kagglehub is not installed: 'python -m pip install kagglehub'.") from error


def _download_on(handle: KaggleHandle, credential: Credential | None) -> Path:
    """Go on after every cut, a few times over."""
    for _ in range(_GOES - 1):
        with suppress(ConnectionCutError):
            return _download_once(handle, credential)
    return _download_once(handle, credential)


def _download_once(handle: KaggleHandle, credential: Credential | None) -> Path:
    import kagglehub

    try:
        # kagglesdk's print-out of requests, if somebody has switched it on, would show the token
        with _unpacking_checked(handle), redirect_stdout(io.StringIO()):
            return Path(kagglehub.dataset_download(str(handle)))
    except Exception as error:
        raise explain(error, handle, credential) from None


@contextmanager
def _unpacking_checked(handle: KaggleHandle) -> Iterator[None]:
    """kagglehub unpacks whatever comes, and never lets go of an archive that it cannot unpack."""
    from kagglehub import http_resolver

    name = "_extract_archive"
    unpack: _Unpack | None = getattr(http_resolver, name, None)
    if unpack is None:
        yield
        return
    with replaced(http_resolver, name, partial(_unpack, unpack, handle)):
        yield


def _unpack(unpack: _Unpack, handle: KaggleHandle, archive_path: str, out_path: str) -> None:
    """Unpack all of it, or leave nothing of it behind."""
    archive, out = Path(archive_path), Path(out_path)
    try:
        _unpack_checked(unpack, handle, archive, out)
    except GanlibError:
        archive.unlink(missing_ok=True)
        shutil.rmtree(out, ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise


def _unpack_checked(unpack: _Unpack, handle: KaggleHandle, archive: Path, out: Path) -> None:
    try:
        check_archive(archive, room_in(out))
        unpack(str(archive), str(out))
    except DAMAGE:
        raise damaged(handle) from None
    except tarfile.TarError:
        raise GanlibError(
            f"The archive of '{handle}' is refused: it holds links or names that lead out of its folder. "
            "Choose another data set."
        ) from None

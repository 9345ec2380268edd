"""Downloads with Kaggle's official client, `kaggle`, for those who have a credential."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ganlib.data.online.answers import ClientMissingError, DamagedError, RefusedError, explain
from ganlib.data.online.credentials import Credential
from ganlib.data.online.handle import KaggleHandle
from ganlib.data.online.unpacking import check_every_byte
from ganlib.runtime.files import cache_folder, disk_errors_explained, make_folder


def kept_archive(handle: KaggleHandle) -> Path:
    """Where the archive of this data set lies when it is there and whole."""
    folder = cache_folder() / "downloads" / "kaggle" / handle.owner / handle.name
    version = f"version-{handle.version}" if handle.version else "latest"
    return folder / version / f"{handle.name}.zip"


def download(handle: KaggleHandle, credential: Credential) -> Path:
    """The data set as one zip file, every byte of it checked and none unpacked.

    Raises:
        ClientMissingError: the client is not installed.
        GanlibError: Kaggle refuses, does not answer, or sends what cannot be used.
    """
    archive = kept_archive(handle)
    part = archive.parent.with_suffix(".part")
    with signed_in(handle, credential) as client:
        _fill(client, part, handle, credential)
    with disk_errors_explained(archive):
        shutil.rmtree(archive.parent, ignore_errors=True)
        part.replace(archive.parent)
    return archive


@contextmanager
def signed_in(handle: KaggleHandle, credential: Credential) -> Iterator[Any]:
    """The official client, with `credential` in the environment as long as it is at work.

    Raises:
        ClientMissingError: the client is not installed.
        GanlibError: Kaggle refuses the credential, or does not answer.
    """
    with credential.in_environment():
        yield _client(handle, credential)


def _client(handle: KaggleHandle, credential: Credential) -> Any:
    """The client, without its page of advice; it ends the program where it knows no other way."""
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            import kaggle

            client = kaggle.api
            client.config_values = {}  # an earlier credential may have left itself there
            client.enable_oauth = credential.is_login  # version 2.0 asks for this, later ones do not
            client.authenticate()
    except ImportError as error:
        raise ClientMissingError("kaggle is not installed: 'python -m pip install kaggle'.") from error
    except (SystemExit, NameError):  # the client calls `exit`, a name that IPython takes away
        raise RefusedError(handle, HTTPStatus.UNAUTHORIZED, credential) from None
    except Exception as error:
        raise explain(error, handle, credential) from None
    return client


def _fill(client: Any, part: Path, handle: KaggleHandle, credential: Credential) -> None:
    """Go on with what lies in `part`, or start clean where that turns out to be worth nothing."""
    try:
        _fill_once(client, part, handle, credential)
    except DamagedError:
        _fill_once(client, part, handle, credential)


def _fill_once(client: Any, part: Path, handle: KaggleHandle, credential: Credential) -> None:
    make_folder(part)
    name = f"{handle.owner}/{handle.name}" + (f"/{handle.version}" if handle.version else "")
    try:
        with redirect_stdout(io.StringIO()):
            client.dataset_download_files(name, path=str(part), quiet=False, unzip=False)
        check_every_byte(part / f"{handle.name}.zip")
    except Exception as error:
        sentence = explain(error, handle, credential)
        if isinstance(sentence, DamagedError):
            shutil.rmtree(part, ignore_errors=True)
        raise sentence from None

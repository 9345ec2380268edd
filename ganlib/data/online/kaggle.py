"""Picture sets on Kaggle: what is there already, and what is still to fetch."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ganlib.data.online import kagglehub_client, official_client
from ganlib.data.online.answers import ClientMissingError, RefusedError
from ganlib.data.online.credentials import HOW_TO_GET_A_TOKEN, Credential, find_credential
from ganlib.data.online.handle import KaggleHandle
from ganlib.errors import GanlibError
from ganlib.runtime.files import is_kaggle


def downloaded(handle: KaggleHandle) -> Path | None:
    """The folder or zip file of a data set that is on this machine already, and whole; asks nobody."""
    places = (*_mounts(handle), *_hub_folders(handle), *_archives(handle))
    return next((place for place in places if _holds_something(place)), None)


def fetch(handle: KaggleHandle) -> Path:
    """A folder or a zip file with the data set, which may lie where nothing can be written.

    Raises:
        GanlibError: Kaggle refuses, does not answer, or sends what cannot be used; no client is installed.
    """
    there = downloaded(handle)
    if there:
        return there
    try:
        return kagglehub_client.download(handle)
    except (ClientMissingError, RefusedError) as reason:
        credential = find_credential()
        if credential is None:
            raise _without_credential(reason) from None
    return _fetch_as_somebody(handle, credential)


def _fetch_as_somebody(handle: KaggleHandle, credential: Credential) -> Path:
    try:
        return official_client.download(handle, credential)
    except ClientMissingError:
        with credential.in_environment():
            return kagglehub_client.download(handle, credential)


def _without_credential(reason: GanlibError) -> GanlibError:
    if isinstance(reason, RefusedError):
        return reason
    return GanlibError(
        "kagglehub is not installed, which fetches public data sets without an account: "
        f"'python -m pip install kagglehub'. The other client, kaggle, needs a token: {HOW_TO_GET_A_TOKEN}."
    )


def _mounts(handle: KaggleHandle) -> Iterator[Path]:
    """Where a notebook on Kaggle finds the data sets added to it; of what version, it cannot see."""
    if not is_kaggle() or handle.version:
        return
    base = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER") or "/kaggle/input")
    yield base / "datasets" / handle.owner / handle.name
    yield base / handle.name


def _hub_folders(handle: KaggleHandle) -> Iterator[Path]:
    """kagglehub's folders of this data set, the newest first; it sets a mark beside one when it is whole."""
    cache = os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub"
    base = Path(cache) / "datasets" / handle.owner / handle.name
    marks = base.glob(f"{handle.version or '*'}.complete")
    for version in sorted((int(mark.stem) for mark in marks if mark.stem.isdecimal()), reverse=True):
        yield base / "versions" / str(version)


def _archives(handle: KaggleHandle) -> Iterator[Path]:
    """The official client's archives; they get their names when they are whole."""
    yield official_client.kept_archive(handle)
    if not handle.version:
        folders = official_client.kept_archive(handle).parent.parent.glob("version-*")
        numbers = (folder.name.removeprefix("version-") for folder in folders)
        for number in sorted((int(number) for number in numbers if number.isdecimal()), reverse=True):
            yield official_client.kept_archive(handle._replace(version=number))


def _holds_something(place: Path) -> bool:
    if place.is_dir():
        return any(place.iterdir())
    return place.is_file() and zipfile.is_zipfile(place)

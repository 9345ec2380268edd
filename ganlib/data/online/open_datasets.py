"""Downloads with the package `opendatasets`, for those who ask for it by name."""

import getpass
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
import urllib.error
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ganlib.data.online.answers import ClientMissingError, explain
from ganlib.data.online.credentials import HOW_TO_GET_A_TOKEN, Credential, find_credential
from ganlib.data.online.handle import KaggleHandle, parse_handle
from ganlib.data.online.official_client import signed_in
from ganlib.data.online.patching import replaced
from ganlib.data.online.unpacking import DAMAGE, check_archive, check_every_byte, room_in
from ganlib.errors import GanlibError
from ganlib.runtime.files import cache_folder, disk_errors_explained, make_folder

_WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_DRIVE = re.compile(r"(?:https?://)?(?:drive|docs)\.google\.com/")
_DRIVE_FILE = re.compile(r"https?://drive\.google\.com/file/d/[\w-]+")
_LINK = re.compile(r"https?://\S+")


def fetch(source: str) -> Path:
    """The folder, or the one file, that a Kaggle handle or address or a link leads to.

    Raises:
        GanlibError: opendatasets is missing or cannot fetch this, or nobody is there to type a credential.
    """
    source = source.strip()
    handle = parse_handle(source)
    _check_source(source, handle)
    whole = _kept_folder(source)
    if not whole.is_dir():
        part = whole.with_name(f"{whole.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        _download(source, handle, make_folder(part))
        with disk_errors_explained(whole):
            part.replace(whole)
    files = [file for file in whole.rglob("*") if file.is_file()]
    return files[0] if len(files) == 1 and _is_archive(files[0]) else whole


def somebody_can_answer() -> bool:
    """Whether a person sits at a terminal, or at a notebook that passes questions on."""
    shell = sys.modules.get("IPython")
    kernel = getattr(shell.get_ipython(), "kernel", None) if shell else None
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def _check_source(source: str, handle: KaggleHandle | None) -> None:
    if handle is not None and handle.version:
        raise GanlibError(
            f"opendatasets knows no versions: leave '/versions/{handle.version}' or opendatasets out."
        )
    if _DRIVE.match(source) and not _DRIVE_FILE.match(source):
        raise GanlibError(
            f"'{source}' is not a file on Google Drive: share one archive there with everybody who has the "
            "link, and paste that link, https://drive.google.com/file/d/..."
        )
    if handle is None and not _LINK.fullmatch(source):
        raise GanlibError(
            f"opendatasets cannot fetch '{source}': name a Kaggle data set as 'owner/name', or a link to a "
            "file, https://..."
        )


def _kept_folder(source: str) -> Path:
    """A folder for every source, which has this name only when it is whole."""
    name = re.sub(r"\W+", "-", source.partition("?")[0])[-60:].strip("-")
    mark = hashlib.sha256(source.encode()).hexdigest()[:12]
    return cache_folder() / "downloads" / "opendatasets" / f"{name}-{mark}"


def _is_archive(file: Path) -> bool:
    return zipfile.is_zipfile(file) or tarfile.is_tarfile(file)


def _package() -> Any:
    try:
        import opendatasets
    except ImportError as error:
        wanted = "opendatasets legacy-cgi" if error.name == "cgi" else "opendatasets"
        raise ClientMissingError(
            f"opendatasets is not installed, or not completely: 'python -m pip install {wanted}'; "
            "or do without it, kagglehub fetches public data sets without an account."
        ) from error
    return opendatasets


def _download(source: str, handle: KaggleHandle | None, folder: Path) -> None:
    package = _package()
    if handle:
        _download_from_kaggle(package, handle, folder)
    else:
        _download_link(package, source, folder)


def _download_from_kaggle(package: Any, handle: KaggleHandle, folder: Path) -> None:
    credential = _in_working_folder() or find_credential() or _ask()
    with signed_in(handle, credential) as client, _without_questions(package):
        try:
            with _left_packed(type(client)), redirect_stdout(io.StringIO()):
                package.download(handle.url, data_dir=str(folder))
            check_every_byte(folder / handle.name / f"{handle.name}.zip")
        except Exception as error:
            raise explain(error, handle, credential) from None


def _in_working_folder() -> Credential | None:
    """opendatasets' own place for a credential, which the other clients do not know."""
    try:
        facts = json.loads(Path("kaggle.json").read_text(encoding="utf-8-sig"))
        origin = "the file kaggle.json in the working folder"
        return Credential(origin, username=str(facts["username"]), key=str(facts["key"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask() -> Credential:
    if not somebody_can_answer():
        raise GanlibError(
            "opendatasets would ask for a Kaggle credential now, and nobody is there to type one: "
            f"{HOW_TO_GET_A_TOKEN}."
        )
    try:
        username = input("Your Kaggle username: ").strip()
        key = getpass.getpass("Your Kaggle key (it is not shown): ").strip()
    except EOFError:
        username = key = ""
    if not (username and key):
        raise GanlibError(f"Without a Kaggle credential opendatasets fetches nothing: {HOW_TO_GET_A_TOKEN}.")
    return Credential("what was typed", username=username, key=key)


@contextmanager
def _without_questions(package: Any) -> Iterator[None]:
    """opendatasets looks at no place but ./kaggle.json: the credential stands in the environment already."""
    with replaced(package.utils.kaggle_api, "read_kaggle_creds", lambda: True):
        yield


@contextmanager
def _left_packed(client: Any) -> Iterator[None]:
    """opendatasets has everything unpacked, however large: the archive is read where it lies instead."""
    download = client.dataset_download_files

    def keep_packed(*args: Any, **options: Any) -> Any:
        return download(*args, **{**options, "unzip": False})

    with replaced(client, "dataset_download_files", keep_packed):
        yield


def _download_link(package: Any, source: str, folder: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(replaced(package.utils.network, "cgi", _bare_names(package.utils.network.cgi)))
        stack.enter_context(replaced(package.utils.googledrive, "zipfile", _checked_zipfile()))
        stack.enter_context(redirect_stdout(io.StringIO()))
        try:
            package.download(source, data_dir=str(folder))
            _check_files(source, folder)
        except Exception as error:
            raise _explain_link(source, error) from None


def _bare_names(cgi: Any) -> SimpleNamespace:
    """A server may name the file, but not the folder that it goes to."""

    def parse_header(line: str) -> tuple[str, dict[str, str]]:
        kind, options = cgi.parse_header(line)
        name = re.split(r"[/\\]", options.get("filename", ""))[-1]
        return kind, {"filename": name} if name.strip(".") else {}

    return SimpleNamespace(parse_header=parse_header)


def _checked_zipfile() -> SimpleNamespace:
    """The module `zipfile`, as far as opendatasets uses it, with a look inside before unpacking."""

    class CheckedZipFile(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
            check_archive(Path(str(self.filename)), room_in(Path(path)))
            super().extractall(path, members, pwd)

    return SimpleNamespace(ZipFile=CheckedZipFile, BadZipFile=zipfile.BadZipFile)


def _check_files(source: str, folder: Path) -> None:
    """A link may lead to a page of a web site, and an archive may be broken."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as opened:
            if len(files) == 1 and _WEB_PAGE.match(opened.read(512)):
                raise GanlibError(
                    f"'{source}' leads to a web page: paste the link behind its download button."
                )
        if zipfile.is_zipfile(file):
            check_every_byte(file)
    if not files:
        raise GanlibError(f"'{source}' leads to nothing: check the link.")


def _explain_link(source: str, error: Exception) -> GanlibError:
    if isinstance(error, GanlibError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        return GanlibError(f"'{source}' cannot be downloaded (HTTP {error.code}): check the link.")
    if isinstance(error, urllib.error.ContentTooShortError):
        return GanlibError(
            f"The connection broke while '{source}' came in: run the same again, it starts anew."
        )
    if isinstance(error, DAMAGE) or "Bad zip" in str(error):
        return GanlibError(f"What '{source}' leads to is an archive that cannot be read: check the link.")
    return GanlibError(f"'{source}' cannot be downloaded ({type(error).__name__}: {error}): check the link.")

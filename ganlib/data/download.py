"""Picture sets from the internet, fetched by other people's clients, called as their manuals say.

A client of Kaggle works in a process of its own: what it prints, asks or unpacks there cannot harm ours, and
it is stopped before it fills the disk. What the clients do badly is told in docs/using.md.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from ganlib.errors import GanlibError, without_secrets
from ganlib.runtime.files import cache_folder, expand_home, is_kaggle, make_folder, read_json

TOKEN, USER, KEY = "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"
HOW_TO_GET_A_TOKEN = (
    "open https://www.kaggle.com/settings, under 'API' click 'Generate New Token', and put the token into "
    f"the environment variable {TOKEN}, the file ~/.kaggle/access_token or the Colab secret {TOKEN}"
)
_MOUNTED = Path("/kaggle/input")
_SECRETS_WAIT = 20.0  # seconds: enough to answer Colab's question, and an end where nobody is there
_LOOK_EVERY = 0.2  # seconds
_MOST_BYTES, _LEFT_FREE = 64 * 2**30, 2**30

_HANDLE = r"[\w-]+/[\w-]+(?:/versions/[1-9]\d*)?"
_ADDRESS = re.compile(
    rf"(?:https?://)?(?:www\.)?kaggle\.com(?:/(?:api/v1/)?(?:datasets/)?(?:download/)?({_HANDLE}(?![^/?#]))?.*)?",
    re.ASCII | re.IGNORECASE,
)
_OTHER_PAGES = {"c", "code", "competitions", "datasets", "docs", "kernels", "learn", "models", "notebooks"}

_CALLS = {
    "kagglehub": "import kagglehub; place = kagglehub.dataset_download(source)",
    "kaggle": "import kaggle; kaggle.api.dataset_download_files(source, path=place, quiet=False)",
    "opendatasets": "import opendatasets; opendatasets.download(source, data_dir=place)",
    # The file gets a name of ours, or else the server could choose where it is written.
    "link": "from opendatasets.utils.network import download_url as get; get(source, place, 'archive')",
    "drive": "from opendatasets.utils.googledrive import download_file_from_google_drive as get; "
    "get(source, place, 'archive')",
}
_PROCESS = """
import json, sys
source, place, report = sys.argv[1:]
try:
    {call}
    said = dict(place=place)
except ImportError as error:
    said = dict(kind="missing", reason={{"cgi": "legacy-cgi"}}.get(error.name, error.name))
except SystemExit:  # this is how `kaggle` says that it found no credential
    said = dict(kind="401")
except (Exception, KeyboardInterrupt) as error:
    kind, response = "broken" if isinstance(error, OSError) else "useless", getattr(error, "response", None)
    # A client's words may quote a token, so may the name of a file; the system's own words are safe.
    words = str(error) if "credentials file" in str(error) else getattr(error, "strerror", None)
    said = dict(kind=kind, reason=": ".join(filter(None, [type(error).__name__, words])))
    if response is not None:
        said["kind"] = str(response.status_code)
with open(report, "w") as file:
    json.dump(said, file)
"""
_SENTENCES = {
    "401": "Kaggle gives '{source}' only to people it knows, and {credential} is not enough (401): {how}. "
    "A public data set needs none: remove one that has expired.",
    "403": "Kaggle does not give out '{source}' yet (403): open its page, accept its terms or ask for access "
    "and run the same again. Kaggle must know you for that: {how}.",
    "404": "There is no data set '{source}' on Kaggle (404), nor a folder of that name here: check its name.",
    "429": "Kaggle asks to wait (429): run the same again in a few minutes.",
    "missing": "A package for '{source}' is not installed: type 'python -m pip install {reason}'.",
    "broken": "'{source}' did not arrive whole ({reason}): check the connection (in a Kaggle notebook, turn "
    "'Internet' on) and the space on the disk, and run the same again, which goes on where it can.",
    "useless": "'{source}' cannot be used ({reason}), and what came was thrown away: run the same again "
    "later, or download it in the browser and name the file.",
}


@dataclass
class _Said:
    """What a client's process says at its end: where the pictures are, or why they are not."""

    place: str | None = None
    kind: str = "useless"
    reason: str = "its client was ended"


class _ClientError(GanlibError):
    def __init__(self, source: str, kind: str = "useless", reason: str = "") -> None:
        self.kind = kind
        sentence = _SENTENCES.get(kind, f"Kaggle did not send '{{source}}' (HTTP {kind}): try again later.")
        credential = find_credential() or "no credential"
        super().__init__(
            sentence.format(source=source, reason=reason, credential=credential, how=HOW_TO_GET_A_TOKEN)
        )


def parse_handle(text: str) -> str | None:
    """Read "owner/name" or "owner/name/versions/3" from itself or a pasted Kaggle address; None for others.

    Raises:
        GanlibError: it is an address on Kaggle, but not that of a data set.
    """
    text = text.strip()
    if not (address := _ADDRESS.fullmatch(text)):
        return text if re.fullmatch(_HANDLE, text, re.ASCII) else None
    if address[1] is None or address[1].split("/")[0] in _OTHER_PAGES:
        raise GanlibError(
            f"'{text}' is not the page of a data set on Kaggle: open that page, whose address looks like "
            "https://www.kaggle.com/datasets/owner/name, and paste it, or only its 'owner/name'."
        )
    return address[1]


def find_credential() -> str:
    """Say where Kaggle's clients find a credential on this machine; empty if they find none."""
    folder = expand_home("~/.kaggle")
    token, pair = folder / "access_token", Path(os.environ.get("KAGGLE_CONFIG_DIR") or folder, "kaggle.json")
    places = {
        f"the environment variable {TOKEN}": TOKEN in os.environ,
        f"the file {token}": token.is_file(),
        f"the environment variables {USER} and {KEY}": USER in os.environ and KEY in os.environ,
        f"the file {pair}": pair.is_file(),
    }
    return next((place for place, there in places.items() if there), "")


def fetch(handle: str) -> Path:
    """Find a Kaggle data set on this machine, or download it, as a folder or zip file not to be written to.

    Raises:
        GanlibError: Kaggle refuses or does not answer, or what it sends is of no use.
    """
    for place in _folders(handle):
        if place.is_dir() and any(place.iterdir()):
            return place
    try:
        return _fetch_with_kagglehub(handle)
    except _ClientError as error:
        if error.kind not in {"401", "403"} or not (token := colab_token()):
            raise
        return _fetch_with_kagglehub(handle, token)


def _fetch_with_kagglehub(handle: str, token: str = "") -> Path:
    folder = _hub_folder(handle)
    try:
        return _call("kagglehub", handle, make_folder(folder.parents[1]), token)
    except _ClientError as error:
        if error.kind == "useless":  # kagglehub would unpack the same archive again and again
            for archive in folder.glob("*.archive"):
                shutil.rmtree(folder / "versions" / archive.stem, ignore_errors=True)
                archive.unlink()
        raise


def fetch_with_kaggle(handle: str) -> Path:
    """Download a data set as one zip file, which stays packed; raises as `fetch` does."""
    whole, archive = _kept("kaggle", handle), handle.split("/")[1] + ".zip"
    if not whole.is_dir():
        with _filled(whole) as part:
            _call("kaggle", handle.replace("/versions/", "/"), part)
            if not zipfile.is_zipfile(part / archive):
                raise _ClientError(handle, reason="it is no zip file")
    return whole / archive


def fetch_with_opendatasets(source: str) -> Path:
    """Download a Kaggle data set as a folder, or the archive behind a link; raises as `fetch` does."""
    source = source.strip()
    handle, whole = parse_handle(source), _kept("opendatasets", source)
    if not whole.is_dir():
        # opendatasets takes whatever lies there for whole.
        shutil.rmtree(whole.with_suffix(".part"), ignore_errors=True)
        with _filled(whole) as part:
            _fetch_asking(handle, part) if handle else _fetch_link(source, part)
    return whole if handle else whole / "archive"


def _fetch_asking(handle: str, part: Path) -> None:
    if "/versions/" in handle:
        raise GanlibError(f"opendatasets fetches the newest version only: leave it or '{handle[-9:]}' out.")
    asks = not Path("kaggle.json").is_file()
    if asks and not (sys.stdin and sys.stdin.isatty()):
        raise GanlibError(
            "opendatasets knows no credential but a file kaggle.json in this folder, and would ask for one "
            "where nobody can answer: leave opendatasets out, public data sets need no account then; or open "
            "https://www.kaggle.com/settings, click 'Create Legacy API Key', and put that file here."
        )
    _call("opendatasets", f"https://www.kaggle.com/datasets/{handle}", part, asks=asks)


def _fetch_link(link: str, part: Path) -> None:
    if not re.match("https?://", link):
        raise GanlibError(f"opendatasets cannot fetch '{link}': name 'owner/name' on Kaggle, or https://...")
    drive, file = re.match(r"https?://drive\.google\.com/file/d/([\w-]+)", link), part / "archive"
    _call("drive", drive[1], part) if drive else _call("link", link, part)
    if not (zipfile.is_zipfile(file) or tarfile.is_tarfile(file)):
        raise _ClientError(link, reason="a zip or tar archive lies behind the button of a page, not at it")


def _folders(handle: str) -> Iterator[Path]:
    """Where the set may lie already: mounted by Kaggle, or in kagglehub's cache, the newest version first."""
    owner, name, *version = handle.split("/")
    if is_kaggle() and not version:
        yield from (_MOUNTED / "datasets" / owner / name, _MOUNTED / name)
    # kagglehub puts a mark beside every version that is whole.
    marks = _hub_folder(handle).glob(f"{version[-1] if version else '*'}.complete")
    for number in sorted((int(mark.stem) for mark in marks), reverse=True):
        yield _hub_folder(handle) / "versions" / str(number)


def _hub_folder(handle: str) -> Path:
    cache = os.environ.get("KAGGLEHUB_CACHE") or expand_home("~/.cache/kagglehub")
    return Path(cache, "datasets", *handle.split("/")[:2])


def _kept(client: str, source: str) -> Path:
    """A folder for every download, which has this name only when it is whole."""
    return cache_folder() / "downloads" / client / hashlib.sha256(source.encode()).hexdigest()[:16]


@contextmanager
def _filled(whole: Path) -> Iterator[Path]:
    """Give a folder to fill; what it holds after a failure is kept only if the client can go on with it."""
    part = make_folder(whole.with_suffix(".part"))
    try:
        yield part
    except _ClientError as error:
        if error.kind == "useless":
            shutil.rmtree(part)
        raise
    part.replace(whole)


def _call(client: str, source: str, place: Path, token: str = "", *, asks: bool = False) -> Path:
    """Let a client download `source` to `place`, or to where it says; only one that `asks` is heard."""
    quiet = None if asks else subprocess.DEVNULL
    environment = {**os.environ, TOKEN: token} if token else None
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        program = [sys.executable, "-P", "-c", _PROCESS.format(call=_CALLS[client])]
        with subprocess.Popen(
            [*program, source, place, report],
            env=environment,
            stdin=quiet,
            stdout=quiet,
            stderr=subprocess.PIPE,
        ) as process:
            progress = threading.Thread(target=_pass_on, args=(process.stderr,))
            progress.start()
            try:
                fits = _ends(process, place)
            finally:
                process.kill()
                progress.join()
        if not fits:
            raise _ClientError(source, reason="it unpacks to more than there is room for")
        said = read_json(report, _Said) if report.is_file() else _Said()
    if said.place is None:
        raise _ClientError(source, said.kind, without_secrets(said.reason, token))
    return Path(said.place)


def _pass_on(progress: IO[bytes]) -> None:
    """Show a client's progress where ours is shown: in Colab, that of another process is not."""
    with TextIOWrapper(progress, "utf-8", "replace", newline="") as letters:
        sys.stderr.writelines(iter(partial(letters.read, 1), ""))


def _ends(process: "subprocess.Popen[bytes]", place: Path) -> bool:
    """Wait for a client, but for no more bytes than there is room for, whatever an archive unpacks to."""
    free = shutil.disk_usage(place).free
    while free - shutil.disk_usage(place).free <= min(_MOST_BYTES, free - _LEFT_FREE):
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_EVERY)
            return True
    return False


def colab_token() -> str:
    """Ask Colab for its secret, and wait as long as a person needs to allow it; empty if there is none."""
    try:
        from google.colab import userdata
    except ImportError:
        return ""
    secrets: list[str] = []

    def read() -> None:
        with suppress(Exception):  # each kind of refusal has a class of its own
            secrets.append(userdata.get(TOKEN).strip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(_SECRETS_WAIT)
    return secrets[0] if secrets else ""

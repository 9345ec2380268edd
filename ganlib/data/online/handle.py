"""Which data set on Kaggle a person means: a handle, or whatever was copied from the browser."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

from ganlib.errors import GanlibError

_SLUG = re.compile(r"[A-Za-z0-9_-]+")
_HANDLE = re.compile(r"([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:/versions/([1-9][0-9]{0,8}))?")
_KAGGLE = re.compile(r"(?:https?://)?(?:www\.)?kaggle\.com(?:[:/?#]|$)", re.IGNORECASE)
_HOSTS = {"kaggle.com", "www.kaggle.com"}
_OTHER_PAGES = {
    "c": "a competition",
    "competitions": "a competition",
    "code": "a notebook",
    "kernels": "a notebook",
    "notebooks": "a notebook",
    "models": "a model",
}
_PLACES = {"account", "benchmarks", "discussions", "docs", "learn", "organizations", "search", "settings"}
_USER_TABS = {"about", "account", "code", "competitions", "datasets", "discussion", "followers", "models"}
_SET_TABS = {"", "activity", "code", "data", "discussion", "download", "metadata", "settings", "versions"}


class KaggleHandle(NamedTuple):
    """A data set on Kaggle, of the newest version or of one that was asked for."""

    owner: str
    name: str
    version: int | None = None

    def __str__(self) -> str:
        """As both clients and Kaggle's own pages write it."""
        return f"{self.owner}/{self.name}" + (f"/versions/{self.version}" if self.version else "")

    @property
    def url(self) -> str:
        """The page of the data set."""
        return f"https://www.kaggle.com/datasets/{self.owner}/{self.name}"


def parse_handle(text: str) -> KaggleHandle | None:
    """The data set that "owner/name", "owner/name/versions/3" or a pasted Kaggle address means, else None.

    Raises:
        GanlibError: it is an address on Kaggle, but not that of a data set.
    """
    text = text.strip()
    match = _HANDLE.fullmatch(text)
    if match:
        return KaggleHandle(match[1], match[2], _number(match[3]))
    url = _kaggle_url(text)
    return None if url is None else _handle_of(url, text)


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _kaggle_url(text: str) -> SplitResult | None:
    if not _KAGGLE.match(text):
        return None
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    return url if url.hostname in _HOSTS else None


def _handle_of(url: SplitResult, text: str) -> KaggleHandle:
    parts = [part for part in url.path.split("/") if part]
    if parts[:4] == ["api", "v1", "datasets", "download"]:
        parts = ["datasets", *parts[4:]]
    slugs, tail = _owner_and_name(parts, text)
    if not all(_SLUG.fullmatch(slug) for slug in slugs):
        raise _no_data_set(text, "no data set")
    return KaggleHandle(slugs[0], slugs[1], _version(tail, url.query, text))


def _owner_and_name(parts: list[str], text: str) -> tuple[list[str], list[str]]:
    """The owner and the name, and what follows them; old addresses do without the word "datasets"."""
    first, rest = (parts or [""])[0], parts[1:]
    if first in _OTHER_PAGES:
        raise _no_data_set(text, _OTHER_PAGES[first])
    if first == "datasets":
        if len(rest) < len(KaggleHandle._fields) - 1:
            raise _no_data_set(text, "a list of data sets")
        return rest[:2], rest[2:]
    if first in _PLACES or not first:
        raise _no_data_set(text, "no data set")
    if not rest or rest[0] in _USER_TABS:
        raise _no_data_set(text, "a user")
    if [*rest[1:], ""][0] not in _SET_TABS:
        raise _no_data_set(text, "a notebook")
    return parts[:2], parts[2:]


def _version(tail: list[str], query: str, text: str) -> int | None:
    asked = tail[1] if tail[:1] == ["versions"] and tail[1:] else ""
    asked = asked or parse_qs(query).get("datasetVersionNumber", [""])[0]
    if not asked:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", asked):
        raise _no_data_set(text, "no version of a data set")
    return int(asked)


def _no_data_set(text: str, kind: str) -> GanlibError:
    return GanlibError(
        f"'{text}' is the page of {kind} on Kaggle: open the page of a data set, whose address looks like "
        "https://www.kaggle.com/datasets/owner/name, and paste that, or only its 'owner/name'."
    )

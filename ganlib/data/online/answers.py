"""What Kaggle and its clients answer, as one sentence that says what to do."""

import errno
import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ganlib.data.online.credentials import HOW_TO_GET_A_TOKEN, KEY, TOKEN, Credential
from ganlib.data.online.handle import KaggleHandle
from ganlib.data.online.unpacking import DAMAGE
from ganlib.errors import GanlibError

_DISK_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GO_ON = "Run the same again: it goes on where it stopped."


class ClientMissingError(GanlibError):
    """The client is not installed."""


class RefusedError(GanlibError):
    """Kaggle wants a credential, another one, or a consent (401 and 403)."""

    def __init__(self, handle: KaggleHandle, status: int, credential: Credential | None = None) -> None:
        """Word the refusal of `credential`, or of somebody who showed none."""
        self.status = status
        super().__init__(_refusal(handle, status, credential))


class ConnectionCutError(GanlibError):
    """The connection broke while the data set came in."""


class DamagedError(GanlibError):
    """What came in is not the archive that it should be."""


def explain(error: Exception, handle: KaggleHandle, credential: Credential | None = None) -> GanlibError:
    """The sentence for what a client raised; `credential` is the one that was shown to Kaggle."""
    if isinstance(error, GanlibError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is not None:
        return _explain_status(int(status), dict(getattr(response, "headers", {})), handle, credential)
    if _is_damage(error):
        return damaged(handle)
    return _explain_connection(error, handle) or _explain_rest(error, handle, credential)


def damaged(handle: KaggleHandle) -> DamagedError:
    """The sentence for a file that is not the archive it should be."""
    return DamagedError(
        f"What Kaggle sent for '{handle}' is not an archive that can be read, and was thrown away: "
        f"run the same again later, or download it from {handle.url} by hand and name the file."
    )


def _is_damage(error: Exception) -> bool:
    named = type(error).__name__ == "DataCorruptionError" or "archive type" in str(error)
    return isinstance(error, DAMAGE) or named


def _refusal(handle: KaggleHandle, status: int, credential: Credential | None) -> str:
    if status == HTTPStatus.FORBIDDEN:
        token = "" if credential else f" Kaggle must also know you for that: {HOW_TO_GET_A_TOKEN}."
        return (
            f"Kaggle does not hand out '{handle}' yet (403): open {handle.url}, accept its terms or ask for "
            f"access there, and run the same again; where there is no such page, check the spelling.{token}"
        )
    if credential:
        return (
            f"Kaggle refuses the credential from {credential.origin} (401): it is mistyped, expired or "
            f"withdrawn. For a new one, {HOW_TO_GET_A_TOKEN}; or remove it, public data sets need none."
        )
    return f"Kaggle hands out '{handle}' only to people it knows (401): {HOW_TO_GET_A_TOKEN}."


def _explain_status(
    status: int, headers: dict[str, str], handle: KaggleHandle, credential: Credential | None
) -> GanlibError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return RefusedError(handle, status, credential)
    if status == HTTPStatus.NOT_FOUND:
        return GanlibError(
            f"There is no data set '{handle}' on Kaggle (404), and no folder of that name here: check the "
            f"spelling, {handle.url} should be its page."
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return GanlibError(f"Kaggle asks to wait {_how_long(headers)} (429): run the same again after that.")
    return GanlibError(
        f"Kaggle has trouble of its own (HTTP {status}) and did not send '{handle}': try again later."
    )


def _how_long(headers: dict[str, str]) -> str:
    wish = next((value.strip() for name, value in headers.items() if name.lower() == "retry-after"), "")
    if wish.isascii() and wish.isdigit():
        return f"{wish} seconds"
    until = _date(wish)
    return f"until {until:%d %B %Y, %H:%M:%S} UTC" if until else "a few minutes"


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None


def _explain_connection(error: Exception, handle: KaggleHandle) -> GanlibError | None:
    """Whether no connection came about, or one that was there broke."""
    import requests
    import urllib3

    if isinstance(error, (requests.ConnectTimeout, urllib3.exceptions.MaxRetryError)) or any(
        isinstance(cause, urllib3.exceptions.MaxRetryError) for cause in error.args
    ):
        return GanlibError(
            f"Kaggle cannot be reached, so '{handle}' cannot be downloaded: check the connection to the net "
            "(in a Kaggle notebook, the switch 'Internet' among the settings) and run the same again."
        )
    broken = (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError)
    if isinstance(error, broken) or "does not match expected size" in str(error):
        return ConnectionCutError(f"The connection to Kaggle broke while '{handle}' came in. {_GO_ON}")
    return None


def _explain_rest(error: Exception, handle: KaggleHandle, credential: Credential | None) -> GanlibError:
    if isinstance(error, OSError) and error.errno in _DISK_IS_FULL:
        return GanlibError(f"The disk is full, '{handle}' did not fit: free some space. {_GO_ON}")
    if isinstance(error, PermissionError):
        return GanlibError(
            f"'{error.filename}' may not be written: let it be, or set KAGGLEHUB_CACHE to another."
        )
    if "credentials file" in str(error):
        return GanlibError(f"{_text(error, credential)}: delete that kaggle.json, or {HOW_TO_GET_A_TOKEN}.")
    return GanlibError(
        f"Kaggle's client gave up on '{handle}' ({type(error).__name__}: {_text(error, credential)}): "
        f"run the same again, or download it from {handle.url} by hand and name the file."
    )


def _text(error: Exception, credential: Credential | None) -> str:
    """The first line of what the client said, unless a secret stands in it."""
    text = (str(error).splitlines() or [""])[0].rstrip(".")
    variables = Credential("the environment", token=os.environ.get(TOKEN, ""), key=os.environ.get(KEY, ""))
    secret = variables.is_in(text) or (credential is not None and credential.is_in(text))
    return "its words are withheld, a secret stands in them" if secret else text

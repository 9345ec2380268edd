"""Where a person's Kaggle credential is, and how the clients get to see it."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganlib.data.online.patching import environment_kept
from ganlib.runtime.files import is_kaggle

TOKEN, USER, KEY = "KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"
LOGIN_ALLOWED = "KAGGLE_ENABLE_OAUTH"
HOW_TO_GET_A_TOKEN = (
    "open https://www.kaggle.com/settings, under 'API' click 'Generate New Token' (or 'Create New Token'), "
    "and put the token into the environment variable KAGGLE_API_TOKEN, or into the file "
    "~/.kaggle/access_token, or in Colab behind the key icon as the secret KAGGLE_API_TOKEN, with notebook "
    "access"
)
_SECRETS_WAIT = 20.0  # seconds: time to answer Colab's question, and an end where nobody is there


@dataclass(frozen=True)
class Credential:
    """What Kaggle knows a person by, and in words where it was found; its text never shows the secret."""

    origin: str
    token: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    key: str = field(default="", repr=False)

    @property
    def is_login(self) -> bool:
        """Whether the official client alone can use it, which keeps it to itself."""
        return not (self.token or self.key)

    @contextmanager
    def in_environment(self) -> Iterator[None]:
        """Show this credential, and no other, to the clients; afterwards the environment is as it was."""
        with environment_kept():
            for name in (TOKEN, USER, KEY):
                os.environ.pop(name, None)
            os.environ.update(self._variables())
            yield

    def is_in(self, text: str) -> bool:
        """Whether `text` gives the secret away."""
        return any(secret in text for secret in (self.token, self.key) if secret)

    def _variables(self) -> dict[str, str]:
        if self.token:
            return {TOKEN: self.token}
        return {LOGIN_ALLOWED: "1"} if self.is_login else {USER: self.username, KEY: self.key}


def find_credential() -> Credential | None:
    """The first credential that is found, in the order in which Kaggle's own clients look, else None."""
    places: tuple[Callable[[], Credential | None], ...] = (
        _token_in_environment,
        _token_in_file,
        _pair_in_environment,
        _pair_in_file,
        _colab_secrets,
        _login,
    )
    return next((found for place in places if (found := place())), None)


def _token_in_environment() -> Credential | None:
    value = os.environ.get(TOKEN, "").strip()
    if _is_file(value):
        return _token(f"the file that the environment variable {TOKEN} names", _read(Path(value)))
    return _token(f"the environment variable {TOKEN}", value)


def _token_in_file() -> Credential | None:
    files = (_kaggle_folder() / name for name in ("access_token", "access_token.txt"))
    return next((found for file in files if (found := _token(f"the file {file}", _read(file)))), None)


def _pair_in_environment() -> Credential | None:
    origin = f"the environment variables {USER} and {KEY}"
    return _pair(origin, os.environ.get(USER), os.environ.get(KEY))


def _pair_in_file() -> Credential | None:
    for file in (folder / "kaggle.json" for folder in _config_folders()):
        facts = _read_json(file)
        if found := _pair(f"the file {file}", facts.get("username"), facts.get("key")):
            return found
    return None


def _colab_secrets() -> Credential | None:
    secrets = _read_colab_secrets()
    return _token(f"the Colab secret {TOKEN}", secrets.get(TOKEN)) or _pair(
        f"the Colab secrets {USER} and {KEY}", secrets.get(USER), secrets.get(KEY)
    )


def _login() -> Credential | None:
    file = _kaggle_folder() / "credentials.json"
    return Credential(f"the login in the file {file}") if _read_json(file).get("refresh_token") else None


def _token(origin: str, value: object) -> Credential | None:
    return Credential(origin, token=value.strip()) if isinstance(value, str) and value.strip() else None


def _pair(origin: str, username: object, key: object) -> Credential | None:
    if not (isinstance(username, str) and isinstance(key, str) and username.strip() and key.strip()):
        return None
    return Credential(origin, username=username.strip(), key=key.strip())


def _kaggle_folder() -> Path:
    return Path(os.path.expanduser("~/.kaggle"))  # noqa: PTH111 (as the clients do: it works without a home too)


def _config_folders() -> list[Path]:
    chosen = os.environ.get("KAGGLE_CONFIG_DIR")
    general = os.environ.get("XDG_CONFIG_HOME") or _kaggle_folder().with_name(".config")
    return [*([Path(chosen)] if chosen else []), _kaggle_folder(), Path(general) / "kaggle"]


def _is_file(value: str) -> bool:
    try:
        return bool(value) and Path(value).is_file()
    except OSError:  # a token may be too long for a file's name
        return False


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError):
        return ""


def _read_json(file: Path) -> dict[str, Any]:
    try:
        facts = json.loads(_read(file))
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _read_colab_secrets() -> dict[str, str]:
    """Whatever Colab gives out in time: where nobody looks at the notebook, its question has no answer."""
    if is_kaggle():
        return {}
    try:
        from google.colab import userdata
    except ImportError:
        return {}
    secrets: dict[str, str] = {}
    reader = threading.Thread(target=_collect_secrets, args=(userdata, secrets), daemon=True)
    reader.start()
    reader.join(_SECRETS_WAIT)
    return dict(secrets)


def _collect_secrets(userdata: Any, secrets: dict[str, str]) -> None:
    for name in (TOKEN, USER, KEY):
        try:
            secrets[name] = userdata.get(name)
        except Exception:  # whatever Colab calls it: the next secret may be there
            continue

"""A machine of its own for every test, and a Kaggle of its own; no secret may leave either."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kagglehub  # here, so that its log handler holds on to an output that outlives the single test
import kagglesdk.kaggle_env
import pytest

from ganlib.data.online.handle import KaggleHandle
from tests.data.online.made import good_zip
from tests.data.online.stand_in import SECRETS, TOKEN, KaggleStandIn, serving

_OWN_FILES = {"kaggle.json", "access_token", "access_token.txt", "token-file", "credentials.json"}


@pytest.fixture
def handle() -> KaggleHandle:
    return KaggleHandle("karnikakapoor", "art-portraits")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, far from this machine's own."""
    home = tmp_path / "home"
    work = tmp_path / "work"
    (home / ".kaggle").mkdir(parents=True)
    work.mkdir()
    for name in [name for name in os.environ if name.startswith(("KAGGLE", "HF_", "TBE_", "COLAB"))]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / ".kaggle"))
    monkeypatch.chdir(work)
    return home


@pytest.fixture(autouse=True)
def _fresh_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kaggle` looks for credentials while it is imported, so that every test imports it anew."""
    for name in [name for name in sys.modules if name == "kaggle" or name.startswith("kaggle.")]:
        monkeypatch.delitem(sys.modules, name)
    kagglehub.config.clear_kaggle_credentials()


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the clients meant to wait before they tried again."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


@pytest.fixture(autouse=True)
def kaggle_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleStandIn]:
    with serving() as site:
        site.archive = good_zip()
        endpoints = kagglesdk.kaggle_env._env_to_endpoint
        monkeypatch.setitem(endpoints, kagglesdk.kaggle_env.KaggleEnv.PROD, site.url)
        yield site


@pytest.fixture(params=["kagglehub", "kaggle"])
def client(request: pytest.FixtureRequest) -> str:
    """Both clients in turn; the official one is used where there is a token and no kagglehub."""
    if request.param == "kaggle":
        request.getfixturevalue("official")
    return request.param


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)


@pytest.fixture(autouse=True)
def _no_secret_gets_out(
    tmp_path: Path,
    home: Path,
    capfd: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger("kagglehub"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("kagglehub"), "level", logging.DEBUG)
    with _texts_of_errors(monkeypatch) as errors:
        yield
    said = "".join((*capfd.readouterr(), caplog.text, *errors))
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file.name not in _OWN_FILES]
    for secret in SECRETS:
        assert secret not in said
        assert not [file for file in written if secret.encode() in file.read_bytes()]


@contextlib.contextmanager
def _texts_of_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The words of every GanlibError that was made, and of what stands behind it."""
    from ganlib.errors import GanlibError

    texts: list[str] = []
    made = GanlibError.__init__

    def noted(self: GanlibError, *args: object) -> None:
        texts.append(str(args))
        made(self, *args)

    monkeypatch.setattr(GanlibError, "__init__", noted, raising=False)
    yield texts

import dataclasses
import json
import os
import sys
import threading
import types

import pytest

from ganlib.data.online import credentials
from ganlib.data.online.credentials import Credential, find_credential
from tests.data.online.stand_in import KEY, TOKEN, USER

PAIR = json.dumps({"username": USER, "key": KEY})


def put(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def colab(monkeypatch):
    """Colab's secrets; one that is not there raises, one that is `threading.Event` is waited for."""
    secrets: dict[str, object] = {}

    def get(name):
        value = secrets[name]
        return value.wait() if isinstance(value, threading.Event) else value

    package = types.ModuleType("google.colab")
    package.userdata = types.SimpleNamespace(get=get)
    monkeypatch.setitem(sys.modules, "google.colab", package)
    return secrets


def test_without_any_credential_there_is_none(colab):
    assert find_credential() is None


def test_a_token_in_the_environment(monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", f" {TOKEN}\n")
    assert find_credential() == Credential("the environment variable KAGGLE_API_TOKEN", token=TOKEN)


def test_a_token_in_a_file_that_the_environment_names(monkeypatch, tmp_path):
    put(tmp_path, "token-file", f"{TOKEN}\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "token-file"))
    found = find_credential()
    assert found.token == TOKEN
    assert "the file that the environment variable KAGGLE_API_TOKEN names" in found.origin


def test_a_token_too_long_for_a_file_s_name(monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN * 200)
    assert find_credential().token == TOKEN * 200


@pytest.mark.parametrize("name", ["access_token", "access_token.txt"])
def test_a_token_in_its_file(home, name):
    put(home / ".kaggle", name, f"\ufeff{TOKEN}\r\n")
    found = find_credential()
    assert found.token == TOKEN
    assert found.origin == f"the file {home / '.kaggle' / name}"


def test_a_pair_in_the_environment(monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    assert find_credential() is None
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    found = find_credential()
    assert (found.username, found.key, found.token) == (USER, KEY, "")
    assert found.origin == "the environment variables KAGGLE_USERNAME and KAGGLE_KEY"


@pytest.mark.parametrize("place", [".kaggle", ".config/kaggle", "chosen"])
def test_a_pair_in_kaggle_json(home, monkeypatch, place):
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / "chosen"))
    put(home / place, "kaggle.json", PAIR)
    found = find_credential()
    assert (found.username, found.key) == (USER, KEY)
    assert found.origin == f"the file {home / place / 'kaggle.json'}"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"username": "ada"}', '{"username": 1, "key": 2}'])
def test_a_broken_kaggle_json_is_none_and_hides_no_other(home, colab, text):
    put(home / ".kaggle", "kaggle.json", text)
    assert find_credential() is None
    colab["KAGGLE_API_TOKEN"] = TOKEN
    assert find_credential().origin == "the Colab secret KAGGLE_API_TOKEN"


def test_the_colab_pair_is_found_where_there_is_no_token(colab):
    colab.update(KAGGLE_USERNAME=USER, KAGGLE_KEY=f"{KEY}\n")
    found = find_credential()
    assert (found.username, found.key) == (USER, KEY)
    assert found.origin == "the Colab secrets KAGGLE_USERNAME and KAGGLE_KEY"


def test_a_colab_that_never_answers_is_left_behind(colab, monkeypatch):
    monkeypatch.setattr(credentials, "_SECRETS_WAIT", 0.05)
    never = threading.Event()
    colab["KAGGLE_API_TOKEN"] = never
    try:
        assert find_credential() is None
    finally:
        never.set()


def test_a_login_of_the_official_client(home):
    put(home / ".kaggle", "credentials.json", json.dumps({"refresh_token": KEY}))
    assert find_credential() == Credential(f"the login in the file {home / '.kaggle' / 'credentials.json'}")


def test_the_order_is_the_one_of_the_clients(home, monkeypatch, colab):
    put(home / ".kaggle", "credentials.json", json.dumps({"refresh_token": KEY}))
    origins = []
    colab["KAGGLE_API_TOKEN"] = TOKEN
    origins.append(find_credential().origin)
    put(home / ".kaggle", "kaggle.json", PAIR)
    origins.append(find_credential().origin)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    origins.append(find_credential().origin)
    put(home / ".kaggle", "access_token", TOKEN)
    origins.append(find_credential().origin)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    origins.append(find_credential().origin)
    assert [origin.split()[-1].rpartition("/")[2] for origin in origins] == [
        "KAGGLE_API_TOKEN",
        "kaggle.json",
        "KAGGLE_KEY",
        "access_token",
        "KAGGLE_API_TOKEN",
    ]


def test_a_secret_is_not_shown():
    for credential in (Credential("here", token=TOKEN), Credential("here", username=USER, key=KEY)):
        for text in (repr(credential), str(credential), f"{credential}"):
            assert TOKEN not in text
            assert KEY not in text
            assert "here" in text
        assert credential.is_in(f"a{TOKEN}{KEY}z")
        assert not credential.is_in("nothing")
    assert {entry.name for entry in dataclasses.fields(Credential) if entry.repr} == {"origin"}


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (Credential("", token=TOKEN), {"KAGGLE_API_TOKEN": TOKEN}),
        (Credential("", username=USER, key=KEY), {"KAGGLE_USERNAME": USER, "KAGGLE_KEY": KEY}),
        (Credential("a login"), {"KAGGLE_ENABLE_OAUTH": "1"}),
    ],
)
def test_the_clients_see_this_credential_alone_and_only_for_a_while(monkeypatch, credential, shown):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "old")
    monkeypatch.setenv("KAGGLE_USERNAME", "old")
    before = dict(os.environ)
    with pytest.raises(KeyError), credential.in_environment():
        assert {name: value for name, value in os.environ.items() if name.startswith("KAGGLE_")} == {
            **{name: value for name, value in before.items() if name in {"KAGGLE_CONFIG_DIR"}},
            **shown,
        }
        os.environ["KAGGLE_LEFT_BEHIND"] = "x"
        raise KeyError
    assert dict(os.environ) == before

import json
import os
import sys
import types
import urllib.request
from pathlib import Path

import opendatasets
import pytest
import requests

from ganlib.data.online.open_datasets import fetch, somebody_can_answer
from ganlib.errors import GanlibError
from tests.data.online import made
from tests.data.online.stand_in import KEY, TOKEN, USER

DRIVE = "https://drive.google.com/file/d/1a2B3c/view?usp=sharing"


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch):
    def asked(*args, **options):
        raise AssertionError("somebody was asked")

    monkeypatch.setattr("builtins.input", asked)
    monkeypatch.setattr("getpass.getpass", asked)
    monkeypatch.setattr("click.prompt", asked)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(closed=False, isatty=lambda: False))


@pytest.fixture
def drive(monkeypatch, kaggle_site):
    """Google Drive's address, answered by the stand-in."""
    get = requests.Session.get
    address = f"{kaggle_site.url}/storage/drive"
    monkeypatch.setattr(requests.Session, "get", lambda self, url, **options: get(self, address, **options))
    kaggle_site.disposition = 'attachment; filename="art.zip"'


def put_pair():
    Path("kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))


def parts(cache):
    return list(cache.rglob("*.part"))


@pytest.mark.parametrize("source", ["ada/art", "https://www.kaggle.com/datasets/ada/art?select=a.jpg"])
def test_its_own_file_of_credentials_is_enough(kaggle_site, source):
    kaggle_site.private = True
    put_pair()
    before = dict(os.environ)
    place = fetch(source)
    assert place.name == "art.zip"
    assert made.contents(place) == made.PICTURES
    assert dict(os.environ) == before
    kaggle_site.requests.clear()
    assert fetch(source) == place
    assert not kaggle_site.requests


@pytest.mark.parametrize("shown", [{"KAGGLE_API_TOKEN": TOKEN}, {"KAGGLE_USERNAME": USER, "KAGGLE_KEY": KEY}])
def test_a_credential_of_the_other_clients_is_handed_over(kaggle_site, monkeypatch, shown):
    kaggle_site.private = True
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert made.contents(fetch("ada/art")) == made.PICTURES
    assert dict(os.environ) == before


def test_where_nobody_can_answer_nobody_is_asked(kaggle_site, cache):
    assert not somebody_can_answer()
    with pytest.raises(GanlibError, match="nobody is there to type one: open https://www"):
        fetch("ada/art")
    assert not kaggle_site.requests


def test_whoever_is_there_is_asked(kaggle_site, monkeypatch):
    kaggle_site.private = True
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(closed=False, isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda words: USER)
    monkeypatch.setattr("getpass.getpass", lambda words: KEY)
    before = dict(os.environ)
    assert made.contents(fetch("ada/art")) == made.PICTURES
    assert dict(os.environ) == before
    monkeypatch.setattr("getpass.getpass", lambda words: "")
    with pytest.raises(GanlibError, match="Without a Kaggle credential"):
        fetch("ada/other")


@pytest.mark.parametrize("allowed", [True, False])
def test_a_notebook_can_answer_where_it_passes_questions_on(monkeypatch, allowed):
    shell = types.SimpleNamespace(kernel=types.SimpleNamespace(_allow_stdin=allowed))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert somebody_can_answer() == allowed


def test_a_refused_credential_is_named(kaggle_site, cache):
    kaggle_site.status = 401
    put_pair()
    with pytest.raises(GanlibError, match=r"from the file kaggle\.json in the working folder"):
        fetch("ada/art")
    kaggle_site.status = 404
    with pytest.raises(GanlibError, match="no data set 'ada/art'"):
        fetch("ada/art")


def test_a_broken_download_is_not_taken_for_whole(kaggle_site, cache):
    put_pair()
    kaggle_site.cuts, kaggle_site.cut_always = [1_500_000], 0
    with pytest.raises(GanlibError, match="broke"):
        fetch("ada/art")
    assert parts(cache)
    kaggle_site.cut_always = None
    assert made.contents(fetch("ada/art")) == made.PICTURES
    assert not parts(cache)


@pytest.mark.parametrize("content", [made.bomb, made.shrunken])
def test_a_bomb_from_kaggle_does_not_go_off(kaggle_site, cache, content):
    put_pair()
    kaggle_site.archive = content()
    with pytest.raises(GanlibError, match="is refused"):
        fetch("ada/art")
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < 1_000_000


def test_a_link_leads_to_a_file(kaggle_site):
    link = f"{kaggle_site.url}/storage/art.zip?dl=1"
    place = fetch(link)
    assert made.contents(place) == made.PICTURES
    kaggle_site.requests.clear()
    assert fetch(link) == place
    assert not kaggle_site.requests


def test_a_link_to_one_picture_gives_a_folder(kaggle_site):
    kaggle_site.archive = b"\xff\xd8 a picture"
    assert list(made.contents(fetch(f"{kaggle_site.url}/storage/a.jpg"))) == ["a.jpg"]


@pytest.mark.parametrize(
    "name", ["../../../../../../up.zip", "..\\\\..\\\\up.zip", "/tmp/ganlib-up.zip", ".."]
)
def test_a_server_cannot_choose_the_folder(kaggle_site, tmp_path, cache, name):
    kaggle_site.disposition = f'attachment; filename="{name}"'
    place = fetch(f"{kaggle_site.url}/storage/art.zip")
    assert cache in place.parents
    assert place.name in {"up.zip", "ganlib-up.zip", "art.zip"}
    assert {path.name for path in tmp_path.iterdir()} <= {"home", "work", "cache"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n<!DOCTYPE html><p>Sign in", "leads to a web page"),
        (made.good_zip()[:700_000] + b"?" + made.good_zip()[700_001:], "cannot be read"),
    ],
)
def test_a_link_to_what_is_of_no_use_is_a_sentence(kaggle_site, cache, content, words):
    kaggle_site.archive = content
    with pytest.raises(GanlibError, match=words):
        fetch(f"{kaggle_site.url}/storage/art.zip")


def test_a_link_that_breaks_is_a_sentence_and_starts_anew(kaggle_site, cache):
    link = f"{kaggle_site.url}/storage/art.zip"
    kaggle_site.cut_always = 1_500_000
    with pytest.raises(GanlibError, match="The connection broke"):
        fetch(link)
    kaggle_site.cut_always = None
    assert made.contents(fetch(link)) == made.PICTURES


def test_a_link_to_nothing_is_a_sentence(kaggle_site):
    with pytest.raises(GanlibError, match="HTTP 404"):
        fetch(f"{kaggle_site.url}/nothing.zip")
    with pytest.raises(GanlibError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/art.zip")


def test_a_file_on_google_drive(kaggle_site, drive):
    place = fetch(DRIVE)
    assert made.contents(place / "art") == made.PICTURES
    assert [path.name for path in place.iterdir()] == ["art"]
    kaggle_site.requests.clear()
    assert fetch(DRIVE) == place
    assert not kaggle_site.requests


def test_a_bomb_on_google_drive_does_not_go_off(kaggle_site, drive, cache):
    kaggle_site.archive = made.bomb()
    with pytest.raises(GanlibError, match="is refused"):
        fetch(DRIVE)
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < 1_000_000


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("https://drive.google.com/drive/folders/1a2B3c", "not a file on Google Drive"),
        ("portraits", "opendatasets cannot fetch 'portraits'"),
        ("state-of-javascript-2019", "opendatasets cannot fetch"),
        ("file:///etc/passwd", "opendatasets cannot fetch"),
        ("ada/art/versions/3", "knows no versions"),
        ("https://www.kaggle.com/competitions/titanic", "page of a competition"),
    ],
)
def test_what_it_cannot_fetch_is_a_sentence(kaggle_site, source, words):
    with pytest.raises(GanlibError, match=words):
        fetch(source)
    assert not kaggle_site.requests


def test_without_the_package_the_command_is_named(monkeypatch):
    put_pair()
    monkeypatch.setitem(sys.modules, "opendatasets", None)
    with pytest.raises(GanlibError, match="'python -m pip install opendatasets'"):
        fetch("ada/art")
    for name in [name for name in sys.modules if name.startswith("opendatasets")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cgi", None)
    with pytest.raises(GanlibError, match="'python -m pip install opendatasets legacy-cgi'"):
        fetch("ada/art")


def test_the_package_is_as_it_was_afterwards(kaggle_site):
    modules = (opendatasets.utils.network, opendatasets.utils.googledrive, opendatasets.utils.kaggle_api)
    before = [dict(vars(module)) for module in modules]
    put_pair()
    fetch("ada/art")
    fetch(f"{kaggle_site.url}/storage/art.zip")
    assert [dict(vars(module)) for module in modules] == before
    assert urllib.request.urlopen is opendatasets.utils.network.urlopen

"""The real clients, each in its process, at work on a stand-in for Kaggle; no secret may get out of them."""

import io
import json
import logging
import os
import re
import sys
import tarfile
import threading
import types
from pathlib import Path

import pytest

from ganlib.cli import main
from ganlib.data import download
from ganlib.data.dataset import load_art
from ganlib.data.download import (
    fetch,
    fetch_with_kaggle,
    fetch_with_opendatasets,
    find_credential,
    parse_handle,
)
from ganlib.data.sources import HuggingFacePictures
from ganlib.errors import GanlibError
from tests.data import kaggle_stand_in as made
from tests.data.kaggle_stand_in import KEY, TOKEN, USER
from tests.data.pictures import noise

HOW = "https://www.kaggle.com/settings.*KAGGLE_API_TOKEN.*~/.kaggle/access_token.*Colab"
DRIVE = "https://drive.google.com/file/d/1a2B3c/view?usp=sharing"


@pytest.fixture(autouse=True)
def home(tmp_path, cache, monkeypatch):
    """A home without credentials, far from this machine's own, and the clients led to the stand-in."""
    for folder in ("home/.kaggle", "work", "site"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "site" / "sitecustomize.py").write_text(made.SITECUSTOMIZE + made.IMPATIENT)
    for name in [name for name in os.environ if name.startswith("KAGGLE") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def site(monkeypatch):
    with made.serving() as site:
        monkeypatch.setenv("STAND_IN", site.url)
        yield site


@pytest.fixture(params=[fetch, fetch_with_kaggle])
def way(request, monkeypatch):
    """kagglehub without a credential, and kaggle with one."""
    if request.param is fetch_with_kaggle:
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    return request.param


@pytest.fixture(autouse=True)
def _no_secret_gets_out(tmp_path, home, capfd, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    said, new = [], GanlibError.__init__
    monkeypatch.setattr(
        GanlibError, "__init__", lambda self, *args: new(self, *args) or said.append(str(self)), raising=False
    )
    yield
    said += [*capfd.readouterr(), caplog.text]
    own = {"kaggle.json", "access_token"}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name not in own]
    for secret in made.SECRETS:
        assert not [text for text in (*said, *map(str, files)) if secret in text]
        assert not [file for file in files if secret.encode() in file.read_bytes()]


def put_pair(folder):
    (folder / "kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))


def assert_nothing_is_there(tmp_path):
    """No half data set that kagglehub, kaggle or we take for a whole one, and nothing outside."""
    assert not [*tmp_path.rglob("*.complete"), *tmp_path.rglob("*.archive")]
    assert not list((tmp_path / "cache").rglob("*.zip"))
    assert_nothing_is_outside(tmp_path)


def assert_nothing_is_outside(tmp_path):
    assert {path.name for path in tmp_path.iterdir()} <= {"hub", "cache", "home", "work", "site"}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink() or path.name == "through.txt"]


def test_progress_is_shown_where_this_process_shows_its_own(way, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())  # as in a notebook, whose cells show no other process's
    way("ada/art")
    assert re.search(r"\r100%\S+ .*/s\]", sys.stderr.getvalue())


def test_a_public_data_set_needs_no_account_and_is_asked_for_once(site, tmp_path):
    place = fetch("ada/art")
    assert made.contents(place) == made.PICTURES
    assert place == tmp_path / "hub/datasets/ada/art/versions/1"
    assert "authorization" not in site.asked[0].headers
    site.requests.clear()
    assert fetch("ada/art") == fetch("ada/art/versions/1") == place
    assert not site.requests


def test_the_newest_whole_version_that_is_there_is_taken(tmp_path):
    base = tmp_path / "hub/datasets/ada/art"
    for version in (2, 9, 10, 11):
        (base / f"versions/{version}").mkdir(parents=True)
        (base / f"versions/{version}/a.jpg").touch()
    for version in (2, 9, 10):
        (base / f"{version}.complete").touch()
    assert fetch("ada/art") == base / "versions/10"
    assert fetch("ada/art/versions/2") == base / "versions/2"


def test_what_a_notebook_on_kaggle_has_mounted_is_used_in_place(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_MOUNTED", tmp_path / "work")
    (tmp_path / "work/datasets/ada/art").mkdir(parents=True)  # empty
    (tmp_path / "work/art").mkdir()
    (tmp_path / "work/art/a.jpg").touch()
    monkeypatch.setattr(download, "is_kaggle", lambda: True)
    assert fetch("ada/art") == tmp_path / "work/art"
    assert not site.requests


@pytest.mark.parametrize("place", ["environment", "file", "pair", "kaggle.json"])
def test_a_credential_opens_a_private_data_set_and_is_named_when_it_is_stale(
    site, way, home, monkeypatch, place
):
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    assert find_credential() == ""
    if place == "environment":
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    elif place == "pair":
        monkeypatch.setenv("KAGGLE_USERNAME", USER)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    elif place == "file":
        (home / ".kaggle" / "access_token").write_text(TOKEN)
    else:
        put_pair(home / ".kaggle")
    site.private = True
    before = dict(os.environ)
    assert made.contents(way("ada/art")) == made.PICTURES
    assert dict(os.environ) == before
    site.status = 401
    with pytest.raises(GanlibError, match=f"{find_credential()} is not enough"):
        way("ada/other")
    assert {"environment": "KAGGLE_API_TOKEN", "pair": "KAGGLE_KEY", "file": "access_token"}.get(
        place, place
    ) in find_credential()


def test_the_version_that_was_asked_for_comes(site, way):
    way("ada/art/versions/3")
    assert site.asked[0].facts == {"ownerSlug": "ada", "datasetSlug": "art", "datasetVersionNumber": 3}


@pytest.mark.parametrize(
    ("way", "missing", "package"),
    [
        (fetch, "kagglehub", "kagglehub"),
        (fetch_with_kaggle, "kaggle", "kaggle"),
        (fetch_with_opendatasets, "opendatasets", "opendatasets"),
        (fetch_with_opendatasets, "cgi", "legacy-cgi"),
    ],
)
def test_the_command_that_installs_what_is_missing_is_named(monkeypatch, way, missing, package):
    put_pair(Path())
    monkeypatch.setenv("MISSING", missing)
    with pytest.raises(GanlibError, match=f"'python -m pip install {package}'"):
        way("ada/art")


def test_colab_is_asked_for_its_secret_when_kaggle_wants_one_and_not_for_ever(site, monkeypatch):
    secrets, never = {}, threading.Event()
    package = types.ModuleType("google.colab")
    package.userdata = types.SimpleNamespace(get=lambda name: secrets[name]())
    monkeypatch.setitem(sys.modules, "google.colab", package)
    monkeypatch.setattr(download, "_SECRETS_WAIT", 0.1)
    site.private = True
    for secret in ({}, {"KAGGLE_API_TOKEN": never.wait}):
        secrets.update(secret)
        with pytest.raises(GanlibError, match=HOW):
            fetch("ada/art")
    never.set()
    secrets["KAGGLE_API_TOKEN"] = lambda: f"{TOKEN}\n"
    assert made.contents(fetch("ada/art")) == made.PICTURES


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, f"only to people it knows.*{HOW}"),
        (403, f"accept its terms.*{HOW}"),
        (404, "no data set 'ada/art' on Kaggle.*name"),
        (429, "asks to wait"),
        (503, r"did not send 'ada/art' \(HTTP 503\)"),
    ],
)
def test_what_kaggle_answers_is_a_sentence(site, status, words, tmp_path):
    site.status = status
    with pytest.raises(GanlibError, match=words):
        fetch("ada/art")
    assert_nothing_is_there(tmp_path)


@pytest.mark.parametrize("way", [fetch, fetch_with_kaggle])
@pytest.mark.parametrize("token", [TOKEN * 20, f"{TOKEN}\n{TOKEN}", f"{TOKEN} \u201d"])
def test_a_token_that_a_client_chokes_on_is_not_repeated(site, way, token, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", token)
    with pytest.raises(GanlibError, match="ada/art"):
        way("ada/art")


def test_without_a_connection_it_is_said_to_check_it(monkeypatch):
    monkeypatch.setenv("STAND_IN", "http://127.0.0.1:9")
    with pytest.raises(GanlibError, match=r"ada/art.*\(ConnectionError.*check the connection"):
        fetch("ada/art")


def test_a_download_that_broke_goes_on_the_next_time(site, way, tmp_path):
    site.cuts, site.cut_always = [1_500_000], 0
    with pytest.raises(GanlibError, match=r"did not arrive whole.*run the same again"):
        way("ada/art")
    assert not list(tmp_path.rglob("*.complete"))
    assert not [path for path in tmp_path.rglob("*.zip") if path.parent.suffix != ".part"]
    site.cut_always = None
    assert made.contents(way("ada/art")) == made.PICTURES
    assert int(site.transfers[-1].range.removeprefix("bytes=").removesuffix("-")) > 0


@pytest.mark.parametrize("content", [b"<html>a page</html>", made.good_zip()[:-70_000]])
def test_what_is_no_archive_is_thrown_away(site, way, tmp_path, content):
    site.archive = content
    with pytest.raises(GanlibError, match=r"cannot be used.*thrown away"):
        way("ada/art")
    assert_nothing_is_there(tmp_path)
    site.archive = made.good_zip()
    assert made.contents(way("ada/art")) == made.PICTURES


@pytest.mark.parametrize("way", [fetch, fetch_with_opendatasets])
def test_a_bomb_is_stopped_and_swept_up(site, way, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_MOST_BYTES", 50_000_000)
    monkeypatch.setattr(download, "_LOOK_EVERY", 0.01)  # newer zipfiles stop at the second file themselves
    put_pair(Path())
    site.archive = made.bomb()
    with pytest.raises(GanlibError, match="more than there is room for"):
        way("ada/art")
    assert_nothing_is_there(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1_000_000


def test_kaggle_leaves_a_bomb_packed(site, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    site.archive = made.bomb()
    assert fetch_with_kaggle("ada/art").stat().st_size < 1_000_000


@pytest.mark.parametrize("way", [fetch, fetch_with_opendatasets])
def test_names_and_links_in_a_zip_lead_nowhere(site, way, tmp_path):
    put_pair(Path())
    site.archive = made.zip_that_leads_outside(tmp_path)
    files = made.contents(way("ada/art"))
    assert b"picture" in files.values()
    assert_nothing_is_outside(tmp_path)


@pytest.mark.parametrize("name", ["link", "../../../../../up.txt"])
def test_names_and_links_in_a_tar_file_lead_nowhere(site, tmp_path, name):
    kind = tarfile.SYMTYPE if name == "link" else tarfile.REGTYPE
    site.archive = made.tar_with(name, kind, "/etc/passwd")
    with pytest.raises(GanlibError, match="cannot be used"):
        fetch("ada/art")
    assert_nothing_is_there(tmp_path)


def test_an_interrupt_ends_the_client(site, tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    clients = []
    popen = download.subprocess.Popen
    monkeypatch.setattr(
        download.subprocess, "Popen", lambda *a, **k: clients.append(popen(*a, **k)) or clients[0]
    )
    monkeypatch.setattr(download, "_ends", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch("ada/art")
    assert clients[0].returncode is not None
    assert_nothing_is_there(tmp_path)


# opendatasets, asked for by name


@pytest.mark.parametrize("source", ["ada/art", "https://www.kaggle.com/datasets/ada/art?select=a.jpg"])
def test_opendatasets_reads_its_own_file_of_credentials(site, source):
    site.private = True
    put_pair(Path())
    place = fetch_with_opendatasets(source)
    assert made.contents(place / "art") == made.PICTURES
    site.requests.clear()
    assert fetch_with_opendatasets(source) == place
    assert not site.requests


def test_opendatasets_asks_a_person_and_nobody_else(site, capfd, monkeypatch):
    with pytest.raises(GanlibError, match=r"nobody can answer: leave opendatasets out.*kaggle\.com/settings"):
        fetch_with_opendatasets("ada/art")
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    with pytest.raises(GanlibError, match=r"cannot be used \(Abort"):  # at the end of what pytest types
        fetch_with_opendatasets("ada/art")
    assert "Your Kaggle username" in capfd.readouterr().out
    assert not site.requests


def test_half_a_download_of_opendatasets_is_not_taken_for_whole(site):
    put_pair(Path())
    site.cuts, site.cut_always = [1_500_000], 0
    with pytest.raises(GanlibError, match="did not arrive whole"):
        fetch_with_opendatasets("ada/art")
    site.cut_always = None
    assert made.contents(fetch_with_opendatasets("ada/art") / "art") == made.PICTURES


@pytest.mark.parametrize("name", ["../../../../../../up.zip", "/tmp/ganlib-up.zip", "art.zip"])
@pytest.mark.parametrize("drive", [True, False])
def test_a_link_leads_to_an_archive_whose_server_cannot_choose_the_folder(site, tmp_path, name, drive):
    site.disposition = f'attachment; filename="{name}"'
    link = DRIVE if drive else f"{site.url}/storage/art.zip?dl=1"
    place = fetch_with_opendatasets(link)
    assert made.contents(place) == made.PICTURES
    assert tmp_path / "cache" in place.parents
    assert not Path("/tmp/ganlib-up.zip").exists()
    assert_nothing_is_outside(tmp_path)
    site.requests.clear()
    assert fetch_with_opendatasets(link) == place
    assert not site.requests


def test_a_link_to_what_is_of_no_use_is_a_sentence(site):
    site.archive = b"\n<!DOCTYPE html><p>Sign in"
    with pytest.raises(GanlibError, match=r"storage/art'.*behind the button of a page"):
        fetch_with_opendatasets(f"{site.url}/storage/art?secret={KEY}")
    site.archive, site.cut_always = made.good_zip(), 1_500_000
    for place in ("storage/art", "nothing"):
        with pytest.raises(GanlibError, match="did not arrive whole"):
            fetch_with_opendatasets(f"{site.url}/{place}")
    for source in ("portraits", "file:///etc/passwd"):
        with pytest.raises(GanlibError, match="opendatasets cannot fetch"):
            fetch_with_opendatasets(source)
    with pytest.raises(GanlibError, match="newest version only"):
        fetch_with_opendatasets("ada/art/versions/3")


# From end to end


def png(seed):
    noise(seed).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("via", [None, "kaggle", "opendatasets"])
def test_a_name_or_a_pasted_address_is_enough(site, via, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    put_pair(Path())
    site.archive = made.zip_of(
        {**{f"art/{seed:02d}.png": png(seed) for seed in range(70)}, "README.md": b"text"}
    )
    art = load_art("https://www.kaggle.com/datasets/ada/art/data?select=a.png", 32, via=via)
    assert (len(art), art.size) == (70, 32)
    assert [entry.reason for entry in art.manifest.refused()] == ["not a picture"]
    site.requests.clear()
    assert load_art("ada/art", 32).folder == art.folder or via
    assert via or not site.requests


def test_the_command_line_says_where_to_get_a_token(site, capfd):
    site.private = True
    assert main(["prepare", "ada/art", "--size", "32"]) == 2
    said = capfd.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("ganlib: Kaggle gives 'ada/art' only to people it knows, and no credential")


# Handles

OTHER_PLACES = """portraits a/b/c ../secret a/.. /a/b ~/pictures a/b/versions/0 pictures.zip/art
https://example.com/datasets/a/b https://kaggle.com.example.com/a/b https://kaggle.com@example.com/a/b"""
OTHER_PAGES = "competitions/titanic code/ada/my-notebook ada datasets/ada datasets/../.. docs/api"


@pytest.mark.parametrize(
    "text",
    [
        "ada/my-art",
        "https://www.kaggle.com/datasets/ada/my-art",
        "kaggle.com/ada/my-art/data",
        "  http://kaggle.com/datasets/ada/my-art/discussion/12345#7 \n",
        "HTTPS://WWW.KAGGLE.COM/datasets/ada/my-art?select=../../x.jpg",
        "https://www.kaggle.com/api/v1/datasets/download/ada/my-art",
    ],
)
def test_a_handle_and_every_address_of_its_page_are_the_same(text):
    assert parse_handle(text) == "ada/my-art"
    assert parse_handle("https://www.kaggle.com/datasets/ada/my-art/versions/3") == "ada/my-art/versions/3"


@pytest.mark.parametrize("text", ["", "a b/c", *OTHER_PLACES.split()])
def test_anything_else_is_no_handle(text):
    assert parse_handle(text) is None


@pytest.mark.parametrize("page", ["", *OTHER_PAGES.split()])
def test_another_page_on_kaggle_is_a_sentence(page):
    with pytest.raises(
        GanlibError, match=r"not the page of a data set.*www\.kaggle\.com/datasets/owner/name"
    ):
        parse_handle(f"https://www.kaggle.com/{page}")


# Hugging Face


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Writes a data set of one split, which is loaded without a connection and with a cache of its own."""
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache/datasets")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache/hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def write(split="train", **columns):
        kinds = {name: datasets.Image() if name == "image" else datasets.Value("string") for name in columns}
        set_ = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
        set_.to_parquet(str(tmp_path / f"work/set/{split}-00000-of-00001.parquet"))
        return HuggingFacePictures("./set")

    (tmp_path / "work/set").mkdir()
    return write


def test_every_row_of_every_split_is_a_file_of_untouched_bytes(rows):
    content = [b"no picture at all, and handed on as it is", b"b" * 70_000, b"c"]
    train = [{"bytes": content[0], "path": "sub/deep.png"}, {"bytes": content[1], "path": None}]
    first = rows("train", title=["x", "y"], image=train)
    pictures = rows("test", title=["z"], image=[{"bytes": content[2], "path": None}])
    found = list(pictures)
    assert [entry.path for entry in found] == ["train/000000", "train/000001", "test/000000"]
    assert [entry.open().read() for entry in found] == content
    assert (len(pictures), pictures.name, pictures.place) == (3, "./set", "huggingface:./set")
    assert pictures.fingerprint() == HuggingFacePictures("./set").fingerprint() != first.fingerprint()


def test_a_row_without_a_picture_and_one_beside_the_table_are_told_apart(rows, tmp_path):
    (tmp_path / "a.png").write_bytes(b"beside")
    beside, empty = rows(image=[{"path": str(tmp_path / "a.png"), "bytes": None}, None])
    assert Path(beside.open()).read_bytes() == b"beside"
    with pytest.raises(OSError, match="this row holds no picture"):
        empty.open()


def test_what_cannot_be_loaded_is_a_sentence(rows, monkeypatch):
    with pytest.raises(GanlibError, match="no column of pictures, only title, text"):
        rows(title=["a"], text=["b"])
    with pytest.raises(
        GanlibError, match=r"from Hugging Face \(.*check connection and spelling.*hf auth login"
    ):
        HuggingFacePictures("ada/away")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(GanlibError, match="'python -m pip install datasets'"):
        HuggingFacePictures("ada/art")


# Secrets within links, and within what clients say

LINK = f"https://ada:{KEY}@www.kaggle.com/datasets/ada/art?token={TOKEN}"
LINKS = (LINK, LINK.replace("datasets/ada/art", "docs"), LINK.replace("www.kaggle.com", "127.0.0.1:9"))


@pytest.mark.parametrize("via", [None, "kaggle", "opendatasets", "huggingface"])
@pytest.mark.parametrize("link", LINKS)
def test_a_link_with_secrets_is_told_without_them(link, via, capfd):
    assert main(["prepare", link, *(["--via", via] if via else [])]) == 2
    assert "ganlib: " in capfd.readouterr().err  # and the fixture above looks for secrets everywhere


def test_a_link_with_secrets_leaves_none_in_folders_and_manifests(site, tmp_path):
    site.archive = made.zip_of({f"art/{seed:02d}.png": png(seed) for seed in range(70)})
    art = load_art(f"{site.url}/storage/a.zip?token={TOKEN}", 32, via="opendatasets")
    assert len(art) == 70
    assert TOKEN not in art.manifest.source


def test_hugging_face_s_words_are_told_without_tokens(monkeypatch):
    import datasets

    def fail(source):
        raise ValueError(f"401 for url https://ada:{KEY}@huggingface.co/a?token={TOKEN} with Bearer {KEY}")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(GanlibError, match="401 for url"):
        HuggingFacePictures(f"https://ada:{KEY}@huggingface.co/datasets/a/b")


@pytest.mark.parametrize("text", ["[" * 100_000, "null", '{"place": 5}', "{"])
def test_a_damaged_report_of_a_client_is_a_sentence(tmp_path, monkeypatch, text):
    program = f"import sys; open(sys.argv[3], 'w').write({text!r})"
    monkeypatch.setattr(download, "_PROCESS", program.replace("{", "{{").replace("}", "}}"))
    with pytest.raises(GanlibError):
        fetch("ada/art")

import builtins
import errno
import json
import logging
import os
import sys
import tarfile
import time
import types
import zipfile

import kagglehub
import pytest
from kagglehub import http_resolver

from ganlib.data.online.kaggle import downloaded, fetch
from ganlib.errors import GanlibError
from tests.data.online import made
from tests.data.online.stand_in import KEY, TOKEN, USER

HOW = "https://www.kaggle.com/settings.*KAGGLE_API_TOKEN.*~/.kaggle/access_token.*Colab"


def hide(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)


def put_pair(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kaggle.json").write_text(json.dumps({"username": USER, "key": KEY}))


def assert_nothing_is_there(handle, tmp_path):
    """No half data set, neither for us nor for kagglehub."""
    assert downloaded(handle) is None
    assert not list(tmp_path.rglob("*.complete"))
    assert not list((tmp_path / "hub").rglob("versions/*"))


def outside(tmp_path):
    """What was written where no client has any business."""
    own = {"hub", "cache", "home", "work"}
    return [path for path in tmp_path.iterdir() if path.name not in own]


# What works


def test_a_public_data_set_needs_no_account(handle, kaggle_site, tmp_path):
    place = fetch(handle)
    assert made.contents(place) == made.PICTURES
    assert place == tmp_path / "hub" / "datasets" / handle.owner / handle.name / "versions" / "1"
    assert not [request for request in kaggle_site.requests if "authorization" in request.headers]
    asked = [request.facts for request in kaggle_site.requests if request.path.endswith("/DownloadDataset")]
    assert asked == [{"ownerSlug": handle.owner, "datasetSlug": handle.name, "datasetVersionNumber": 1}]


def test_a_token_opens_a_private_data_set(handle, kaggle_site, client, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    kaggle_site.private = True
    place = fetch(handle)
    assert made.contents(place) == made.PICTURES
    assert place.is_dir() == (client == "kagglehub")
    asked = [request for request in kaggle_site.requests if request.path.endswith("/DownloadDataset")]
    assert [request.headers["authorization"] for request in asked] == [f"Bearer {TOKEN}"]


@pytest.mark.parametrize("place", ["environment", "home", "xdg"])
@pytest.mark.parametrize("with_hub", [True, False])
def test_a_user_and_a_key_open_a_private_data_set(handle, kaggle_site, monkeypatch, home, place, with_hub):
    kaggle_site.private = True
    if not with_hub:
        hide(monkeypatch, "kagglehub")
    if place == "environment":
        monkeypatch.setenv("KAGGLE_USERNAME", USER)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
    else:
        put_pair(home / ".kaggle" if place == "home" else home / ".config" / "kaggle")
    before = dict(os.environ)
    assert made.contents(fetch(handle)) == made.PICTURES
    assert dict(os.environ) == before
    assert kaggle_site.requests[-2].headers["authorization"].startswith("Basic ")


def test_the_colab_pair_opens_a_private_data_set_that_kagglehub_cannot(handle, kaggle_site, monkeypatch):
    package = types.ModuleType("google.colab")
    package.userdata = types.SimpleNamespace(get={"KAGGLE_USERNAME": USER, "KAGGLE_KEY": KEY}.__getitem__)
    monkeypatch.setitem(sys.modules, "google.colab", package)
    kaggle_site.private = True
    place = fetch(handle)
    assert zipfile.is_zipfile(place)
    assert made.contents(place) == made.PICTURES


def test_without_the_official_client_kagglehub_is_shown_the_credential(
    handle, kaggle_site, monkeypatch, home
):
    hide(monkeypatch, "kaggle")
    put_pair(home / ".config" / "kaggle")
    kaggle_site.private = True
    before = dict(os.environ)
    assert fetch(handle).is_dir()
    assert dict(os.environ) == before


def test_a_login_of_the_official_client_is_enough(handle, kaggle_site, home):
    login = {
        "refresh_token": "r",
        "access_token": TOKEN,
        "access_token_expiration": "2999-01-01T00:00:00+00:00",
    }
    (home / ".kaggle" / "credentials.json").write_text(json.dumps({**login, "username": USER}))
    kaggle_site.private = True
    assert made.contents(fetch(handle)) == made.PICTURES


def test_an_earlier_credential_is_forgotten(handle, kaggle_site, official, monkeypatch):
    fetch(handle)
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    fetch(handle._replace(name="other"))
    asked = [request for request in kaggle_site.requests if request.path.endswith("/DownloadDataset")]
    assert [request.headers["authorization"].split()[0] for request in asked] == ["Bearer", "Basic"]


def test_the_version_that_was_asked_for_comes(handle, kaggle_site, client):
    kaggle_site.version = 5
    place = fetch(handle._replace(version=3))
    asked = [request.facts for request in kaggle_site.requests if request.path.endswith("/DownloadDataset")]
    assert [facts["datasetVersionNumber"] for facts in asked] == [3]
    assert downloaded(handle._replace(version=3)) == place
    assert downloaded(handle._replace(version=5)) is None
    assert downloaded(handle) == place


def test_what_is_there_is_not_asked_for_again(handle, kaggle_site, client):
    place = fetch(handle)
    kaggle_site.requests.clear()
    assert fetch(handle) == downloaded(handle) == place
    assert not kaggle_site.requests


def test_the_newest_version_that_is_there_is_taken(handle, tmp_path):
    base = tmp_path / "hub" / "datasets" / handle.owner / handle.name
    for version in (2, 9, 10, 11):
        (base / "versions" / str(version)).mkdir(parents=True)
        (base / "versions" / str(version) / "a.jpg").write_text("a")
    for version in (2, 9, 10):
        (base / f"{version}.complete").touch()
    assert downloaded(handle) == base / "versions" / "10"
    assert downloaded(handle._replace(version=2)) == base / "versions" / "2"
    assert downloaded(handle._replace(version=11)) is None


def test_what_a_notebook_on_kaggle_has_mounted_is_used_in_place(handle, kaggle_site, tmp_path, monkeypatch):
    mounts = tmp_path / "input"
    (mounts / handle.name).mkdir(parents=True)
    (mounts / handle.name / "a.jpg").write_text("a")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(mounts))
    assert downloaded(handle) is None
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert fetch(handle) == mounts / handle.name
    (mounts / "datasets" / handle.owner / handle.name).mkdir(parents=True)
    assert downloaded(handle) == mounts / handle.name
    (mounts / "datasets" / handle.owner / handle.name / "b.jpg").write_text("b")
    assert fetch(handle) == mounts / "datasets" / handle.owner / handle.name
    assert downloaded(handle._replace(version=1)) is None
    assert not kaggle_site.requests


def test_a_folder_that_colab_mounts_is_not_written_to(handle, monkeypatch, tmp_path):
    mounted = tmp_path / "hub" / "mounted"
    mounted.mkdir(parents=True)
    (mounted / "a.jpg").write_text("a")
    mounted.chmod(0o555)
    monkeypatch.setattr(kagglehub, "dataset_download", lambda name: str(mounted))
    assert fetch(handle) == mounted
    assert [path.name for path in mounted.iterdir()] == ["a.jpg"]


# Kaggle says no


def test_401_without_a_credential_says_how_to_get_one(handle, kaggle_site, tmp_path):
    kaggle_site.private = True
    with pytest.raises(GanlibError, match=f"only to people it knows.*{HOW}"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)


@pytest.mark.parametrize("with_official", [True, False])
def test_401_with_a_credential_says_which_one_was_refused(handle, kaggle_site, monkeypatch, with_official):
    if not with_official:
        hide(monkeypatch, "kaggle")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "stale-" + TOKEN)
    with pytest.raises(
        GanlibError, match="refuses the credential from the environment variable KAGGLE_API_TOKEN"
    ):
        fetch(handle)


def test_401_for_a_pair_names_its_file(handle, kaggle_site, monkeypatch, home):
    hide(monkeypatch, "kagglehub")
    put_pair(home / ".kaggle")
    kaggle_site.status = 401
    with pytest.raises(GanlibError, match=r"refuses the credential from the file .*kaggle\.json"):
        fetch(handle)


def test_a_client_that_ends_the_program_does_not(handle, kaggle_site, official, monkeypatch):
    """As in a notebook, where IPython takes the name `exit` away and the client fails over that."""
    monkeypatch.setenv("KAGGLE_API_TOKEN", "stale-" + TOKEN)
    monkeypatch.delattr(builtins, "exit")
    with pytest.raises(GanlibError, match="refuses the credential"):
        fetch(handle)


def test_403_leads_to_the_page_with_the_terms(handle, kaggle_site, client):
    kaggle_site.status = 403
    with pytest.raises(GanlibError, match=f"open {handle.url}, accept its terms") as sentence:
        fetch(handle)
    assert ("Generate New Token" in str(sentence.value)) == (client == "kagglehub")


def test_404_asks_for_the_spelling(handle, kaggle_site, client):
    kaggle_site.status = 404
    with pytest.raises(GanlibError, match=f"no data set '{handle}' on Kaggle.*spelling.*{handle.url}"):
        fetch(handle)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ({"Retry-After": "90"}, "90 seconds"),
        ({"Retry-After": "Wed, 01 Jan 2025 10:00:00 GMT"}, "until 01 January 2025, 10:00:00 UTC"),
        ({"Retry-After": "soon"}, "a few minutes"),
        ({}, "a few minutes"),
    ],
)
def test_429_says_how_long_to_wait(handle, kaggle_site, client, header, wait):
    kaggle_site.status, kaggle_site.answer_headers = 429, header
    with pytest.raises(GanlibError, match=f"asks to wait {wait} "):
        fetch(handle)


def test_trouble_at_kaggle_is_not_the_user_s(handle, kaggle_site, client):
    kaggle_site.status = 503
    with pytest.raises(GanlibError, match="trouble of its own"):
        fetch(handle)


def test_no_connection_is_a_sentence(handle, kaggle_site, client, monkeypatch):
    environment = kagglehub.clients.KaggleEnv.PROD
    monkeypatch.setitem(
        sys.modules["kagglesdk.kaggle_env"]._env_to_endpoint, environment, "http://127.0.0.1:9"
    )
    with pytest.raises(GanlibError, match="Kaggle cannot be reached"):
        fetch(handle)


def test_without_a_client_the_command_is_named(handle, monkeypatch):
    hide(monkeypatch, "kagglehub")
    with pytest.raises(GanlibError, match=f"'python -m pip install kagglehub'.*{HOW}"):
        fetch(handle)
    hide(monkeypatch, "kaggle")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    with pytest.raises(GanlibError, match="'python -m pip install kagglehub'"):
        fetch(handle)


def test_a_broken_kaggle_json_is_named(handle, home):
    (home / ".kaggle" / "kaggle.json").write_text("{")
    with pytest.raises(GanlibError, match=r"delete that kaggle\.json, or open"):
        fetch(handle)


def test_a_secret_in_a_client_s_words_is_withheld(handle, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN * 10)

    def blurt(name):
        raise RuntimeError(f"no file {TOKEN * 10}")

    monkeypatch.setattr(kagglehub, "dataset_download", blurt)
    with pytest.raises(GanlibError, match="withheld"):
        fetch(handle)


def test_an_interrupt_passes(handle, kaggle_site, client, tmp_path, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("requests.models.Response.iter_content", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)


def test_a_print_out_of_requests_shows_no_token(handle, kaggle_site, client, monkeypatch):
    monkeypatch.setenv("VERBOSE", "1")
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    kaggle_site.private = True
    monkeypatch.setattr(
        "kagglesdk.kaggle_http_client.KaggleHttpClient._print_request",
        lambda self, request: sys.stdout.write(str(request.headers)),
    )
    assert fetch(handle)


# The connection breaks


def test_a_cut_connection_goes_on_where_it_stopped(handle, kaggle_site, client):
    kaggle_site.cuts = [2_000_000]
    assert made.contents(fetch(handle)) == made.PICTURES
    first, *_, last = kaggle_site.transfers
    assert not first.range
    start = int(last.range.removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 2_000_000


def test_what_an_earlier_run_has_left_is_gone_on_with(handle, kaggle_site, client, tmp_path):
    kaggle_site.cuts, kaggle_site.cut_always = [1_500_000], 0
    with pytest.raises(GanlibError, match="goes on where it stopped"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    kaggle_site.cut_always = None
    kaggle_site.requests.clear()
    assert made.contents(fetch(handle)) == made.PICTURES
    assert kaggle_site.transfers[-1].range.startswith("bytes=")
    assert not kaggle_site.transfers[-1].range.startswith("bytes=0-")


def test_a_connection_that_is_always_cut_is_a_sentence(handle, kaggle_site, client, tmp_path):
    kaggle_site.cut_always = 0
    with pytest.raises(GanlibError, match=f"broke while '{handle}' came in. Run the same again"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    assert 1 < len(kaggle_site.transfers) < 12


@pytest.mark.parametrize("hashed", [True, False])
def test_an_answer_that_ends_too_early_is_not_taken_for_whole(handle, kaggle_site, client, tmp_path, hashed):
    """Every byte that was announced came, but they are fewer than there should be."""
    kaggle_site.hashed, kaggle_site.short_parts, kaggle_site.cuts = hashed, True, [1_500_000]
    if client == "kaggle":
        with pytest.raises(GanlibError, match="broke"):
            fetch(handle)
        assert_nothing_is_there(handle, tmp_path)
        kaggle_site.short_parts = False
    assert made.contents(fetch(handle)) == made.PICTURES


# What comes is not what it should be


@pytest.mark.parametrize("hashed", [True, False])
def test_what_lies_there_of_another_archive_is_started_clean(handle, kaggle_site, client, hashed):
    """A part of an older version, or of an answer that was no part of the archive."""
    kaggle_site.hashed = hashed
    good = kaggle_site.archive
    kaggle_site.cuts, kaggle_site.cut_always = [1_500_000], 0
    kaggle_site.archive = made.zip_of({"old.jpg": bytes(len(good))})[: len(good)]
    with pytest.raises(GanlibError, match="broke"):
        fetch(handle)
    kaggle_site.cut_always, kaggle_site.archive = None, good
    assert made.contents(fetch(handle)) == made.PICTURES


def test_a_damaged_archive_of_full_length_is_started_clean(handle, kaggle_site, tmp_path):
    archive = tmp_path / "hub" / "datasets" / handle.owner / handle.name / "1.archive"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(bytes(len(kaggle_site.archive)))
    assert made.contents(fetch(handle)) == made.PICTURES
    assert [request.range for request in kaggle_site.transfers] == ["", ""]


def test_a_damaged_archive_of_the_official_client_is_started_clean(handle, kaggle_site, official, cache):
    part = cache / "downloads" / "kaggle" / handle.owner / handle.name / "latest.part" / f"{handle.name}.zip"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(len(kaggle_site.archive)))
    later = time.time() + 1000
    os.utime(part, (later, later))
    place = fetch(handle)
    assert made.contents(place) == made.PICTURES
    assert [path.name for path in place.parent.parent.iterdir()] == ["latest"]


@pytest.mark.parametrize("content", [b"<html>a page</html>", made.good_zip()[:-70_000], made.zip_of({})])
def test_what_is_no_archive_is_a_sentence_after_a_second_try(handle, kaggle_site, client, tmp_path, content):
    kaggle_site.archive = content
    with pytest.raises(GanlibError, match="not an archive that can be read"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".zip", ".archive"}]
    assert len(kaggle_site.transfers) == 2


def test_a_half_unpacked_folder_is_never_taken_for_whole(handle, kaggle_site, tmp_path):
    half = tmp_path / "hub" / "datasets" / handle.owner / handle.name / "versions" / "1"
    half.mkdir(parents=True)
    (half / "half.jpg").write_text("half")
    assert downloaded(handle) is None
    assert made.PICTURES.items() <= made.contents(fetch(handle)).items()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_unpacking_that_is_broken_off_leaves_nothing(handle, kaggle_site, tmp_path, monkeypatch, error):
    unpack = http_resolver._extract_archive

    def break_off(archive, out):
        unpack(archive, out)
        raise error

    monkeypatch.setattr(http_resolver, "_extract_archive", break_off)
    with pytest.raises((KeyboardInterrupt, GanlibError)) as broken:
        fetch(handle)
    if isinstance(error, OSError):
        assert "disk is full" in str(broken.value)
    assert_nothing_is_there(handle, tmp_path)
    monkeypatch.setattr(http_resolver, "_extract_archive", unpack)
    assert made.contents(fetch(handle)) == made.PICTURES
    assert len(kaggle_site.transfers) == 2


def test_a_kagglehub_of_another_make_still_downloads(handle, kaggle_site, monkeypatch):
    unpack = http_resolver._extract_archive
    monkeypatch.delattr(http_resolver, "_extract_archive")
    monkeypatch.setattr(kagglehub, "dataset_download", lambda name: "somewhere")
    assert str(fetch(handle)) == "somewhere"
    assert not hasattr(http_resolver, "_extract_archive")
    assert callable(unpack)


# Archives that mean harm


@pytest.mark.parametrize("content", [made.bomb, made.shrunken])
def test_a_zip_bomb_does_not_go_off(handle, kaggle_site, client, tmp_path, content):
    kaggle_site.archive = content()
    with pytest.raises(GanlibError, match="is refused"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 1_000_000


def test_names_that_lead_outside_lead_nowhere(handle, kaggle_site, client, tmp_path):
    names = [
        "../up.txt",
        "../../../../../../../../up.txt",
        str(tmp_path / "absolute.txt"),
        "art/../../up.txt",
    ]
    kaggle_site.archive = made.zip_of({**dict.fromkeys(names, b"out"), "art/0.jpg": b"picture"})
    place = fetch(handle)
    assert made.contents(place)["art/0.jpg"] == b"picture"
    assert not outside(tmp_path)
    if place.is_dir():
        written = [path for path in (tmp_path / "hub").rglob("*.txt") if place not in path.parents]
        assert not written


def test_links_in_a_zip_are_not_followed(handle, kaggle_site, client, tmp_path):
    kaggle_site.archive = made.zip_with_link(str(tmp_path))
    try:
        place = fetch(handle)
    except GanlibError:
        assert_nothing_is_there(handle, tmp_path)
    else:
        assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
        assert place.exists()
    assert not outside(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["../../../../../../secret", "/etc/passwd"])
def test_links_in_a_tar_file_are_refused(handle, kaggle_site, tmp_path, kind, target):
    kaggle_site.archive = made.tar_of([tarfile.TarInfo("art"), made.tar_link(kind, target)])
    with pytest.raises(GanlibError, match="links or names that lead out"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    assert not outside(tmp_path)


def test_names_in_a_tar_file_that_lead_outside_are_refused(handle, kaggle_site, tmp_path):
    kaggle_site.archive = made.tar_of([tarfile.TarInfo("../../../../../up.txt")])
    with pytest.raises(GanlibError, match="links or names that lead out"):
        fetch(handle)
    assert_nothing_is_there(handle, tmp_path)
    assert not outside(tmp_path)

"""What is to outlive a notebook is kept where it does."""

from pathlib import Path

import pytest
from PIL import Image

import ganlib
from ganlib.data.prepare import Settings, prepare
from ganlib.runtime.files import cache_folder
from ganlib.runtime.files import drive_hint, prepared_folder, workspace


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch):
    monkeypatch.delenv("GANLIB_WORKSPACE", raising=False)


@pytest.fixture
def drive(tmp_path):
    """The file system of a Colab runtime in which Drive is mounted."""
    (tmp_path / "content/drive/MyDrive").mkdir(parents=True)
    return tmp_path


def test_at_home_it_is_where_one_works(tmp_path):
    assert workspace(tmp_path) == Path()
    assert prepared_folder(tmp_path) == cache_folder()


def test_drive_while_it_is_mounted(drive):
    assert workspace(drive) == drive / "content/drive/MyDrive/ganlib"
    assert prepared_folder(drive) == drive / "content/drive/MyDrive/ganlib/prepared"


def test_an_empty_mount_point_is_no_drive(tmp_path):
    (tmp_path / "content/drive").mkdir(parents=True)
    assert workspace(tmp_path) == Path()


def test_what_kaggle_keeps(tmp_path):
    (tmp_path / "kaggle/working").mkdir(parents=True)
    assert workspace(tmp_path) == tmp_path / "kaggle/working"
    assert prepared_folder(tmp_path) == tmp_path / "kaggle/working/prepared"


def test_what_is_named_comes_first(drive, monkeypatch):
    monkeypatch.setenv("GANLIB_WORKSPACE", "~/elsewhere")
    assert workspace(drive) == Path.home() / "elsewhere"
    assert prepared_folder(drive) == Path.home() / "elsewhere" / "prepared"


def test_runs_go_there(tmp_path, monkeypatch, full_length):
    monkeypatch.setenv("GANLIB_WORKSPACE", str(tmp_path))
    assert ganlib.run_folder("05_training") == tmp_path / "runs" / "05_training"
    assert ganlib.workspace() == tmp_path


def test_a_tiny_run_goes_nowhere_near(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("GANLIB_TINY", "1")
    assert not ganlib.run_folder("05_training").is_relative_to(tmp_path)


def test_prepared_pictures_go_there(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_WORKSPACE", str(tmp_path / "kept"))
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "pictures" / "one.png")
    folder = prepare(tmp_path / "pictures", Settings(size=32, at_least=1))
    assert folder.is_relative_to(tmp_path / "kept" / "prepared")


def test_the_hint_says_what_to_type_or_where_runs_are(drive, tmp_path):
    assert "drive.mount('/content/drive')" in drive_hint(tmp_path / "none")
    assert drive_hint(drive) == f"Runs are kept in Google Drive, in {workspace(drive)}."

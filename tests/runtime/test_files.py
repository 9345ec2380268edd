import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import ganlib
from ganlib.data.prepare import Settings, prepare
from ganlib.errors import GanlibError
from ganlib.runtime.files import (
    cache_folder,
    drive_hint,
    is_part,
    make_folder,
    prepared_folder,
    workspace,
    write_atomically,
)


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    write_atomically(path, lambda part: part.write_text("whole"))
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with path.open() as reader:
        write_atomically(path, lambda part: part.write_text("new"))
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail(part):
        part.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_a_full_disk_is_a_sentence_and_nothing_is_lost(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    code = f"""
import resource
from pathlib import Path
from ganlib.errors import GanlibError
from ganlib.runtime.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path({str(path)!r}), lambda part: part.write_bytes(bytes(5000)))
except GanlibError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "The disk is full" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.glob("*.part*")) == []


@pytest.mark.parametrize("name", ["folder", "x" * 300])
def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(GanlibError, match="cannot be written"):
        write_atomically(tmp_path / name, lambda part: part.write_bytes(b"new"))


def test_a_user_s_own_file_beside_it_is_left_alone(tmp_path):
    mine = tmp_path / "grid.part.png"
    mine.write_bytes(b"mine")
    write_atomically(tmp_path / "grid.png", lambda part: part.write_bytes(b"new"))
    assert mine.read_bytes() == b"mine"


def test_a_file_in_the_place_of_a_folder_is_a_sentence(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(GanlibError, match="a file stands there"):
        make_folder(tmp_path / "taken" / "below")
    with pytest.raises(GanlibError, match="a file stands there"):
        make_folder(tmp_path / "taken")


def test_what_stood_there_before_can_be_kept(tmp_path):
    path, kept = tmp_path / "file.txt", tmp_path / "kept.txt"
    for text in ("first", "second", "third"):
        write_atomically(path, lambda part, text=text: part.write_text(text), kept if path.exists() else None)
    assert (path.read_text(), kept.read_text()) == ("third", "second")
    kept.unlink()
    kept.hardlink_to(path)  # as a process leaves it that is killed in between
    write_atomically(path, lambda part: part.write_text("fourth"), kept)
    assert (path.read_text(), kept.read_text()) == ("fourth", "third")
    assert sorted(tmp_path.iterdir()) == [path, kept]


def test_it_is_kept_where_the_file_system_has_no_links(tmp_path, monkeypatch):
    def no_links(path, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.hardlink_to", no_links)
    path, kept = tmp_path / "file.txt", tmp_path / "kept.txt"
    path.write_text("old")
    write_atomically(path, lambda part: part.write_text("new"), kept)
    assert (path.read_text(), kept.read_text()) == ("new", "old")
    assert sorted(tmp_path.iterdir()) == [path, kept]


def test_a_failed_write_keeps_both_as_they_were(tmp_path):
    path, kept = tmp_path / "file.txt", tmp_path / "kept.txt"
    path.write_text("old")
    kept.write_text("older")

    def full(part):
        part.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(GanlibError, match="The disk is full"):
        write_atomically(path, full, kept)
    assert (path.read_text(), kept.read_text()) == ("old", "older")
    assert sorted(tmp_path.iterdir()) == [path, kept]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr("os.fsync", lambda number: done.append("sync") or fsync(number))
    monkeypatch.setattr("pathlib.Path.replace", lambda *paths: done.append("rename") or replace(*paths))
    write_atomically(tmp_path / "file.txt", lambda part: done.append("write") or part.write_text("new"))
    assert done == ["write", "sync", "rename"] + ["sync"] * (os.name != "nt")  # the last: the folder's


def test_what_a_killed_process_leaves_is_told_from_other_files(tmp_path):
    seen = []
    write_atomically(tmp_path / "file.txt", lambda part: seen.append(part) or part.write_text("new"))
    assert is_part(seen[0])
    for name in ("grid.part.png", ".hidden.png", "file.txt", ".partly.txt"):
        assert not is_part(tmp_path / name)


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

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
    expand_home,
    is_part,
    locked,
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


@pytest.mark.parametrize("name", ["a" * 256, "ä" * 128, "deep/" * 1000, "nul\0", "a" * 5000, "\ud800"])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(GanlibError, match="cannot be read"):
        expand_home(Path(name))


@pytest.mark.parametrize("name", ["a" * 256, "ä" * 128, "deep/" * 1000])
def test_nothing_is_written_to_a_name_that_is_too_long(name):
    for use in (make_folder, lambda path: write_atomically(path, Path.touch)):
        with pytest.raises(GanlibError, match=r"cannot be written \(File name too long\): choose another"):
            use(Path(name))


@pytest.mark.parametrize("name", ["a" * 255, "ä" * 127, "deep/" * 800, "caf\udce9", "~nobody-at-all/x"])
def test_a_name_that_a_file_can_have_is_kept(name):
    assert expand_home(name) == Path(name)


@pytest.fixture
def homeless(monkeypatch):
    """As in `docker run --user 54321`: no HOME, and nobody of that number in the list of users."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])


def test_without_a_home_the_cache_asks_for_a_place(homeless, monkeypatch, tmp_path):
    with pytest.raises(GanlibError, match=r"no home folder .*: set the environment variable XDG_CACHE_HOME"):
        cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ganlib"


def test_a_cache_that_cannot_be_written_names_the_variable_that_moves_it(cache, tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(GanlibError, match=r"cannot be written .*: set .* XDG_CACHE_HOME"):
        make_folder(cache_folder() / "prepared")
    with pytest.raises(GanlibError, match=r"cannot be written .*: choose another"):
        make_folder(tmp_path / "elsewhere")


def held_by_another(path, before="", code="input()"):
    """A process that holds the lock until it is sent a line."""
    script = f"""
import errno, fcntl, os
{before}
from pathlib import Path
from ganlib.runtime.files import locked
with locked(Path({str(path)!r}), "at work", 0):
    print("held", flush=True)
    {code}
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_waited_for_with_a_word_and_not_for_ever(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ganlib.runtime.files._WITHOUT_A_WORD", 0.1)
    with held_by_another(tmp_path / ".lock") as process:
        says = pytest.raises(GanlibError, match=r"process is at work in .*remove '.*\.lock'")
        with says, locked(tmp_path / ".lock", "at work", 0.3):
            pass
        process.stdin.write("\n")
    assert "Waiting for another process" in capsys.readouterr().err
    with locked(tmp_path / ".lock", "at work", 0):
        pass


def no_locks(*_):
    raise OSError(errno.ENOSYS, "no locks here")


def test_without_locks_a_mark_stands_for_one_and_goes_with_it(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr("fcntl.flock", no_locks)
    says = pytest.raises(GanlibError, match=r"remove '.*\.lock'")
    with locked(tmp_path / ".lock", "at work", 0), says, locked(tmp_path / ".lock", "at work", 0):
        pass
    assert not list(tmp_path.iterdir())
    assert not recwarn.list


def test_a_mark_that_a_killed_process_left_is_known_as_such(tmp_path, monkeypatch):
    before = "def no_locks(*_): raise OSError(errno.ENOSYS, 'no locks here')\nfcntl.flock = no_locks"
    held_by_another(tmp_path / ".lock", before, "os._exit(1)").wait()
    assert (tmp_path / ".lock").exists()
    monkeypatch.setattr("fcntl.flock", no_locks)
    with locked(tmp_path / ".lock", "at work", 0):
        pass


def test_where_there_can_be_neither_locks_nor_marks_work_goes_on(tmp_path, monkeypatch):
    def none(*_, **__):
        raise OSError(errno.EOPNOTSUPP, "no locks here")

    monkeypatch.setattr("fcntl.flock", none)
    with locked(tmp_path / ".lock", "at work", 0):
        pass

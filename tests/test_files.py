import subprocess
import sys

import pytest

from ganlib.errors import GanlibError
from ganlib.files import make_folder, write_atomically


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
from ganlib.files import write_atomically
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

import shutil
import tarfile
import types
import zipfile

import pytest

from ganlib.data.online import unpacking
from ganlib.data.online.unpacking import check_archive, check_every_byte, room_in
from ganlib.errors import GanlibError
from tests.data.online import made


@pytest.fixture
def archive(tmp_path):
    def write(content):
        (tmp_path / "archive").write_bytes(content)
        return tmp_path / "archive"

    return write


def tape(size, kind="w"):
    entry = tarfile.TarInfo("0.jpg")
    entry.size = size
    return made.tar_of([entry], kind)


def test_good_archives_pass(archive):
    check_archive(archive(made.good_zip()))
    check_every_byte(archive(made.good_zip()))
    check_archive(archive(tape(50_000)))
    check_archive(archive(tape(50_000_000, "w:gz")))


@pytest.mark.parametrize("content", [made.shrunken, lambda: tape(110_000_000, "w:xz")])
def test_a_file_that_shrank_more_than_a_thousandfold_is_refused(archive, content):
    with pytest.raises(GanlibError, match="made to fill the disk"):
        check_archive(archive(content()))


def test_many_files_that_together_are_too_large_are_refused(archive):
    with pytest.raises(GanlibError, match=r"more than the 64\.0 GiB"):
        check_archive(archive(made.bomb()))


def test_more_than_there_is_room_for_is_refused(archive):
    check_archive(archive(made.good_zip()), 3_000_000)
    with pytest.raises(GanlibError, match="room for"):
        check_archive(archive(made.good_zip()), 2_999_999)
    with pytest.raises(GanlibError, match="room for"):
        check_archive(archive(tape(50_000)), 49_999)


def test_too_many_files_are_refused(archive, monkeypatch):
    monkeypatch.setattr(unpacking, "_MOST_FILES", 3)
    check_archive(archive(made.zip_of(dict.fromkeys("abc", b"x"))))
    with pytest.raises(GanlibError, match="made to fill the disk"):
        check_archive(archive(made.zip_of(dict.fromkeys("abcd", b"x"))))


def test_the_room_is_what_is_free_less_a_gibibyte_and_never_more_than_the_limit(tmp_path, monkeypatch):
    for free, room in ((10, 9), (100, 64), (0.5, -0.5)):
        usage = types.SimpleNamespace(free=free * 2**30)
        monkeypatch.setattr(shutil, "disk_usage", lambda place, usage=usage: usage)
        assert room_in(tmp_path / "not" / "there") == room * 2**30


@pytest.mark.parametrize("damage", [lambda good: good[:-100], lambda good: b"text", lambda good: b"", bytes])
def test_what_is_no_archive_is_damage(archive, damage):
    content = damage(made.good_zip()) if damage is not bytes else bytes(20_000)
    with pytest.raises(zipfile.BadZipFile):
        check_archive(archive(content))
    with pytest.raises(zipfile.BadZipFile):
        check_every_byte(archive(content))


def test_one_wrong_byte_is_damage(archive):
    good = made.good_zip()
    with pytest.raises(zipfile.BadZipFile, match="damaged"):
        check_every_byte(archive(good[:700_000] + bytes([good[700_000] ^ 1]) + good[700_001:]))

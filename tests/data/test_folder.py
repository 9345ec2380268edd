import os
import sys

import pytest

from ganlib.data.readers import FolderPictures
from tests.data.pictures import fill


@pytest.fixture
def folder(tmp_path):
    folder = fill(tmp_path / "art", 3)
    fill(folder / "deep" / "deeper", 2)
    return folder


def paths(folder):
    return [found.path for found in FolderPictures(folder)]


def test_files_come_by_path_from_every_depth(folder):
    assert paths(folder) == ["000.png", "001.png", "002.png", "deep/deeper/000.png", "deep/deeper/001.png"]
    assert len(FolderPictures(folder)) == 5
    assert [found.open().read_bytes()[1:4] for found in FolderPictures(folder)] == [b"PNG"] * 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
def test_links_to_files_and_folders_are_followed_once(folder, tmp_path):
    elsewhere = fill(tmp_path / "elsewhere", 1)
    (folder / "file-link.png").symlink_to(elsewhere / "000.png")
    (folder / "folder-link").symlink_to(elsewhere, target_is_directory=True)
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    met = {found.path: found.problem for found in FolderPictures(folder)}
    assert met["file-link.png"] == met["folder-link/000.png"] == ""
    assert met["deep/up"] == "a link to a folder that was already looked through"
    assert len(met) == 8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few people make links")
def test_the_fingerprint_changes_with_the_files_and_with_nothing_else(folder):
    seen = [FolderPictures(folder).fingerprint()]
    assert FolderPictures(folder).fingerprint() == seen[0]
    (folder / "000.png").touch()
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "000.png").rename(folder / "zzz.png")
    seen.append(FolderPictures(folder).fingerprint())
    os.truncate(folder / "zzz.png", 10)
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "zzz.png").unlink()
    seen.append(FolderPictures(folder).fingerprint())
    (folder / "broken").symlink_to("nowhere")
    seen.append(FolderPictures(folder).fingerprint())
    assert len(set(seen)) == 6


def test_a_folder_that_cannot_be_opened_is_met_with_its_reason(folder, monkeypatch):
    scan = os.scandir

    def closed(path):
        if str(path).endswith("deeper"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("ganlib.data.readers.os.scandir", closed)
    met = {found.path: found.problem for found in FolderPictures(folder)}
    assert met["deep/deeper"] == "cannot be opened: Permission denied"
    assert len(met) == 4

import zipfile

import numpy as np
import pytest
from PIL import Image

from ganlib.data import download
from ganlib.data.readers import FolderPictures, ZipPictures
from ganlib.data.sources import find_pictures
from ganlib.errors import GanlibError
from ganlib.runtime.files import bundled_folder
from tests.data.pictures import fill


@pytest.fixture(autouse=True)
def no_net(monkeypatch):
    """Nothing here may ask Kaggle."""

    def asked(handle):
        raise AssertionError(f"asked Kaggle for {handle}")

    monkeypatch.setattr(download, "fetch", asked)


def test_bundled_art_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "patchwork", 2)
    pictures = find_pictures("patchwork")
    assert len(pictures) == 300
    assert pictures.place == str((bundled_folder() / "patchwork").resolve())


def test_a_folder_is_found_by_any_name_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = fill(tmp_path / "owner" / "name", 3)
    for source in (folder, str(folder), "owner/name", "~/owner/name", "./owner/../owner/name"):
        pictures = find_pictures(source)
        assert isinstance(pictures, FolderPictures)
        assert (pictures.name, len(pictures)) == ("name", 3)


def test_an_archive_is_found_by_its_content(tmp_path):
    with zipfile.ZipFile(tmp_path / "art.bin", "w") as archive:
        archive.write(fill(tmp_path / "art", 1) / "000.png", "a.png")
    assert isinstance(find_pictures(tmp_path / "art.bin"), ZipPictures)


@pytest.mark.parametrize("source", ["owner/name", "https://www.kaggle.com/datasets/owner/name?select=a.png"])
def test_a_data_set_is_fetched_by_its_handle(tmp_path, monkeypatch, source):
    folder = fill(tmp_path / "versions" / "3", 2)
    asked = []
    monkeypatch.setattr(download, "fetch", lambda handle: asked.append(handle) or folder)
    pictures = find_pictures(source)
    assert (pictures.name, len(pictures)) == ("name", 2)
    assert asked == ["owner/name"]


@pytest.mark.parametrize(
    "source", ["portrait", "no/such/folder", "~/nowhere", "../owner/name", "owner/na me"]
)
def test_what_is_nowhere_is_a_sentence_without_asking(tmp_path, monkeypatch, source):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanlibError, match=r"There is no art .*'owner/name'.*'portraits' or 'patchwork'"):
        find_pictures(source)


def test_portraits_are_no_files():
    with pytest.raises(GanlibError, match="'portraits' are prepared already"):
        find_pictures("portraits")


def test_a_way_that_there_is_not_is_a_sentence():
    with pytest.raises(GanlibError, match=r"no way 'carrier pigeon'.*kaggle, opendatasets or huggingface"):
        find_pictures("owner/name", via="carrier pigeon")


def test_a_way_goes_before_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "owner" / "name", 2)
    met = []
    fetch = lambda source: met.append(source) or tmp_path / "owner"  # noqa: E731
    monkeypatch.setattr(download, "fetch_with_opendatasets", fetch)
    assert len(find_pictures("owner/name", via="opendatasets")) == 2
    assert met == ["owner/name"]


def test_a_picture_alone_is_no_source(tmp_path):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(GanlibError, match="is one picture: name the folder"):
        find_pictures(tmp_path / "a.png")


@pytest.mark.parametrize("link", ["https://example.org/art.zip", "https://drive.google.com/file/d/x/view"])
def test_a_link_names_the_way_to_fetch_it(link):
    with pytest.raises(GanlibError, match=r"is a link: fetch it by '--via opendatasets', or yourself"):
        find_pictures(link)

import json

import pytest

from ganlib.data.manifest import Entry, Manifest, Settings, read_manifest
from ganlib.errors import GanlibError


@pytest.fixture
def manifest():
    files = [
        Entry("a.png", 0, width=80, height=60),
        Entry("b\\xff.png", 1, count=3, width=80, height=60, duplicate_of="a.png"),
        Entry("c\n.png", 4, near_duplicate_of="a.png"),
        Entry("d.txt", reason="not a picture"),
        Entry("e.jpg", reason="truncated: the file ends too early"),
        Entry("f.jpg", reason="damaged: one way"),
        Entry("g.jpg", reason="damaged: another way"),
        Entry("h.jpg", reason="exact duplicate of 'a.png'"),
    ]
    return Manifest(Settings(32, "tiles"), "/art/צלם", "f" * 64, "c" * 64, files)


def test_what_is_written_is_read(manifest, tmp_path):
    manifest.write(tmp_path)
    assert read_manifest(tmp_path) == manifest
    assert json.loads((tmp_path / "manifest.json").read_text())["files"][0] == {
        "path": "a.png",
        "index": 0,
        "width": 80,
        "height": 60,
    }


def test_an_empty_one_is_read_too(tmp_path):
    empty = Manifest(Settings(), "nowhere", "", "", [])
    empty.write(tmp_path)
    assert read_manifest(tmp_path) == empty


def test_the_summary_counts_everything(manifest):
    assert manifest.summary().splitlines() == [
        "5 pictures from 8 files",
        "     2 refused: damaged",
        "     1 refused: not a picture",
        "     1 refused: truncated",
        "     1 refused: exact duplicate",
        "     1 kept, the same as another, pixel for pixel",
        "     1 kept, nearly the same as another",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"settings": {}, "files": [{"wrong": 1}]}', "null"])
def test_a_damaged_one_is_a_sentence(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(GanlibError, match="damaged: remove it"):
        read_manifest(tmp_path)


def manifest_of(*paths):
    entries = [Entry(path, index) for index, path in enumerate(paths)]
    return Manifest(Settings(), "here", "f", "c", [*entries, Entry("refused/x.txt", reason="not a picture")])


@pytest.mark.parametrize(
    ("paths", "folders"),
    [
        (["cats/1.png", "dogs/1.png", "cats/old/2.png"], {"cats": 2, "dogs": 1}),
        (["art/cats/1.png", "art/dogs/1.png"], {"cats": 1, "dogs": 1}),
        (["1.png", "dogs/1.png"], {"": 1, "dogs": 1}),
        (["a/x/1.png", "b/x/1.png"], {"a": 1, "b": 1}),
        (["cats/1.png", "cats/2.png"], {"": 2}),
        (["1.png"], {"": 1}),
        ([], {}),
    ],
)
def test_sub_folders_are_counted_without_those_around_them_all(paths, folders):
    assert manifest_of(*paths).folders() == folders


def test_the_summary_says_that_folders_were_put_together():
    assert "2 folders, put together unless" in manifest_of("cats/1.png", "dogs/1.png").summary()
    assert "folders" not in manifest_of("1.png", "dogs/1.png").summary()

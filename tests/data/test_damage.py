"""Whatever a prepared set has become, its readers open it or raise one sentence; nothing else."""

import json
import os
import random
import shutil
import sys

import numpy as np
import pytest

from ganlib.cli import main
from ganlib.data import dataset
from ganlib.data.dataset import ImageDataset, load_art
from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from ganlib.show.report import report
from tests.data.pictures import fill

FEW = Settings(32, at_least=1)
VALUES = [None, -1, 0, 2**40, 10**400, 1.5, "", "x" * 5000, [], {}, [[[[[]]]]], True, "\ud800"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of pictures, two of them doubles, and the set that is made of it."""
    place = tmp_path_factory.mktemp("whole")
    fill(place / "art", 4)
    shutil.copy(place / "art" / "001.png", place / "art" / "zzz.png")
    (place / "art" / "text.jpg").write_text("no picture")
    prepare(place / "art", FEW, place / "set")
    return place


def places_in(value, path=()):
    """The paths of every value within nested JSON."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places_in(one, (*path, key))


def with_another_value(text, luck):
    facts = json.loads(text)
    *way, last = luck.choice([place for place in places_in(facts) if place])
    inner = facts
    for key in way:
        inner = inner[key]
    if luck.random() < 0.2:
        del inner[last]
    else:
        inner[last] = luck.choice(VALUES)
    return json.dumps(facts).encode()


def mutated(content, luck, is_json):
    kind = luck.randrange(5 if is_json else 4)
    place = luck.randrange(min(len(content), 200))
    if kind == 0:
        return content[: luck.choice([0, place, luck.randrange(len(content))])]
    if kind == 1:
        return content[:place] + bytes([content[place] ^ 1 << luck.randrange(8)]) + content[place + 1 :]
    if kind == 2:
        return content[:place] + luck.randbytes(luck.randrange(1, 50)) + content[place:]
    if kind == 3:
        return luck.choice([b"[" * 100_000, b"{" * 100_000, b"9" * 5000, b"PK\3\4" + content, content * 2])
    return with_another_value(content, luck)


def _prepare_again(place):
    prepare(place / "art", FEW, place / "set")


READERS = {
    "open": lambda place: ImageDataset.open(place / "set")[0],
    "hash": lambda place: ImageDataset.open(place / "set").content_hash,
    "split": lambda place: ImageDataset.open(place / "set").train,
    "load_art": lambda place: load_art(place / "set").content_hash,
    "report": lambda place: report(place / "set"),
    "summary": lambda place: read_manifest(place / "set").summary(),
    "prepare": _prepare_again,
}


def outcome(read, place):
    try:
        read(place)
    except GanlibError as error:
        assert "\n" not in str(error)
        return "a sentence"
    return "read"


@pytest.mark.parametrize("name", ["manifest.json", "images.npy"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")  # numpy reads Python
def test_two_hundred_mutations_are_read_or_told(whole, name):
    path = whole / "set" / name
    content = path.read_bytes()
    told = dict.fromkeys(READERS, 0)
    for seed in range(200):
        for reader, read in READERS.items():
            path.write_bytes(mutated(content, random.Random(seed), name == "manifest.json"))
            told[reader] += outcome(read, whole) == "a sentence"
            assert reader != "prepare" or outcome(READERS["hash"], whole) == "read"
    path.write_bytes(content)
    assert told.pop("prepare") == 0  # it makes the set again
    assert all(number > 60 for reader, number in told.items() if reader in {"report", "hash", "load_art"})


@pytest.mark.parametrize(
    "facts",
    [
        {"index": 10**400},
        {"index": -1},
        {"index": 4},
        {"count": 0},
        {"width": 0},
        {"width": 10**30},
        {"duplicate_of": "nobody"},
        {"path": None},
        {"reason": 5},
    ],
)
def test_values_that_the_code_behind_cannot_use_are_one_sentence(whole, tmp_path, facts):
    shutil.copytree(whole / "set", tmp_path / "set")
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    manifest["files"][0] |= facts
    (tmp_path / "set" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(GanlibError, match="damaged: remove it"):
        report(tmp_path / "set")
    with pytest.raises(GanlibError, match="damaged: remove it"):
        _ = ImageDataset.open(tmp_path / "set").content_hash


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((5, 32, 32, 4), np.uint8),
        np.zeros((5, 32, 16, 2), np.uint8),
        np.zeros((5, 32, 32), np.uint8),
        np.zeros((4, 32, 32, 3), np.uint8),
        np.zeros((5, 32, 32, 3), np.int8),
        np.zeros((5, 32, 32, 3), object),
        np.array(0, np.uint8),
    ],
)
def test_another_array_is_one_sentence(whole, tmp_path, images):
    shutil.copytree(whole / "set", tmp_path / "set")
    np.save(tmp_path / "set" / "images.npy", images, allow_pickle=True)
    with pytest.raises(GanlibError, match="damaged: remove it"):
        _ = ImageDataset.open(tmp_path / "set").content_hash
    prepare(whole / "art", FEW, tmp_path / "set")
    assert (tmp_path / "set" / "images.npy").read_bytes() == (whole / "set" / "images.npy").read_bytes()


# Names and things that are no folders

ODD = ["a" * 256, "b/" * 2500, "nul\0", os.fsdecode(b"caf\xe9"), "two\nlines", "~nobody/x", ""]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_source_is_a_sentence(tmp_path, monkeypatch, name, capsys):
    monkeypatch.chdir(tmp_path)
    for read in (load_art, lambda name: prepare(tmp_path / name / "x", FEW)):
        with pytest.raises(GanlibError) as told:
            read(name)
        str(told.value).encode()
    assert main(["prepare", name, "--report"]) == 2
    assert capsys.readouterr().err.startswith("ganlib: ")


@pytest.mark.parametrize("name", ["a" * 256, "b/" * 2500])
def test_an_odd_place_for_the_set_is_a_sentence(whole, tmp_path, monkeypatch, name, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanlibError):
        prepare(whole / "art", FEW, tmp_path / name)
    assert main(["prepare", str(whole / "art"), "--out", name, "--report"]) == 2
    assert capsys.readouterr().err.startswith("ganlib: ")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_names_that_are_no_text_are_read_and_written(tmp_path):
    folder = fill(tmp_path / os.fsdecode(b"caf\xe9"), 2)
    os.rename(folder / "001.png", folder / os.fsdecode(b"\xff.png"))  # noqa: PTH104
    out = prepare(folder, FEW, tmp_path / os.fsdecode(b"\xfe"))
    manifest = read_manifest(out)
    assert [entry.path for entry in manifest.files] == ["000.png", r"\xff.png"]
    assert manifest.source.endswith(r"caf\xe9")
    report(out).read_text(encoding="utf-8")
    assert len(load_art(folder.parent / os.fsdecode(b"\xfe"))) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/null"])
def test_what_is_no_file_is_no_source(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    for read in (load_art, lambda path: dataset.read_photo(path, 32), ImageDataset.open):
        with pytest.raises(GanlibError):
            read(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["images.npy", "manifest.json"])
def test_a_pipe_in_a_prepared_set_is_damage(whole, tmp_path, name):
    shutil.copytree(whole / "set", tmp_path / "set")
    (tmp_path / "set" / name).unlink()
    os.mkfifo(tmp_path / "set" / name)
    with pytest.raises(GanlibError, match="damaged"):
        ImageDataset.open(tmp_path / "set")
    with pytest.raises(GanlibError, match="damaged"):
        report(tmp_path / "set")

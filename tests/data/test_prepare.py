import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from ganlib.data import prepare as module
from ganlib.data.dataset import ImageDataset
from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.prepare import NpyWriter, default_place, prepare
from ganlib.data.readers import Found, Pictures
from ganlib.errors import GanlibError
from tests.data.pictures import fill, noise

FEW = Settings(32, at_least=1)


@pytest.fixture
def folder(tmp_path):
    folder = fill(tmp_path / "art", 4)
    (folder / "deep").mkdir()
    noise(7).save(folder / "deep" / "b.JPG")
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    return folder


def files_of(out):
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != ".lock"}


def test_every_file_is_in_the_manifest_with_an_index_or_a_reason(folder):
    out = prepare(folder, FEW)
    images = np.load(out / "images.npy")
    assert images.shape == (5, 32, 32, 3)
    assert images.dtype == np.uint8
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["settings"]["size"] == 32
    used = {entry["path"]: entry["index"] for entry in manifest["files"] if "index" in entry}
    refused = {entry["path"]: entry["reason"] for entry in manifest["files"] if "reason" in entry}
    assert used == {"000.png": 0, "001.png": 1, "002.png": 2, "003.png": 3, "deep/b.JPG": 4}
    assert refused == {"notes.txt": "not a picture", "text.jpg": "not a picture"}
    assert manifest["files"][0] == {"path": "000.png", "index": 0, "width": 48, "height": 40}


def test_the_size_of_what_is_too_small_is_kept(folder):
    noise(1, 20, 30).save(folder / "small.png")
    small = next(e for e in read_manifest(prepare(folder, FEW)).files if e.path == "small.png")
    assert (small.reason, small.width, small.height) == ("smaller than 32 px", 20, 30)


def test_a_long_or_odd_name_makes_a_short_place(tmp_path):
    place = default_place("ü" * 200 + "/../a b\n\udcff", "there", FEW)
    assert place.parent == default_place("art", "there", FEW).parent
    assert len(place.name.encode()) < 120
    folder = fill(tmp_path / ("x" * 250), 2)
    assert len(ImageDataset.open(prepare(folder, FEW))) == 2


def test_the_content_hash_is_that_of_the_pictures(folder):
    out = prepare(folder, FEW)
    digests = [hashlib.sha256(image.tobytes()).digest() for image in np.load(out / "images.npy")]
    expected = hashlib.sha256(b"".join(digests)).hexdigest()
    assert read_manifest(out).content_hash == expected
    assert ImageDataset(np.load(out / "images.npy"), "in memory").content_hash == expected
    assert ImageDataset.open(out).content_hash == expected


def test_the_same_files_give_the_same_bytes_on_any_number_of_cores(folder, tmp_path, monkeypatch):
    outs = []
    for cores in (1, 2, 7):
        monkeypatch.setattr(module.os, "cpu_count", lambda cores=cores: cores)
        outs.append(files_of(prepare(folder, FEW, tmp_path / f"out{cores}")))
    assert outs[0] == outs[1] == outs[2]
    assert set(outs[0]) == {"images.npy", "manifest.json"}


def test_a_prepared_set_is_opened_again_until_something_changes(folder, monkeypatch):
    made = []
    make = module._make
    monkeypatch.setattr(module, "_make", lambda *arguments: made.append(1) or make(*arguments))
    out = prepare(folder, FEW)
    prepare(folder, FEW)
    prepare(folder, Settings(32, at_least=2))
    assert len(made) == 1
    noise(50).save(folder / "new.png")
    assert len(ImageDataset.open(prepare(folder, FEW))) == 6
    noise(51).save(folder / "new.png")
    before = (out / "images.npy").read_bytes()
    prepare(folder, FEW)
    assert (out / "images.npy").read_bytes() != before
    (folder / "new.png").rename(folder / "newer.png")
    prepare(folder, FEW)
    (folder / "newer.png").unlink()
    assert len(ImageDataset.open(prepare(folder, FEW))) == 5
    assert len(made) == 5


@pytest.mark.parametrize(
    "other",
    [
        Settings(64, "pad"),
        Settings(32, "pad"),
        Settings(32, drop_duplicates=True),
        Settings(32, drop_near_duplicates=True),
    ],
)
def test_other_settings_are_another_set(folder, tmp_path, other):
    first, second = default_place("art", str(folder), FEW), default_place("art", str(folder), other)
    assert first != second
    assert default_place("art", str(folder / "deep"), FEW) != first
    out = prepare(folder, FEW, tmp_path / "out")
    before = read_manifest(out)
    prepare(
        folder, Settings(other.size, other.crop, other.drop_duplicates, other.drop_near_duplicates, 0), out
    )
    assert read_manifest(out).fingerprint != before.fingerprint
    assert read_manifest(out).settings.size == other.size


def test_a_set_of_an_older_way_to_prepare_is_made_again(folder, monkeypatch):
    before = read_manifest(prepare(folder, FEW)).fingerprint
    monkeypatch.setattr(module, "_VERSION", 0)
    assert read_manifest(prepare(folder, FEW)).fingerprint != before


@pytest.mark.parametrize("damage", ["manifest.json", "images.npy"])
def test_half_a_set_is_never_taken_for_whole(folder, damage):
    out = prepare(folder, FEW)
    whole = files_of(out)
    (out / damage).unlink()
    with pytest.raises(GanlibError, match="damaged"):
        ImageDataset.open(out)
    assert files_of(prepare(folder, FEW)) == whole


class Interrupted(Pictures):
    """A source in whose middle somebody presses Ctrl-C."""

    def __init__(self, after):
        super().__init__("interrupted", "here")
        self.files = []
        self.after = after
        self.data = BytesIO()
        noise(0).save(self.data, "PNG")

    def __len__(self):
        return 100

    def __iter__(self):
        for number in range(len(self)):
            if number == self.after:
                signal.raise_signal(signal.SIGINT)
            yield Found(f"{number}.png", lambda: BytesIO(self.data.getvalue()))

    def fingerprint(self):
        return str(self.after)


@pytest.mark.parametrize("after", [0, 1, 30, 99])
def test_an_interrupt_leaves_what_was_there(folder, tmp_path, after):
    out = prepare(folder, FEW, tmp_path / "out")
    before = files_of(out)
    with pytest.raises(KeyboardInterrupt):
        prepare(Interrupted(after), FEW, out)
    assert files_of(out) == before
    with pytest.raises(KeyboardInterrupt):
        prepare(Interrupted(after), FEW, tmp_path / "fresh")
    assert not files_of(tmp_path / "fresh")
    assert not [thread for thread in threading.enumerate() if "ThreadPoolExecutor" in thread.name]


def test_an_interrupt_at_the_last_moment_leaves_no_old_manifest_beside_new_pictures(
    folder, tmp_path, monkeypatch
):
    out = prepare(folder, FEW, tmp_path / "out")
    whole = files_of(out)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.Manifest, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(folder, Settings(32, "stretch", at_least=1), out)
    assert files_of(prepare(folder, FEW, out)) == whole


def test_what_a_killed_process_left_is_removed_even_if_nothing_has_changed(folder):
    out = prepare(folder, FEW)
    (out / ".images.part.npy").write_bytes(bytes(1000))
    assert set(files_of(prepare(folder, FEW))) == {"images.npy", "manifest.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not fork")
def test_after_a_kill_at_any_moment_the_same_command_gives_the_same_bytes(tmp_path):
    command = [sys.executable, "-m", "tests.data.killed", tmp_path, "12", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["moments"] > 30
    assert result["killed"] == 12
    assert result["other"] == []


def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(folder, tmp_path, monkeypatch):
    out = prepare(folder, FEW, tmp_path / "out")
    before = files_of(out)
    noise(50).save(folder / "new.png")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ganlib.data.prepare.NpyWriter.append", full)
    with pytest.raises(GanlibError, match="The disk is full"):
        prepare(folder, FEW, out)
    assert files_of(out) == before


def test_two_who_prepare_the_same_set_take_turns(folder, tmp_path, monkeypatch):
    made, met = [], threading.Barrier(2)
    make = module._make
    monkeypatch.setattr(module, "_make", lambda *arguments: made.append(1) or make(*arguments))

    def person():
        met.wait()
        prepare(folder, FEW, tmp_path / "out")

    people = [threading.Thread(target=person) for _ in range(2)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(made) == 1
    assert len(ImageDataset.open(tmp_path / "out")) == 5


def test_a_set_within_the_folder_is_not_a_source_of_itself(folder):
    out = prepare(folder, FEW, folder / "prepared")
    first = read_manifest(out)
    assert read_manifest(prepare(folder, FEW, out)).fingerprint == first.fingerprint
    assert not [entry for entry in first.files if entry.path.startswith("prepared")]


def test_exact_duplicates_are_named_and_dropped_when_asked(folder):
    (folder / "zcopy.png").write_bytes((folder / "001.png").read_bytes())
    noise(2).save(folder / "zsame-pixels.tif")
    kept = read_manifest(prepare(folder, FEW))
    repeated = {entry.path: entry.duplicate_of for entry in kept.files if entry.duplicate_of}
    assert repeated == {"zcopy.png": "001.png", "zsame-pixels.tif": "002.png"}
    assert kept.duplicates() == 2
    out = prepare(folder, Settings(32, drop_duplicates=True, at_least=1))
    assert len(ImageDataset.open(out)) == 5
    reasons = {entry.path: entry.reason for entry in read_manifest(out).refused()}
    assert reasons["zcopy.png"] == "exact duplicate of '001.png'"
    assert read_manifest(out).tally()["exact duplicate"] == 2
    assert [entry.index for entry in read_manifest(out).used()] == list(range(5))


def test_near_duplicates_are_named_and_dropped_when_asked(folder):
    noise(1, 240, 200).save(folder / "0015-near.jpg", quality=60)
    kept = read_manifest(prepare(folder, FEW))
    assert {e.path: e.near_duplicate_of for e in kept.files if e.near_duplicate_of} == {
        "0015-near.jpg": "001.png"
    }
    whole = np.load(prepare(folder, FEW) / "images.npy")
    out = prepare(folder, Settings(32, drop_near_duplicates=True, at_least=1))
    manifest = read_manifest(out)
    near = next(entry for entry in manifest.files if entry.path == "0015-near.jpg")
    assert (near.index, near.reason) == (None, "near duplicate of '001.png'")
    rest = np.delete(whole, 1, 0) if kept.files[1].path == "0015-near.jpg" else np.delete(whole, 2, 0)
    assert np.array_equal(np.load(out / "images.npy"), rest)
    assert [entry.index for entry in manifest.used()] == list(range(len(rest)))
    assert manifest.content_hash == ImageDataset(rest, "rest").content_hash


def test_tiles_are_many_pictures_of_one_file(tmp_path):
    noise(0, 100, 70).save(tmp_path / "a.png")
    noise(1, 32, 32).save(tmp_path / "b.png")
    out = prepare(tmp_path, Settings(32, "tiles", at_least=1), tmp_path / "out")
    facts = json.loads((out / "manifest.json").read_text())["files"]
    assert facts[0] == {"path": "a.png", "index": 0, "count": 4, "width": 100, "height": 70}
    assert facts[1] == {"path": "b.png", "index": 4, "width": 32, "height": 32}
    assert len(ImageDataset.open(out)) == 5


def test_too_few_pictures_say_so_again_and_again(tmp_path):
    folder = fill(tmp_path / "art", 9)
    (folder / "text.jpg").write_text("no picture")
    for _ in range(2):
        with pytest.raises(
            GanlibError, match=r"Too few pictures: 9 from 10 files, and a GAN needs at least 10"
        ):
            prepare(folder, Settings(32))
    with pytest.raises(GanlibError, match=r"Refused: 1 not a picture\."):
        prepare(folder, Settings(32))
    noise(63).save(folder / "one-more.png")
    assert len(ImageDataset.open(prepare(folder, Settings(32)))) == 10


@pytest.mark.parametrize("content", ["nothing", "text"])
def test_a_folder_without_a_picture_is_a_sentence(tmp_path, content):
    folder = fill(tmp_path / "art", 0)
    if content == "text":
        (folder / "a.jpg").write_text("no picture")
    says = r"There is no file in '.*art'" if content == "nothing" else r"Too few pictures: 0 from 1 files"
    with pytest.raises(GanlibError, match=says):
        prepare(folder, Settings(32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [(Settings(100), "does not fit"), (Settings(32, "oval"), "no crop 'oval'.*centre, pad")],
)
def test_a_setting_that_does_not_fit_is_a_sentence(folder, settings, message):
    with pytest.raises(GanlibError, match=message):
        prepare(folder, settings)


def test_a_missing_folder_is_a_sentence(tmp_path):
    with pytest.raises(GanlibError, match="no folder"):
        prepare(tmp_path / "nowhere", FEW)


def test_nothing_is_written_among_the_pictures(folder):
    before = sorted(folder.rglob("*"))
    out = prepare(folder, FEW)
    assert sorted(folder.rglob("*")) == before
    assert out == default_place("art", str(folder.resolve()), FEW)
    assert Path(os.environ["XDG_CACHE_HOME"]) in out.parents


def test_preparing_does_not_wait_for_torch(folder):
    code = f"""
import sys
from pathlib import Path
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
prepare(Path({str(folder)!r}), Settings(32, at_least=1))
assert "torch" not in sys.modules, "torch"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def write(path, count):
    writer = NpyWriter(path, 2)
    images = np.random.default_rng(count).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
    for image in images:
        writer.append(image)
    writer.close()
    return images


@pytest.mark.parametrize("count", [0, 1, 9, 10, 12345])
def test_what_was_written_is_read_whatever_the_count(tmp_path, count):
    images = write(tmp_path / "a.npy", count)
    assert np.array_equal(np.load(tmp_path / "a.npy"), images)
    assert np.load(tmp_path / "a.npy", mmap_mode="r").shape == (count, 2, 2, 3) if count else True


def test_an_image_that_is_not_contiguous_is_written_as_it_looks(tmp_path):
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)[:, ::2]
    with_gaps = NpyWriter(tmp_path / "a.npy", 2)
    with_gaps.append(image)
    with_gaps.close()
    assert np.array_equal(np.load(tmp_path / "a.npy")[0], image)


def test_a_double_of_what_is_dropped_is_dropped_too(folder):
    noise(1, 240, 200).save(folder / "0005-near.jpg", quality=60)
    (folder / "zcopy.png").write_bytes((folder / "001.png").read_bytes())
    manifest = read_manifest(prepare(folder, Settings(32, drop_near_duplicates=True, at_least=1)))
    dropped = {entry.path: entry.reason for entry in manifest.refused() if "dupl" in entry.reason}
    assert dropped == dict.fromkeys(["001.png", "zcopy.png"], "near duplicate of '0005-near.jpg'")

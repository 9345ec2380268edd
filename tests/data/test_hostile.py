import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.prepare import images_file, prepare
from ganlib.errors import GanlibError
from tests.data.hostile import SIZE, WELL_NAMED, painting, unlock, write_hostile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such files")

PREPARE = """
import os, sys
from pathlib import Path
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare

def peak():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024

place, settings = Path(sys.argv[1]), Settings(size=32, at_least=1)
prepare(place / "one", settings, place / "out of one")
before = peak()
prepare(place / "hostile", settings, place / "out as it is")
print(before, peak())
if os.geteuid() == 0:
    os.seteuid(65534)  # root may read everything
os.environ["XDG_CACHE_HOME"] = str(place / "written by all")
for out in ("first", "second"):
    prepare(place / "hostile", settings, place / "written by all" / out)
"""


@pytest.fixture(scope="module")
def place():
    """A folder that every user can enter, which one below pytest's own is not."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    (place / "written by all").mkdir()
    (place / "written by all").chmod(0o777)
    (place / "one").mkdir()
    painting().save(place / "one" / "good.png")
    yield place
    unlock(place / "hostile")
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def expected(place):
    return write_hostile(place / "hostile")


@pytest.fixture(scope="module")
def peaks(place, expected):
    """Prepare it once with all rights, twice without; MiB taken before the first and after it."""
    environment = os.environ | {"XDG_CACHE_HOME": str(place / "cache")}
    command = [sys.executable, "-c", PREPARE, place]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return [int(number) for number in done.stdout.split()]


@pytest.fixture(scope="module")
def out(place, peaks):
    return place / "written by all" / "first"


@pytest.fixture(scope="module")
def entries(out):
    return read_manifest(out).files


def fitted(picture: Image.Image) -> np.ndarray:
    return np.asarray(ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.LANCZOS)).astype(int)


def test_the_folder_is_as_hostile_as_it_says(expected):
    assert len(expected) >= 150
    assert sum(reason != "" for reason in expected.values()) >= 100


def test_every_file_has_one_entry_with_the_reason(expected, entries):
    assert Counter(entry.path for entry in entries) == Counter(expected.keys())
    assert {entry.path: entry.reason or "" for entry in entries} == expected


def test_reasons_are_a_short_line_without_addresses_and_paths(place, entries):
    for reason in {entry.reason for entry in entries} - {None}:
        assert re.fullmatch(r"[^\n<>_/]{6,70}", reason.removesuffix("GANLIB_MEMORY_GIB")), reason
        assert "0x" not in reason
        assert "object" not in reason


def test_indices_follow_the_order_of_the_paths(out, entries):
    used = [entry for entry in entries if entry.index is not None]
    assert [entry.index for entry in used] == list(range(len(used)))
    assert sorted(entry.path for entry in entries) == [entry.path for entry in entries]
    assert np.load(images_file(out)).shape == (len(used), SIZE, SIZE, 3)


def test_good_pictures_have_the_right_pixels(out, entries):
    images = np.load(images_file(out)).astype(int)
    index = {entry.path: entry.index for entry in entries if entry.path.startswith("names/")}
    assert len(index) == len(WELL_NAMED) + 1
    for path, place in index.items():
        assert np.array_equal(images[place], fitted(painting())), path
    assert (images[index["names/" + WELL_NAMED[0]]].std((0, 1)) > 5).all()


def test_odd_pictures_look_as_they_should(out, entries):
    images = np.load(images_file(out)).astype(int)
    upright = fitted(painting())
    turned = fitted(painting().transpose(Image.Transpose.ROTATE_270))
    odd = [entry for entry in entries if entry.path.startswith("sound") and entry.index is not None]
    for entry in odd:
        target = turned if re.search("circles|many numbers", entry.path) else upright
        assert np.abs(images[entry.index] - target).mean() < 6, entry.path
    assert len(odd) >= 20
    assert np.abs(turned - upright).mean() > 30


def test_the_same_folder_gives_the_same_bytes(out):
    second = out.parent / "second"
    for name in ("images.npy", "manifest.json"):
        assert (out / name).read_bytes() == (second / name).read_bytes()
    assert json.loads((out / "manifest.json").read_text())["files"]


def test_a_claim_of_size_takes_no_memory(peaks):
    before, after = peaks
    assert 20 < before < 400
    assert 0 <= after - before < 160  # each of the claims is 80 megapixels: 320 MiB


def test_too_few_pictures_are_a_sentence_with_the_tally(tmp_path, expected, place):
    folder = place / "hostile" / "no_pictures"
    with pytest.raises(GanlibError) as problem:
        prepare(folder, Settings(size=SIZE), tmp_path / "out")
    count = sum(path.startswith("no_pictures/") for path in expected)
    text = str(problem.value)
    assert f"Too few pictures: 0 from {count} files, and a GAN needs at least 10." in text
    assert re.search(r"[ ,]\d+ not a picture[,.]", text)
    assert re.search(r"[ ,]1 an empty file[,.]", text)
    assert f"'{tmp_path / 'out' / 'manifest.json'}' says why" in text

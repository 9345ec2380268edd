import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ganlib.runtime.files import bundled_folder
from ganlib.data.dataset import load_art
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from tests.data.pictures import fill, noise


def test_the_portraits_are_four_thousand_different_pictures():
    portraits = load_art("portraits")
    assert portraits.images.shape == (4000, 64, 64, 3)
    assert len({image.tobytes() for image in portraits.images}) == 4000
    assert portraits.images.std((1, 2, 3)).min() > 20
    assert portraits.manifest is None


def test_the_atlas_is_the_one_that_was_made():
    atlas = bundled_folder() / "portraits.webp"
    facts = json.loads((bundled_folder() / "portraits.json").read_text(encoding="utf-8"))
    assert hashlib.sha256(atlas.read_bytes()).hexdigest() == facts["sha256"]
    assert facts["sha256"] in (bundled_folder() / "README.md").read_text(encoding="utf-8")
    assert atlas.stat().st_size <= 4_000_000


def test_the_patchwork_is_complete():
    files = sorted((bundled_folder() / "patchwork").glob("*.png"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    facts = json.loads((bundled_folder() / "patchwork.json").read_text(encoding="utf-8"))
    assert digest == facts["sha256"]
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    patchwork = load_art("patchwork", 32)
    assert patchwork.images.shape == (300, 32, 32, 3)
    assert patchwork.name == "patchwork"
    assert patchwork.manifest.duplicates() == 0
    with Image.open(files[0]) as picture:
        assert picture.size == (512, 512)


def test_portraits_come_at_other_sizes():
    small = load_art("portraits", 32).images
    large = load_art("portraits", 64).images
    halved = large[:50].reshape(50, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(small[:50] - halved).mean() < 6


def test_a_folder_is_art_too(tmp_path):
    folder = fill(tmp_path / "mine", 66, ".tif")
    noise(99, 100, 64).save(folder / "large.png")
    art = load_art(folder, 32)
    assert (len(art), art.name, art.size) == (67, "mine", 32)
    assert [entry.path for entry in art.manifest.files][-1] == "large.png"
    with pytest.raises(GanlibError, match=r"Too few pictures: 1 from 67 files, .* 66 smaller than 64 px\."):
        load_art(str(folder))


def test_the_crop_is_chosen(tmp_path):
    folder = tmp_path / "tall"
    folder.mkdir()
    for index in range(64):
        Image.new("RGB", (40, 80), (index * 3, 0, 0)).save(folder / f"{index}.png")
    assert load_art(folder, 32, crop="pad").images[5][16, 0].tolist() == [255, 255, 255]
    assert load_art(folder, 32).images[5][16, 0].tolist() != [255, 255, 255]
    assert len(load_art(folder, 32, crop="tiles")) == 128


def test_a_prepared_set_is_opened_as_it_is(tmp_path):
    out = prepare(fill(tmp_path / "mine", 64), Settings(32), tmp_path / "set")
    for size in (None, 32):
        art = load_art(out, size)
        assert (len(art), art.name, art.folder) == (64, "set", out)
    with pytest.raises(GanlibError, match=r"prepared with 32 px, not 64: prepare them again"):
        load_art(str(out), 64)


@pytest.mark.parametrize("size", [48, 16, 1024, 0, -64])
def test_a_size_that_no_net_paints_is_a_sentence(size):
    with pytest.raises(GanlibError, match="power of two"):
        load_art("portraits", size)


def test_an_unknown_source_is_a_sentence():
    with pytest.raises(GanlibError, match="'portraits' or 'patchwork'"):
        load_art("portrait")

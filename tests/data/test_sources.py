import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ganlib.assets import bundled_folder
from ganlib.data.sources import load_art
from ganlib.errors import GanlibError


def test_the_portraits_are_four_thousand_different_pictures():
    portraits = load_art("portraits")
    assert portraits.images.shape == (4000, 64, 64, 3)
    assert len({image.tobytes() for image in portraits.images}) == 4000
    assert portraits.images.std((1, 2, 3)).min() > 20


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
    with Image.open(files[0]) as picture:
        assert picture.size == (512, 512)


def test_portraits_come_at_other_sizes():
    small = load_art("portraits", 32).images
    large = load_art("portraits", 64).images
    halved = large[:50].reshape(50, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(small[:50] - halved).mean() < 6


def test_a_folder_is_art_too(tmp_path):
    for index in range(3):
        Image.new("RGB", (70, 90), (index * 80, 0, 0)).save(tmp_path / f"{index}.png")
    art = load_art(tmp_path, 32)
    assert len(art) == 3
    assert art.name == tmp_path.name
    assert load_art(str(tmp_path)).size == 64


def test_an_unknown_source_is_a_sentence():
    with pytest.raises(GanlibError, match="'portraits' or 'patchwork'"):
        load_art("portrait")
    with pytest.raises(GanlibError, match="power of two"):
        load_art("portraits", 48)

import json
import os

import numpy as np
import pytest
from PIL import Image

from ganlib.data.prepare import default_place, prepare, prepare_picture
from ganlib.errors import GanlibError


def picture(width=80, height=60, mode="RGB"):
    across = np.linspace(0, 255, width, dtype=np.uint8)
    gradient = np.broadcast_to(across[None, :, None], (height, width, 3))
    return Image.fromarray(np.ascontiguousarray(gradient)).convert(mode)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "art"
    (folder / "deep").mkdir(parents=True)
    picture().save(folder / "a.png")
    picture().save(folder / "deep" / "b.JPG")
    picture(mode="L").save(folder / "grey.png")
    picture(mode="CMYK").save(folder / "cmyk.jpg")
    (folder / "broken.jpg").write_bytes((folder / "deep" / "b.JPG").read_bytes()[:400])
    (folder / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")
    return folder


def test_every_picture_is_prepared_and_the_rest_named_with_a_reason(folder):
    images = prepare(folder, 32)
    assert images.images.shape == (4, 32, 32, 3)
    assert images.images.dtype == np.uint8
    manifest = json.loads((default_place(folder, 32) / "manifest.json").read_text())
    used = {entry["path"]: entry["index"] for entry in manifest["files"] if "index" in entry}
    refused = {entry["path"]: entry["reason"] for entry in manifest["files"] if "reason" in entry}
    assert used == {"a.png": 0, "cmyk.jpg": 1, "deep/b.JPG": 2, "grey.png": 3}
    assert refused["text.jpg"] == "not a picture"
    assert "cannot be decoded" in refused["broken.jpg"]


def test_the_middle_is_kept_in_proportion(folder):
    row = prepare(folder, 32).images[0][16, :, 0].astype(int)
    assert row[0] == pytest.approx(255 * 10 / 80, abs=6)
    assert row[-1] == pytest.approx(255 * 70 / 80, abs=6)
    assert (np.diff(row) >= 0).all()


def test_a_prepared_set_is_opened_again_until_a_file_changes(folder):
    prepare(folder, 32)
    stored = default_place(folder, 32) / "images.npy"
    before = stored.stat().st_mtime_ns
    prepare(folder, 32)
    assert stored.stat().st_mtime_ns == before
    picture(40, 40).save(folder / "new.png")
    assert len(prepare(folder, 32)) == 5
    assert len(prepare(folder, 64)) == 5
    (folder / "new.png").unlink()
    assert len(prepare(folder, 32)) == 4


def test_a_set_without_its_manifest_is_made_again(folder):
    prepare(folder, 32)
    (default_place(folder, 32) / "manifest.json").unlink()
    (default_place(folder, 32) / "images.npy").write_bytes(b"half")
    assert len(prepare(folder, 32)) == 4


def test_sixteen_bits_of_grey_keep_their_tones(tmp_path):
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16)
    Image.fromarray(np.broadcast_to(ramp, (64, 64)).copy()).save(tmp_path / "deep.png")
    image = prepare_picture(tmp_path / "deep.png", 64).image
    assert image.mean() == pytest.approx(127.5, abs=1)
    assert np.abs(image[0, :, 0] - np.linspace(0, 255, 64)).max() <= 1.5


def test_a_prepared_set_gives_tensors_without_a_warning(folder, recwarn):
    assert prepare(folder, 32).tensor().shape == (4, 3, 32, 32)
    assert prepare(folder, 32).tensor(slice(1, 3)).shape == (2, 3, 32, 32)
    assert not list(recwarn)


def test_transparency_becomes_white(tmp_path):
    Image.new("RGBA", (40, 40), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (prepare_picture(tmp_path / "clear.png", 32).image == 255).all()


def test_the_camera_s_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees to the right
    picture(40, 40).save(tmp_path / "turned.jpg", exif=exif)
    column = prepare_picture(tmp_path / "turned.jpg", 32).image[:, 16, 0].astype(int)
    assert (np.diff(column) >= -2).all()
    assert column[-1] - column[0] > 200


def test_a_large_jpeg_is_not_wider_than_it_should_be(tmp_path):
    picture(800, 600).save(tmp_path / "large.jpg", quality=95)
    row = prepare_picture(tmp_path / "large.jpg", 32).image[16, :, 0].astype(int)
    assert row[0] == pytest.approx(255 / 8, abs=8)
    assert row[-1] == pytest.approx(255 * 7 / 8, abs=8)


@pytest.mark.parametrize(("content", "message"), [(None, "no folder"), ({}, "holds no pictures")])
def test_a_missing_or_empty_folder_is_a_sentence(tmp_path, content, message):
    folder = tmp_path / "art"
    if content is not None:
        folder.mkdir()
    with pytest.raises(GanlibError, match=message):
        prepare(folder, 32)


def test_a_folder_without_a_usable_picture_is_a_sentence(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(GanlibError, match="None of the 1 picture files"):
        prepare(tmp_path, 32)


def test_an_odd_size_is_a_sentence(folder):
    with pytest.raises(GanlibError, match="power of two"):
        prepare(folder, 48)


def test_pictures_are_never_written_beside_the_originals(folder):
    before = sorted(folder.rglob("*"))
    prepare(folder, 32)
    assert sorted(folder.rglob("*")) == before
    assert os.environ["XDG_CACHE_HOME"] in str(default_place(folder, 32))

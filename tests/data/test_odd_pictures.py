"""Pictures that are whole and yet come out dark, empty, short or huge; and what Pillow says of them."""

import subprocess
import sys
from io import BytesIO
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from ganlib.data import opening
from ganlib.data.decode import decode
from ganlib.data.manifest import Settings, read_manifest
from ganlib.data.opening import RefusedError, save_picture
from ganlib.data.prepare import prepare
from ganlib.show.film import film
from tests.data.hostile import painting, saved
from tests.data.pictures import fill, noise
from tests.data.test_decode import png, ramp, same_tones, tiff_of

FEW = Settings(32, at_least=0)


def decoded(content, size=32, crop="centre"):
    return decode(BytesIO(content), size, crop)


def grey(values, dtype="<u2"):
    return tiff_of(np.ascontiguousarray(values.astype(dtype)), 1, kind=3 if dtype == "<f4" else 1)


def deep_colours(values, kind):
    """RGB of 16 bits, as PNG or as TIFF."""
    rows = np.repeat(ramp(values.round())[..., None], 3, 2)
    if kind == "PNG":
        return png(2, 16, rows.astype(">u2"))
    return tiff_of(rows.astype("<u2"), 2, samples=3)


# Tones


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("white", [1, 0.8])
def test_bits_that_a_grey_picture_shows_are_all_used(bits, white):
    largest = (2**bits - 1) * white
    values = ramp(np.linspace(0, largest, 32).round())
    expected = np.linspace(0, 255 * white, 32)[None, :, None]
    for content in (grey(values), png(0, 16, values.astype(">u2")), grey(values, "<f4")):
        found = decoded(content)
        assert np.abs(found.images[0] - expected).max() <= 1
        assert found.note == ""


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_bits_that_colours_show_are_all_used(bits, kind):
    assert same_tones(deep_colours(np.linspace(0, 2**bits - 1, 32), kind))


def test_what_a_tiff_says_of_its_depth_goes_before_what_it_shows():
    dark = ramp(np.linspace(0, 900, 32).round())
    assert decoded(grey(dark)).images[0].max() > 220  # it shows ten bits
    says = tiff_of(dark.astype("<u2"), 1, most=4095)
    assert np.abs(decoded(says).images[0].max() - 900 / 4095 * 255) <= 1


@pytest.mark.parametrize(
    ("picture", "note"),
    [
        (Image.new("RGB", (40, 40), (5, 8, 5)), "nearly black"),
        (Image.new("RGB", (40, 40), "white"), "nearly white"),
        (Image.new("RGB", (40, 40), (90, 10, 200)), "of one colour"),
        (Image.new("RGBA", (40, 40), (90, 10, 200, 0)), "nearly white"),
        (Image.fromarray(ramp(np.linspace(0, 4, 32)).astype(np.float32)), "nearly black"),
        (Image.fromarray(ramp(np.linspace(0, 200, 32)).astype(np.uint16)), "nearly black"),
        (painting(), ""),
        (Image.fromarray(ramp(np.where(np.arange(32) < 2, 250, 4)).astype(np.uint8)), ""),  # a lamp at night
        (Image.fromarray(ramp(np.where(np.arange(32) < 2, 0, 255)).astype(np.uint8)), ""),  # a line on paper
    ],
)
def test_a_picture_with_hardly_anything_to_see_is_noted(picture, note):
    assert decoded(saved(picture, "TIFF")).note == note


def test_what_is_odd_is_in_the_summary(tmp_path):
    folder = fill(tmp_path / "art", 2)
    for place in range(3):
        Image.new("RGB", (40, 40), (place, 5, 5)).save(folder / f"night{place}.png")
    manifest = read_manifest(prepare(folder, FEW))
    assert [entry.path for entry in manifest.noted()] == ["night0.png", "night1.png", "night2.png"]
    assert "     3 kept, nearly black" in manifest.summary().splitlines()


# Animations


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("empty", [(0, 0, 0, 0), (0, 0, 0, 255)])
def test_the_first_frame_with_content_is_taken(kind, empty):
    frames = [Image.new("RGBA", (64, 48), empty)] * 3 + [painting().convert("RGBA")]
    frames[1].putpixel((0, 0), (0, 0, 0, 1))
    how = {"lossless": True} if kind == "WEBP" else {"disposal": 2}
    content = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=40, **how)
    found = decoded(content)
    assert found.note == ""
    assert np.abs(found.images[0].astype(int) - decoded(saved(painting(), "PNG")).images[0]).mean() < 6


def test_an_animation_of_empty_frames_stays_empty():
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("black", "red")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(content).note == "nearly black"


def test_an_animation_that_grows_is_refused():
    frames = [Image.new("P", (40, 40)), Image.new("P", (40, 40), 1)]
    content = bytearray(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    second = content.rindex(b",\0\0\0\0")
    content[second + 5 : second + 9] = b"\x00\x20\x00\x20"  # 8,192 px
    with pytest.raises(RefusedError, match=r"frames differ in size|truncated"):
        decoded(bytes(content))


# JPEG


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_last_bytes_is_kept_with_a_note(missing, mode):
    content = saved(painting(800, 600).convert(mode), "JPEG", quality=90)
    short = decoded(content[:-missing])
    assert short.note == "without its last bytes"
    assert np.array_equal(short.images[0], decoded(content).images[0])


def test_a_jpeg_that_lacks_a_little_is_kept_and_one_that_lacks_more_is_not(tmp_path):
    folder = fill(tmp_path / "art", 0)
    content = saved(painting(800, 600), "JPEG", quality=90)
    (folder / "a.jpg").write_bytes(content[: int(len(content) * 0.997)])
    (folder / "b.jpg").write_bytes(content[: int(len(content) * 0.97)])
    (folder / "c.jpg").write_bytes(saved(painting(800, 600), "JPEG", progressive=True)[:-400])
    entries = read_manifest(prepare(folder, FEW)).files
    assert [entry.reason for entry in entries] == [None, opening.TRUNCATED, opening.TRUNCATED]
    assert entries[0].note == "without its last bytes"


def test_a_jpeg_of_more_than_a_hundred_megapixels_is_decoded_at_a_reduced_scale(tmp_path):
    whole = noise(1, 14000, 13000)
    whole.save(tmp_path / "a.jpg", quality=30)
    found = decode(tmp_path / "a.jpg", 32)
    assert (found.width, found.height) == (14000, 13000)
    small = decoded(saved(whole.resize((140, 130)), "PNG"))
    assert np.abs(found.images[0].astype(int) - small.images[0]).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_only_a_jpeg_may_be_too_large_for_pillow(monkeypatch, kind):
    monkeypatch.setattr(opening, "MOST_PIXELS", 5000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2500)
    content = saved(painting(256, 256), kind)
    if kind == "JPEG":
        assert decoded(content).width == 256
        with pytest.raises(RefusedError, match="over 100 megapixels"):
            decoded(content, 256)
    else:
        with pytest.raises(RefusedError, match="over 100 megapixels"):
            decoded(content)


# HEIC


def test_heic_opens_where_its_package_is_installed(monkeypatch):
    content = b"\0\0\0\x18ftypheic" + saved(painting(), "JPEG")
    with pytest.raises(RefusedError, match="a HEIC picture, which opens with the package pillow-heif"):
        decoded(content)

    class HeifImageFile(JpegImagePlugin.JpegImageFile):
        format = "HEIF"

        def _open(self):
            self.fp = BytesIO(self.fp.read()[12:])
            super()._open()

    heif = ModuleType("pillow_heif")
    heif.register_heif_opener = lambda: Image.register_open(
        "HEIF", HeifImageFile, lambda head: head[4:12] == b"ftypheic"
    )
    monkeypatch.setitem(sys.modules, "pillow_heif", heif)
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    opening._formats.cache_clear()
    try:
        assert np.array_equal(decoded(content).images[0], decoded(content[12:]).images[0])
    finally:
        opening._formats.cache_clear()


# What ganlib wrote


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif"])
def test_a_picture_by_ganlib_is_set_aside_whatever_it_is_called(tmp_path, name):
    folder = fill(tmp_path / "art", 2)
    if name == "a.gif":
        film([np.asarray(noise(k)) for k in range(4)], folder / name, 1.0, alt="")
    else:
        save_picture(noise(9), folder / name)
    (folder / name).rename(folder / "renamed.jpg")
    entries = read_manifest(prepare(folder, FEW)).files
    assert {entry.path: entry.reason for entry in entries} == {
        "000.png": None,
        "001.png": None,
        "renamed.jpg": "written by ganlib",
    }


def test_the_mark_is_no_change_of_the_pixels(tmp_path):
    save_picture(noise(9), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(noise(9)))


# What Pillow says

TALKATIVE = """
import sys
from pathlib import Path
from ganlib.data.dataset import read_photo
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.show.report import report
folder = Path(sys.argv[1])
out = prepare(folder, Settings(32, at_least=0), folder.parent / "out")
report(out)
for path in sorted(folder.iterdir()):
    try:
        read_photo(path, 32)
    except Exception as error:
        assert type(error).__name__ == "GanlibError", error
"""


def test_pillow_says_nothing_in_the_terminal(tmp_path):
    folder = fill(tmp_path / "art", 1)
    samples = tiff_of(np.zeros((32, 32), "<u2"), 1, samples=60000)
    palette = Image.new("P", (40, 40))
    palette.putpalette([0, 0, 0, 255, 0, 0])
    files = {
        "samples.tif": samples,
        "palette.png": saved(palette, "PNG", transparency=bytes([1, 2])),
        "large.png": saved(Image.new("1", (9999, 9999)), "PNG"),
        "noise.tif": b"II*\0\x08\0\0\0\x05\0" + bytes(range(100)),
        "exif.jpg": saved(painting(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x09\0" + bytes(range(90))),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", TALKATIVE, folder], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")

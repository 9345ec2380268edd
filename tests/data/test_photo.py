from io import BytesIO

import pytest
import torch
from PIL import Image

from ganlib.data.dataset import read_photo
from ganlib.errors import GanlibError

RED = (255, 0, 0)


def photo(size, kind="PNG", mode="RGB", colour=RED, **settings):
    file = BytesIO()
    Image.new(mode, size, colour).save(file, kind, **settings)
    file.seek(0)
    return file


@pytest.mark.parametrize("crop", ["centre", "pad", "stretch"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (20, 9), (32, 32), (31, 900), (1200, 700)])
def test_a_photo_of_any_size_becomes_a_square(size, crop):
    image = read_photo(photo(size), 32, crop)
    assert image.shape == (3, 32, 32)
    middle = image[:, 16, 16]
    assert image.dtype == torch.float32
    if crop != "pad" or min(size) * 32 > 2 * max(size):  # else the picture is a thin line on white
        assert middle.tolist() == pytest.approx([1, -1, -1], abs=0.02)


def test_it_is_upright_on_white_and_plain():
    left_black = Image.new("RGB", (64, 64), "white")
    left_black.paste("black", (0, 0, 32, 64))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right by a quarter
    file = BytesIO()
    left_black.save(file, "PNG", exif=exif)
    image = read_photo(file, 64)
    assert image[:, 10].mean() == pytest.approx(-1, abs=0.01)
    assert image[:, 50].mean() == pytest.approx(1, abs=0.01)
    clear = read_photo(photo((40, 40), mode="RGBA", colour=(0, 0, 0, 0)), 64)
    assert clear.min() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_it_may_be_of_many_formats_from_a_file_or_from_memory(kind, tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(photo((20, 50), kind).getvalue())
    assert torch.equal(read_photo(path, 32), read_photo(BytesIO(path.read_bytes()), 32))


def test_a_small_one_is_enlarged_and_a_large_one_reduced_alike():
    small = read_photo(photo((8, 8)), 64)
    assert torch.allclose(small, read_photo(photo((500, 500)), 64), atol=0.02)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"hello", "not a picture"),
        (b"%PDF-1.7", "PDF"),
        (photo((90, 90)).getvalue()[:-30], "truncated"),
        (photo((9, 9)).getvalue()[:-30], "truncated"),
    ],
)
def test_what_is_no_picture_is_a_sentence(content, reason, tmp_path):
    with pytest.raises(GanlibError, match=f"This file is no picture to work with .*{reason}"):
        read_photo(BytesIO(content), 64)
    path = tmp_path / "mine.jpg"
    path.write_bytes(content)
    with pytest.raises(GanlibError, match=r"mine\.jpg' is no picture"):
        read_photo(path, 64)


def test_a_photo_that_is_not_there_is_a_sentence(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(GanlibError, match="cannot be read"):
            read_photo(path, 64)
    with pytest.raises(GanlibError, match="choose one of centre, pad, stretch"):
        read_photo(photo((90, 90)), 64, "tiles")

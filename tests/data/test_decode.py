import errno
import os
import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from ganlib.data import decode as module
from ganlib.data.decode import RefusedError, decode
from tests.data.hostile import HAS_AVIF, TRUNCATED, painting, png_chunk, png_head, saved

LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True, "exact": True}}
STORED = {  # EXIF orientation: how a camera that was held like this stores an upright picture
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def gradient(width: int, height: int) -> Image.Image:
    """Red is the place across, green the place down, from 0 to 255."""
    down, across = np.mgrid[0:height, 0:width] + 0.5
    colours = np.stack([across / width, down / height, across * 0 + 0.5], -1)
    return Image.fromarray((colours * 255).round().astype(np.uint8))


def decoded(picture: Image.Image, size: int = 32, crop: str = "centre", kind: str = "PNG", **how):
    return decode(BytesIO(saved(picture, kind, **how)), size, crop)


def only(picture: Image.Image, size: int = 32, crop: str = "centre", kind: str = "PNG", **how) -> np.ndarray:
    (image,) = decoded(picture, size, crop, kind, **how).images
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    return image.astype(int)


def refusal(content: bytes, size: int = 32, crop: str = "centre") -> str:
    with pytest.raises(RefusedError) as refused:
        decode(BytesIO(content), size, crop)
    return str(refused.value)


def held(orientation: int) -> tuple[Image.Image, Image.Exif]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = STORED[orientation](np.asarray(painting(64, 48)))
    return Image.fromarray(np.ascontiguousarray(stored)), exif


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_picture_stands_upright_however_the_camera_was_held(kind, orientation):
    stored, exif = held(orientation)
    found = decoded(stored, 32, "stretch", kind, exif=exif, **LOSSLESS[kind])
    assert np.array_equal(found.images[0], only(painting(64, 48), 32, "stretch"))
    assert (found.width, found.height) in {(64, 48), (48, 64)}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", *["AVIF"] * HAS_AVIF])
def test_a_lossy_picture_stands_upright_too(kind, orientation):
    stored, exif = held(orientation)
    image = only(stored, 32, "stretch", kind, exif=exif, quality=95)
    assert np.abs(image - only(painting(64, 48), 32, "stretch")).mean() < 5


def test_avif_is_read_or_refused_with_the_reason():
    if HAS_AVIF:
        content = saved(painting(), "AVIF", quality=95)
        assert np.abs(decode(BytesIO(content), 32).images[0] - only(painting())).mean() < 5
    else:
        reason = refusal(b"\0\0\0\x1cftypavif" + bytes(60))
        assert reason == "not a picture that this Pillow reads (AVIF): save it as JPEG"


def test_the_centre_is_cut_out_in_proportion():
    across, down = only(gradient(96, 48))[..., 0], only(gradient(96, 48))[..., 1]
    pixel = 255 / 2 / 32
    expected = 255 / 4 + pixel * (np.arange(32) + 0.5)
    assert np.abs(across - expected).max() <= 2
    assert np.abs(down[:, 16] - 2 * pixel * (np.arange(32) + 0.5)).max() <= 2
    tall = only(gradient(48, 96))
    assert np.abs(tall[:, 16, 1] - expected).max() <= 2


def test_padding_is_white_and_keeps_the_whole_picture():
    image = only(gradient(96, 48), crop="pad")
    assert (image[:8] == 255).all()
    assert (image[24:] == 255).all()
    place = (np.arange(32) + 0.5) * 255 / 32
    assert np.abs(image[8:24, :, 0] - place).max() <= 2
    assert np.abs(image[8:24, 16, 1] - place[::2] - 255 / 64).max() <= 2
    tall = only(gradient(48, 96), crop="pad")
    assert (tall[:, :8] == 255).all()
    assert (tall[:, 24:] == 255).all()
    assert (tall[:, 8:24, 2] == 128).all()


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "1"])
def test_padding_is_white_in_every_mode(mode):
    image = only(Image.new("RGB", (64, 32), "black").convert(mode), crop="pad", kind="TIFF")
    assert (image[:8] == 255).all()
    assert (image[24:] == 255).all()
    assert (image[8:24] <= 1).all()


@pytest.mark.parametrize("shape", [(20000, 1), (1, 20000)])
def test_a_line_is_padded_to_a_line(shape):
    image = only(Image.new("RGB", shape, "red"), crop="pad")
    red = (image == (255, 0, 0)).all(-1)
    assert red.sum() == 32
    assert ((image == 255).all(-1) | red).all()


def test_stretching_keeps_everything_but_the_proportions():
    image = only(gradient(96, 48), crop="stretch")
    place = (np.arange(32) + 0.5) * 255 / 32
    assert np.abs(image[..., 0] - place).max() <= 2
    assert np.abs(image[..., 1] - place[:, None]).max() <= 2


def test_tiles_lie_side_by_side_in_the_middle():
    found = decoded(gradient(100, 70), crop="tiles")  # reduced to 91x64, of which 64x64 are used
    assert len(found.images) == 4
    assert found.overview.shape == (32, 32, 3)
    rows = [np.concatenate(found.images[at : at + 2], axis=1) for at in (0, 2)]
    whole = np.concatenate(rows).astype(int)
    place = np.arange(64) + 0.5
    assert np.abs(whole[..., 0] - (place + 13) * 255 / 91).max() <= 2
    assert np.abs(whole[..., 1] - place[:, None] * 255 / 64).max() <= 2
    assert np.abs(found.overview[16, :, 0] - (np.arange(32) + 0.5) * 255 / 32).max() <= 2


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(32, 32, 1), (63, 63, 1), (64, 32, 2), (64, 64, 4), (128, 128, 16), (1000, 500, 32), (500, 1000, 32)],
)
def test_a_large_picture_gives_at_most_four_tiles_along_its_short_side(width, height, count):
    for kind in ("PNG", "JPEG"):
        found = decoded(gradient(width, height), crop="tiles", kind=kind)
        assert [image.shape for image in found.images] == [(32, 32, 3)] * count
        assert (found.width, found.height) == (width, height)


@pytest.mark.parametrize(
    ("crop", "decoded_at"),
    [("centre", (200, 150)), ("stretch", (200, 150)), ("pad", (200, 150)), ("tiles", (400, 300))],
)
def test_a_large_jpeg_is_decoded_at_a_reduced_scale_and_looks_the_same(monkeypatch, crop, decoded_at):
    sizes = []

    def noted(picture):
        sizes.append(picture.size)
        return to_plain(picture)

    to_plain = module.to_plain
    monkeypatch.setattr(module, "to_plain", noted)
    content = saved(gradient(1600, 1200), "JPEG", quality=95)
    reduced = decode(BytesIO(content), 64, crop)
    full = decoded(Image.open(BytesIO(content)), 64, crop)
    assert sizes == [decoded_at, (1600, 1200)]
    assert (reduced.width, reduced.height) == (1600, 1200)
    difference = np.abs(np.stack(reduced.images).astype(int) - np.stack(full.images))
    assert difference.mean() < 1.5
    assert difference.max() <= 6


@pytest.mark.parametrize(
    ("crop", "large_enough", "too_small"),
    [
        ("centre", [(32, 32), (90, 32), (32, 90)], [(31, 90), (90, 31)]),
        ("stretch", [(32, 32), (90, 32), (32, 90)], [(31, 90), (90, 31)]),
        ("tiles", [(32, 32), (90, 32), (32, 90)], [(31, 90), (90, 31)]),
        ("pad", [(32, 32), (32, 5), (5, 32)], [(31, 31), (31, 5), (5, 31)]),
    ],
)
def test_the_smallest_picture_that_will_do(crop, large_enough, too_small):
    for shape in large_enough:
        assert only_or_more(gradient(*shape), crop)
    for shape in too_small:
        assert refusal(saved(gradient(*shape), "PNG"), crop=crop) == "smaller than 32 px"


def only_or_more(picture: Image.Image, crop: str) -> bool:
    return {image.shape for image in decoded(picture, crop=crop).images} == {(32, 32, 3)}


def test_a_picture_of_the_right_size_is_not_changed():
    assert np.array_equal(only(painting(32, 32)), np.asarray(painting(32, 32)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", *["AVIF"] * HAS_AVIF])
def test_of_a_moving_picture_the_first_frame_is_taken(kind):
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    image = only(frames[0], kind=kind, save_all=True, append_images=frames[1:])
    assert np.abs(image - (255, 0, 0)).max() <= 6


def partial_gif(**how) -> bytes:
    """A red square of 20 px in the middle of a screen of 40 px, which is left unpainted around it."""
    square = Image.new("P", (20, 20), 1)
    square.putpalette([0, 200, 0, 255, 0, 0, 0, 0, 255])
    content = bytearray(saved(square, "GIF", optimize=False, **how))
    place = content.index(b",\0\0\0\0\x14\0\x14\0")
    content[6:10] = struct.pack("<HH", 40, 40)
    content[place + 1 : place + 5] = struct.pack("<HH", 10, 10)
    return bytes(content)


@pytest.mark.parametrize("how", [{}, {"transparency": 0}])
def test_what_the_first_frame_of_a_gif_leaves_out_is_white(how):
    (image,) = decode(BytesIO(partial_gif(**how)), 32).images
    assert (image[:6] == 255).all()
    assert (image[:, 26:] == 255).all()
    assert (image[10:22, 10:22] == (255, 0, 0)).all()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_one_pixel_more_than_a_hundred_million_is_too_many(monkeypatch):
    monkeypatch.setattr(module, "MOST_PIXELS", 40 * 41)
    assert only(painting(40, 41)).any()
    assert refusal(saved(painting(41, 41), "PNG")) == "over 100 megapixels"
    monkeypatch.undo()
    data = png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    assert refusal(png_head(10001, 10000) + data) == "over 100 megapixels"
    assert refusal(png_head(10000, 10000) + data) == TRUNCATED


def test_a_large_plain_picture_is_not_taken_for_one_without_data():
    content = saved(Image.new("1", (9000, 9000)), "PNG", optimize=True)
    assert 5000 * len(content) < 9000 * 9000
    assert decode(BytesIO(content), 32).width == 9000


def test_the_reason_does_not_depend_on_where_the_bytes_come_from(tmp_path):
    content = saved(painting(), "JPEG")
    for name, part in {"cut.jpg": content[:-400], "text.jpg": b"text", "empty.jpg": b""}.items():
        (tmp_path / name).write_bytes(part)
        with pytest.raises(RefusedError) as refused:
            decode(tmp_path / name, 32)
        assert str(refused.value) == refusal(part)


def test_an_eps_is_never_handed_to_a_program(monkeypatch):
    from PIL import EpsImagePlugin

    def run(*_args, **_keywords):
        raise AssertionError("a program was about to be run")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n"
    assert refusal(script) == "not a picture but a drawing of lines (PostScript)"
    assert refusal(wrapped(script)) == "not a picture"


def wrapped(content: bytes) -> bytes:
    """An IPTC file of 64x64 px whose data are another file."""

    def field(record: int, number: int, data: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data

    shape = field(3, 20, struct.pack(">H", 64)) + field(3, 30, struct.pack(">H", 64))
    return field(3, 60, b"\x01\x00") + shape + field(3, 120, b"\x01") + field(8, 10, content)


class Unreadable(BytesIO):
    """A file on a disk that fails."""

    def read(self, *_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_the_system_says_of_a_file_is_the_reason(tmp_path):
    with pytest.raises(RefusedError, match=r"^cannot be read: Input/output error$"):
        decode(Unreadable(b"unread"), 32)
    with pytest.raises(RefusedError, match=r"^cannot be read: No such file or directory$"):
        decode(tmp_path / "gone.png", 32)


def test_lack_of_memory_is_a_reason(monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(module, "to_plain", fail)
    assert refusal(saved(painting(), "PNG")) == "needs more memory than there is"


def test_thin_details_do_not_turn_into_patterns():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    image = only(Image.fromarray(stripes))
    assert image.min() >= 120
    assert image.max() <= 135


def test_the_same_file_gives_the_same_bytes():
    content = saved(painting(300, 200), "JPEG")
    first, second = (decode(BytesIO(content), 32, "tiles") for _ in range(2))
    assert [image.tobytes() for image in first.images] == [image.tobytes() for image in second.images]


def test_the_overview_shows_the_whole_of_tiles_and_else_the_image():
    assert np.array_equal(decoded(painting()).overview, only(painting()))
    tall = decoded(gradient(64, 200), crop="tiles").overview
    whole = np.asarray(ImageOps.contain(gradient(64, 200), (32, 100)).resize((32, 32)), dtype=int)
    assert np.abs(tall - whole).mean() < 3

import errno
import os
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features

from ganlib.data import decode as module
from ganlib.data import opening
from ganlib.data.decode import decode
from ganlib.data.opening import RefusedError
from tests.data.hostile import TRUNCATED, painting, png_chunk, png_head, saved, tiff
from tests.data.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    GAMMA,
    SRGB,
    WHITE,
    curve,
    grey_profile,
    rgb_profile,
    srgb_curve,
)

HAS_AVIF = "avif" in features.modules and features.check("avif")

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
    content = saved(painting(), "AVIF", quality=95)[:400] if HAS_AVIF else b"\0\0\0\x1cftypavif" + bytes(60)
    assert refusal(content) == "an AVIF picture, which this Pillow cannot read"


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
        return plain(picture)

    plain = module._plain
    monkeypatch.setattr(module, "_plain", noted)
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


def test_what_the_first_frame_of_a_gif_leaves_transparent_is_white():
    (image,) = decode(BytesIO(partial_gif(transparency=0)), 32).images
    assert (image[:6] == 255).all()
    assert (image[:, 26:] == 255).all()
    assert (image[10:22, 10:22] == (255, 0, 0)).all()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_one_pixel_more_than_a_hundred_million_is_too_many(monkeypatch):
    monkeypatch.setattr(opening, "MOST_PIXELS", 40 * 41)
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

    monkeypatch.setattr(module, "_plain", fail)
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


# Colour


def image_of(content: bytes, crop: str = "centre") -> np.ndarray:
    (image,) = decode(BytesIO(content), 32, crop).images
    return image.astype(int)


def colour_of(picture: Image.Image, kind: str, **how) -> tuple[int, int, int]:
    """The one colour of a picture of one colour."""
    image = image_of(saved(picture, kind, **how))
    assert (np.ptp(image, axis=(0, 1)) <= 2).all()
    return tuple(image[16, 16])


def plain(mode: str, colour) -> Image.Image:
    return Image.new(mode, (40, 40), colour)


def ramp(of: np.ndarray) -> np.ndarray:
    """Thirty-two values, the same in each of thirty-two rows."""
    return np.ascontiguousarray(np.broadcast_to(of, (32, 32)))


def png(colour: int, bits: int, rows: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    parts = [*chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return png_head(32, 32, bits, colour) + b"".join(png_chunk(*part) for part in parts)


def tiff_of(
    values: np.ndarray, photometric: int, kind: int = 1, samples: int = 1, most: int | None = None
) -> bytes:
    """Rows of 32 pixels; `kind` 1 is a number without a sign, 2 with one, 3 a float; `most` is the
    largest that it says it holds.
    """
    data, bits = values.tobytes(), values.itemsize * 8
    shape = [(256, 4, 1, 32), (257, 4, 1, 32), (277, 3, 1, samples), (278, 4, 1, 32), (339, 3, 1, kind)]
    tags = [*shape, (259, 3, 1, 1), (262, 3, 1, photometric), (279, 4, 1, len(data))]
    tags += [(281, 3, 1, most)] if most else []
    behind = 8 + 2 + 12 * (len(tags) + 2) + 4
    depths = struct.pack("<3H2x", bits, bits, bits) if samples == 3 else b""
    depth = (258, 3, 3, behind) if samples == 3 else (258, 3, 1, bits)
    return tiff(*tags, depth, (273, 4, 1, behind + len(depths)), data=depths + data)


def encoded(light: np.ndarray) -> np.ndarray:
    """Light from 0 to 1 as sRGB bytes (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (curved * 255).round().astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("matrix", "gamma"), [(ADOBE_RGB, GAMMA), (DISPLAY_P3, 2.2), (SRGB, 1.0)], ids=["Adobe", "P3", "linear"]
)
def test_an_rgb_profile_is_followed(kind, matrix, gamma):
    colours = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    how = {"lossless": True} if kind == "WEBP" else {}
    image = image_of(
        saved(Image.fromarray(colours), kind, icc_profile=rgb_profile(matrix, curve(gamma)), **how)
    )
    light = (colours / 255) ** (round(gamma * 256) / 256) @ (np.linalg.inv(SRGB) @ matrix).T
    assert np.abs(image - encoded(light)).max() <= 2
    assert np.abs(image - colours).mean() > 5


def test_a_jpeg_with_a_profile_is_followed():
    icc = rgb_profile(ADOBE_RGB, curve(GAMMA))
    found = colour_of(plain("RGB", (90, 200, 60)), "JPEG", icc_profile=icc, quality=100)
    light = (np.array([90, 200, 60]) / 255) ** GAMMA @ (np.linalg.inv(SRGB) @ ADOBE_RGB).T
    assert np.abs(np.array(found) - encoded(light)).max() <= 3


@pytest.mark.parametrize("brightness", [1, 0.995])
def test_srgb_is_left_as_it_is_and_what_differs_by_less_than_its_steps_too(brightness):
    picture = painting(32, 32)
    own = rgb_profile(SRGB * brightness, srgb_curve())
    srgb = ImageCms.createProfile("sRGB")
    changed = np.asarray(ImageCms.profileToProfile(picture, BytesIO(own), srgb), dtype=int)
    assert 0 <= np.abs(changed - np.asarray(picture)).max() <= 1
    assert (changed != np.asarray(picture)).any() == (brightness != 1)
    assert np.array_equal(image_of(saved(picture, "PNG", icc_profile=own)), np.asarray(picture))


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 188), (1.8, 147)])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_is_followed(mode, gamma, expected):
    picture = plain("L", 128).convert(mode)
    found = colour_of(picture, "PNG", icc_profile=grey_profile(gamma))
    assert np.abs(np.array(found) - expected).max() <= 2
    assert abs(encoded(np.array((128 / 255) ** gamma)) - expected) <= 1


@pytest.mark.parametrize(
    "icc",
    [
        b"no profile at all" * 20,
        rgb_profile(ADOBE_RGB, curve(GAMMA))[:200],
        rgb_profile(ADOBE_RGB, curve(GAMMA))[:128] + bytes(400),
        grey_profile(1.0),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ],
    ids=["noise", "cut", "without tags", "grey", "LAB"],
)
def test_a_broken_profile_and_one_for_another_mode_are_ignored(icc):
    expected = np.asarray(painting(32, 32))
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(image_of(saved(painting(32, 32), kind, icc_profile=icc)), expected)


def test_a_grey_picture_with_an_rgb_profile_stays_grey():
    assert colour_of(plain("L", 100), "PNG", icc_profile=rgb_profile(ADOBE_RGB, curve(1.0))) == (
        100,
        100,
        100,
    )


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "expected"),
    [
        ("RGBA", (200, 0, 0, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 0, 0, 128), "PNG", (227, 127, 127)),
        ("RGBA", (200, 0, 0, 255), "PNG", (200, 0, 0)),
        ("RGBA", (200, 0, 0, 128), "TIFF", (227, 127, 127)),
        ("LA", (0, 0), "PNG", (255, 255, 255)),
        ("LA", (100, 51), "PNG", (224, 224, 224)),
        ("LA", (100, 255), "TIFF", (100, 100, 100)),
    ],
)
def test_transparency_lies_on_white(mode, colour, kind, expected):
    assert np.abs(np.array(colour_of(plain(mode, colour), kind)) - expected).max() <= 1


def palette_picture() -> Image.Image:
    """The left half has entry 0, green; the right half entry 1, red."""
    picture = Image.new("P", (64, 32), 0)
    picture.putpalette([0, 200, 0, 255, 0, 0])
    picture.paste(1, (32, 0, 64, 32))
    return picture


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_a_transparent_entry_of_a_palette_is_white(kind):
    content = saved(palette_picture(), kind, transparency=0)
    image = image_of(content, "stretch")
    assert (image[:, :12] == 255).all()
    assert (image[:, 20:] == (255, 0, 0)).all()


def test_a_palette_with_many_alphas_is_laid_on_white():
    image = image_of(saved(palette_picture(), "PNG", transparency=bytes([128, 255])), "stretch")
    assert np.abs(image[:, :12] - (127, 227, 127)).max() <= 1
    assert (image[:, 20:] == (255, 0, 0)).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "BMP"])
def test_a_palette_without_transparency_has_its_colours(kind):
    image = image_of(saved(palette_picture(), kind), "stretch")
    assert (image[:, :12] == (0, 200, 0)).all()
    assert (image[:, 20:] == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("colour", "depth", "clear", "expected"),
    [(2, 3, (10, 20, 30), (255, 255, 255)), (2, 3, (10, 20, 31), (10, 20, 30)), (0, 1, (10,), (255,) * 3)],
)
def test_a_colour_that_a_png_declares_transparent_is_white(colour, depth, clear, expected):
    rows = np.broadcast_to(np.array([10, 20, 30][:depth], np.uint8), (32, 32, depth))
    declared = struct.pack(f">{depth}H", *clear)
    assert (image_of(png(colour, 8, rows, (b"tRNS", declared))) == expected).all()


def test_black_and_white_become_grey_tones_when_reduced():
    board = np.indices((256, 256)).sum(0) % 2 == 0
    picture = Image.fromarray(np.where(board, 255, 0).astype(np.uint8)).convert("1", dither=Image.Dither.NONE)
    assert np.abs(image_of(saved(picture, "PNG")) - 127).max() <= 8
    assert colour_of(plain("1", 1), "TIFF") == (255, 255, 255)
    assert colour_of(plain("1", 0), "TIFF") == (0, 0, 0)


def test_grey_stays_grey():
    values = np.arange(32, dtype=np.uint8) * 8
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        image = image_of(saved(Image.fromarray(ramp(values)), kind))
        assert np.array_equal(image, np.repeat(ramp(values)[..., None], 3, 2))


def same_tones(content: bytes) -> bool:
    """Whether it shows 32 steps from black to white."""
    image = image_of(content)
    return bool(np.abs(image - np.linspace(0, 255, 32)[None, :, None]).max() <= 1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_keep_their_tones(order):
    values = np.linspace(0, 65535, 32).round()
    assert same_tones(png(0, 16, ramp(values).astype(">u2")))
    assert same_tones(saved(Image.fromarray(ramp(values).astype("<u2")), "TIFF"))
    assert same_tones(tiff_of(ramp(values).astype("<u2"), 1))
    assert same_tones(tiff_of(ramp(values[::-1]).astype("<u2"), 0))
    assert same_tones(saved(Image.frombytes("I;16B", (32, 32), ramp(values).astype(">u2").tobytes()), "TIFF"))


def test_sixteen_dark_bits_stay_dark():
    image = image_of(png(0, 16, ramp(np.full(32, 200)).astype(">u2")))
    assert (image == 1).all()


def test_sixteen_bits_of_colour_keep_their_tones():
    rows = np.repeat(ramp(np.linspace(0, 65535, 32).round())[..., None], 3, 2)
    assert same_tones(png(2, 16, rows.astype(">u2")))
    assert same_tones(tiff_of(rows.astype("<u2"), 2, samples=3))


def test_sixteen_bits_with_alpha_lie_on_white():
    rows = np.stack([ramp(np.zeros(32)), ramp(np.linspace(65535, 0, 32).round())], -1)
    assert same_tones(png(4, 16, rows.astype(">u2")))


@pytest.mark.parametrize("white", [255, 65535, 2**31 - 1])
def test_whole_numbers_are_scaled_to_what_they_reach(white):
    values = ramp(np.linspace(0, white, 32).round()).astype("<i4")
    assert same_tones(tiff_of(values, 1, kind=2))


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_are_scaled_to_what_they_reach(white):
    assert same_tones(tiff_of(ramp(np.linspace(0, white, 32)).astype("<f4"), 1, kind=3))


def test_floats_that_are_no_numbers_are_black():
    values = ramp(np.linspace(0, 1, 32)).astype("<f4")
    values[0, :3] = np.nan, np.inf, -np.inf
    image = image_of(tiff_of(values, 1, kind=3))
    assert (image[0, :3] == 0).all()
    assert (image[5, -1] == 255).all()


INKS = [  # cyan, magenta, yellow, black; the colour without a profile
    ((0, 0, 0, 0), (255, 255, 255)),
    ((255, 0, 0, 0), (0, 255, 255)),
    ((0, 255, 0, 0), (255, 0, 255)),
    ((0, 0, 255, 0), (255, 255, 0)),
    ((0, 0, 0, 255), (0, 0, 0)),
    ((0, 100, 200, 50), (205, 125, 44)),
]


@pytest.mark.parametrize(("ink", "colour"), INKS)
def test_inks_become_colours(ink, colour):
    assert np.abs(np.array(colour_of(plain("CMYK", ink), "TIFF")) - colour).max() <= 2
    assert np.abs(np.array(colour_of(plain("CMYK", ink), "JPEG", quality=100)) - colour).max() <= 3


@pytest.mark.parametrize(("ink", "colour"), INKS)
def test_a_jpeg_of_inks_without_adobe_s_marker_is_upside_down_as_well(ink, colour):
    """As browsers take it; few programs write such files, and none says which way they are meant."""
    content = saved(plain("CMYK", ink), "JPEG", quality=100)
    marker = content.index(b"\xff\xee\0\x0eAdobe")
    image = image_of(content[:marker] + content[marker + 16 :])
    assert np.abs(image - colour).max() <= 3


@pytest.mark.parametrize(("ink", "colour"), INKS)
def test_inks_in_adobe_s_own_colour_space_become_colours(ink, colour):
    """YCCK: cyan, magenta and yellow, upside down, are stored as the YCbCr of their complement."""
    complement = Image.new("RGB", (1, 1), ink[:3]).convert("YCbCr").getpixel((0, 0))
    content = saved(plain("CMYK", (*(255 - value for value in complement), ink[3])), "JPEG", quality=100)
    marker = content.index(b"\xff\xee\0\x0eAdobe")
    ycck = content[: marker + 15] + b"\x02" + content[marker + 16 :]
    assert np.abs(image_of(ycck) - colour).max() <= 4


def test_ycbcr_becomes_rgb():
    picture = plain("RGB", (30, 140, 220)).convert("YCbCr")
    assert np.abs(np.array(colour_of(picture, "JPEG", quality=100)) - (30, 140, 220)).max() <= 3


def light_of(lightness: float, red: float, yellow: float) -> np.ndarray:
    """CIE Lab under D50 as light in sRGB."""
    middle = (lightness + 16) / 116
    steps = np.array([middle + red / 500, middle, middle - yellow / 200])
    return np.linalg.inv(SRGB) @ (WHITE * np.where(steps > 6 / 29, steps**3, (steps - 4 / 29) * 108 / 841))


@pytest.mark.parametrize(
    "lab",
    [(255, 0, 0), (0, 0, 0), (127, 0, 0), (127, 40, 30), (127, -40, 30), (127, 20, -50), (178, -20, -25)],
)
def test_lab_becomes_rgb_with_signs_in_the_right_place(lab):
    values = np.array(lab, dtype=np.int16).astype(np.uint8)
    image = image_of(tiff_of(np.ascontiguousarray(np.broadcast_to(values, (32, 32, 3))), 8, samples=3))
    assert np.abs(image - encoded(light_of(lab[0] / 2.55, *lab[1:]))).max() <= 2


def test_a_picture_in_hsv_becomes_rgb():
    picture = painting(40, 40)
    back = np.asarray(module._srgb(module._plain(picture.convert("HSV")), None), dtype=int)
    assert np.abs(back - np.asarray(picture)).mean() < 2

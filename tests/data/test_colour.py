import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from ganlib.data.decode import decode
from tests.data.hostile import painting, png_chunk, png_head, saved, tiff

SRGB = np.array(  # red, green and blue as XYZ under D50, a column each
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
ADOBE_RGB = np.array(
    [[0.6097559, 0.2052401, 0.1492240], [0.3111242, 0.6256560, 0.0632197], [0.0194811, 0.0608902, 0.7448387]]
)
DISPLAY_P3 = np.array(
    [[0.5151187, 0.2919778, 0.1571035], [0.2411892, 0.6922441, 0.0665668], [-0.0010505, 0.0418791, 0.7840713]]
)
WHITE = (0.9642, 1.0, 0.8249)
GAMMA = 563 / 256  # as AdobeRGB has it


def image_of(content: bytes, crop: str = "centre") -> np.ndarray:
    (image,) = decode(io.BytesIO(content), 32, crop).images
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


def tiff_of(values: np.ndarray, photometric: int, kind: int = 1, samples: int = 1) -> bytes:
    """Rows of 32 pixels; `kind` 1 is a number without a sign, 2 with one, 3 a float."""
    data, bits = values.tobytes(), values.itemsize * 8
    shape = [(256, 4, 1, 32), (257, 4, 1, 32), (277, 3, 1, samples), (278, 4, 1, 32), (339, 3, 1, kind)]
    tags = [*shape, (259, 3, 1, 1), (262, 3, 1, photometric), (279, 4, 1, len(data))]
    behind = 8 + 2 + 12 * (len(tags) + 2) + 4
    depths = struct.pack("<3H2x", bits, bits, bits) if samples == 3 else b""
    depth = (258, 3, 3, behind) if samples == 3 else (258, 3, 1, bits)
    return tiff(*tags, depth, (273, 4, 1, behind + len(depths)), data=depths + data)


def profile(space: bytes, *tags: tuple[bytes, bytes]) -> bytes:
    """An ICC profile, version 2, of a monitor."""
    tags = (
        (b"desc", description(b"a test")),
        (b"cprt", b"text\0\0\0\0none\0"),
        (b"wtpt", xyz(*WHITE)),
        *tags,
    )
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags:
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s6H4s",
        start + len(data),
        b"test",
        0x02100000,
        b"mntr",
        space,
        b"XYZ ",
        *[2026, 1, 1] * 2,
        b"acsp",
    )
    return (head + bytes(28) + xyz(*WHITE)[8:]).ljust(128, b"\0") + table + data


def description(text: bytes) -> bytes:
    return b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve() -> bytes:
    value = np.linspace(0, 1, 1024)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (light * 65535).round().astype(">u2").tobytes()


def rgb_profile(matrix: np.ndarray, trc: bytes) -> bytes:
    primaries = [
        (name + b"XYZ", xyz(*column)) for name, column in zip((b"r", b"g", b"b"), matrix.T, strict=True)
    ]
    return profile(b"RGB ", *primaries, *[(name + b"TRC", trc) for name in (b"r", b"g", b"b")])


def grey_profile(gamma: float) -> bytes:
    return profile(b"GRAY", (b"kTRC", curve(gamma)))


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
    changed = np.asarray(ImageCms.profileToProfile(picture, io.BytesIO(own), srgb), dtype=int)
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
    from ganlib.data.decode import to_plain, to_srgb

    picture = painting(40, 40)
    back = np.asarray(to_srgb(to_plain(picture.convert("HSV")), None), dtype=int)
    assert np.abs(back - np.asarray(picture)).mean() < 2

"""A folder of all that people keep among their pictures, and all that can be wrong with it."""

import os
import socket
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

SIZE = 32  # the expected reasons hold for this target
USED = ""
EMPTY = "an empty file"
TRUNCATED = "truncated: the file ends too early"
TOO_MANY_PIXELS = "over 100 megapixels"
TOO_SMALL = f"smaller than {SIZE} px"
TOO_LARGE = "too large: raise GANLIB_MEMORY_GIB"
NO_PICTURE = "not a picture"
DAMAGED = "damaged, or of a kind that Pillow cannot read"
NO_FILE = "not a file but a link, a pipe or a device"
NO_RIGHT = "cannot be read: Permission denied"
WELL_NAMED = (
    "-rf.png",
    " .png",
    "two\nlines.png",
    "tab\tand \x1b[31mred.png",
    "\u202egnp.exe.png",
    "תמונה יפה.png",
    "صورة.png",
    "🎨👩‍🎨.png",
    "e\u0301 and \u00e9.png",
    "%s {0} $HOME `id`.png",
    "no suffix",
    "wrong suffix.mp3",
    "SHOUTED.PNG",
    ".hidden.png",
    "x.jpg/inside a folder named like a picture.png",
    "n" * 246 + ".png",
    "d/" * 600 + "deep.png",
)
CUT = {  # format: (suffix, how to save, the reason wherever it is cut)
    "JPEG": (".jpg", {"quality": 90}, TRUNCATED),
    "progressive JPEG": (".jpg", {"quality": 90, "progressive": True}, TRUNCATED),
    "PNG": (".png", {}, TRUNCATED),
    "GIF": (".gif", {}, TRUNCATED),
    "BMP": (".bmp", {}, TRUNCATED),
    "TIFF": (".tif", {}, TRUNCATED),
    "WEBP": (".webp", {"quality": 90}, DAMAGED),
    "JPEG2000": (".jp2", {}, TRUNCATED),
    "PPM": (".ppm", {}, TRUNCATED),
    "TGA": (".tga", {}, TRUNCATED),
}


def write_hostile(folder: Path) -> dict[str, str]:
    """Fill `folder`; says of every path in it why it is refused, or "" where it is used."""
    expected: dict[str, str] = {}
    for group in (_cut, _no_pictures, _claims, _shapes, _sound_but_odd, _names, _links, _locked):
        here = folder / group.__name__.strip("_")
        here.mkdir(parents=True)
        expected |= {f"{here.name}/{path}": reason for path, reason in group(here).items()}
    return expected


def unlock(folder: Path) -> None:
    """Give back the rights that `write_hostile` took, so that the folder can be removed."""
    (folder / "locked" / "secret.png").chmod(0o600)
    (folder / "locked" / "secrets").chmod(0o700)


def painting(width: int = 64, height: int = 48) -> Image.Image:
    """A picture with soft colours and some noise, which no format packs to nothing."""
    down, across = np.mgrid[0:height, 0:width]
    smooth = np.stack([across * 255 / width, down * 255 / height, 0 * down + 128], -1)
    noise = np.random.default_rng(0).normal(0, 12, smooth.shape)
    return Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


def saved(picture: Image.Image, kind: str, **how: Any) -> bytes:
    """The file that `picture` makes."""
    file = BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_head(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """The signature and the size; colour 0 is grey, 2 is RGB."""
    shape = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", shape)


def tiff(*tags: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    """A TIFF file of (tag, type, count, value) with `data` behind them."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def exif(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """An EXIF block; `following` is where the next list of tags lies, 8 for the first once more."""
    block = tiff(*tags)
    return b"Exif\0\0" + block[:-4] + struct.pack("<I", following)


def _write(folder: Path, files: dict[str, tuple[bytes, str]]) -> dict[str, str]:
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: reason for name, (_, reason) in files.items()}


def _cut(folder: Path) -> dict[str, str]:
    """Files that end at every tenth of their length, none of which is used.

    One that lacks no more than its last mark may be: see `_sound_but_odd`.
    """
    expected = {}
    for kind, (suffix, how, reason) in CUT.items():
        content = saved(painting(), kind.split()[-1], **how)
        for tenth in range(1, 10):
            name = f"{kind} {tenth}0 %{suffix}"
            (folder / name).write_bytes(content[: len(content) * tenth // 10])
            expected[name] = reason
    return expected


def _no_pictures(folder: Path) -> dict[str, str]:
    page = b"\n<!DOCTYPE html>\n<html><title>404 Not Found</title></html>"
    drawing = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(x) run\n"
    iptc = b"\x1c\x03\x3c" + struct.pack(">H", 2) + b"\1\1"
    expected = _write(
        folder,
        {
            "empty.jpg": (b"", EMPTY),
            "text.jpg": (b"I am no picture, though I am called one.\n", NO_PICTURE),
            "one byte.png": (b"\x89", NO_PICTURE),
            "zeros.jpg": (bytes(5000), NO_PICTURE),
            "page.jpg": (page, "not a picture but a web page"),
            "drawing.svg": (drawing, "not a picture but a drawing of lines (SVG)"),
            "drawing.eps": (script, "not a picture but a drawing of lines (PostScript)"),
            "document.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "not a picture but a PDF document"),
            "pointer.png": (pointer, "not a picture but a Git LFS pointer: run 'git lfs pull'"),
            "phone.heic": (
                b"\0\0\0\x18ftypheic" + bytes(40),
                "a HEIC picture, which opens with the package pillow-heif",
            ),
            "film.jpg": (b"\0\0\0\x18ftypisom" + bytes(40), "not a picture but a film: save its frames"),
            "packed.png": (b"PK\3\4" + bytes(60), "not a picture but a zip archive: unpack it"),
            "measured.h5": (b"\x89HDF\r\n\x1a\n" + bytes(60), NO_PICTURE),
            "weather.grib": (b"GRIB\0\0\0\1" + bytes(60), NO_PICTURE),
            "film.mpg": (b"\0\0\1\xb3\x04\0\x30" + bytes(60), "not a picture but a film: save its frames"),
            "wrapped.iim": (iptc, NO_PICTURE),
            "old.wmf": (b"\xd7\xcd\xc6\x9a\0\0" + bytes(60), NO_PICTURE),
        },
    )
    with (folder / "a terabyte of nothing.jpg").open("wb") as file:
        file.truncate(2**40)
    return expected | {"a terabyte of nothing.jpg": TOO_LARGE}


def _claims(folder: Path) -> dict[str, str]:
    """Heads that claim more than there is, or more than is sensible."""
    bomb = zlib.compress(bytes(12000 * 1501), 9)
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 10000, 8000, 1, 24, 0, 0, 0, 0, 0, 0)
    gif = b"GIF89a" + struct.pack("<HHBBB", 10000, 8000, 0, 0, 0) + b","
    gif += struct.pack("<HHHHB", 0, 0, 10000, 8000, 0) + b"\x08"
    jpeg = bytearray(saved(painting(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5
    webp = struct.pack("<4sI4s4sIBI", b"RIFF", 22, b"WEBP", b"VP8L", 5, 0x2F, 9999 | 7999 << 14) + b"\0"
    rows = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (278, 4, 1, 1)]
    strips = [(273, 4, 2**31 - 1, 8), (279, 4, 2**31 - 1, 8)]
    head, end = png_head(10000, 8000), png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")
    return _write(
        folder,
        {
            "2500 MP.png": (png_head(50000, 50000) + png_chunk(b"IDAT", b""), TOO_MANY_PIXELS),
            "bomb.png": (
                png_head(12000, 12000, 1, 0) + png_chunk(b"IDAT", bomb) + end[-12:],
                TOO_MANY_PIXELS,
            ),
            "4295 MP.jpg": (bytes(jpeg[:frame] + b"\xff\xff\xff\xff" + jpeg[frame + 4 :]), TOO_MANY_PIXELS),
            "head only.png": (head, TRUNCATED),
            "no data.png": (head + png_chunk(b"IDAT", b""), TRUNCATED),
            "data of a thumbnail.png": (head + png_chunk(b"IDAT", zlib.compress(bytes(999))), TRUNCATED),
            "head only.bmp": (bmp[:54], TRUNCATED),
            "head only.gif": (gif, TRUNCATED),
            "head only.jpg": (
                bytes(jpeg[:frame] + struct.pack(">HH", 8000, 10000) + jpeg[frame + 4 : -900]),
                TRUNCATED,
            ),
            "head only.webp": (webp, DAMAGED),
            "head only.ppm": (b"P6 10000 8000 255\n", TRUNCATED),
            "head only.qoi": (b"qoif" + struct.pack(">IIBB", 10000, 8000, 3, 0), TRUNCATED),
            "head only.psd": (
                b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8000, 10000, 8, 3) + bytes(14),
                TRUNCATED,
            ),
            "head only.tga": (
                struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 10000, 8000, 24, 0),
                TRUNCATED,
            ),
            "two thousand million strips.tif": (tiff(*rows, *strips), DAMAGED),
            "pixels of no kind.dds": (
                b"DDS " + struct.pack("<7I", 124, 0, 64, 64, 0, 0, 0) + bytes(96),
                DAMAGED,
            ),
            "no tags.tif": (tiff(), DAMAGED),
            "tags beyond the end.tif": (b"II*\0" + struct.pack("<I", 2**31), DAMAGED),
            "no size.png": (png_head(0, 0) + end, DAMAGED),
            "signature only.png": (b"\x89PNG\r\n\x1a\n", TRUNCATED),
            "first bytes only.jpg": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", TRUNCATED),
        },
    )


def _shapes(folder: Path) -> dict[str, str]:
    return _write(
        folder,
        {
            "1x1.png": (saved(painting(1, 1), "PNG"), TOO_SMALL),
            "20000x1.png": (saved(Image.new("RGB", (20000, 1)), "PNG"), TOO_SMALL),
            "1x20000.png": (saved(Image.new("RGB", (1, 20000)), "PNG"), TOO_SMALL),
            "one pixel too low.png": (saved(painting(64, SIZE - 1), "PNG"), TOO_SMALL),
            "just large enough.png": (saved(painting(SIZE, SIZE), "PNG"), USED),
            "20000x32.png": (saved(Image.new("RGB", (20000, SIZE), "red"), "PNG"), USED),
        },
    )


def _sound_but_odd(folder: Path) -> dict[str, str]:
    """Pictures with something broken about them that does not matter, or that is rare."""
    picture = painting()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "word " * 2_000_000)
    packed = PngImagePlugin.PngInfo()
    packed.add_text("Comment", "word " * 2_000_000, zip=True)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    frames = [picture, picture.rotate(90), picture.rotate(180)]
    moving: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": 100}
    cmyk = picture.convert("CMYK")
    turned = (0x0112, 3, 1, 6)
    itself = (0x8769, 4, 1, 8)
    jpeg, png, webp = (saved(picture, kind) for kind in ("JPEG", "PNG", "WEBP"))
    blocks: dict[str, bytes] = {
        "EXIF in circles": exif(turned, itself, following=8),
        "EXIF far beyond its end": exif((0x010F, 2, 2**31, 2**31), following=2**31),
        "EXIF without an end": exif(turned)[:12],
        "EXIF of noise": b"Exif\0\0" + bytes(range(200)),
        "orientation 9": exif((0x0112, 3, 1, 9)),
        "orientation in words": exif((0x0112, 2, 4, 0x00363636)),
        "orientation of many numbers": exif((0x0112, 3, 2, 0x00060006)),
    }
    return _write(
        folder,
        {
            "moving.gif": (saved(picture, "GIF", **moving), USED),
            "moving.webp": (saved(picture, "WEBP", **moving), USED),
            "moving.png": (saved(picture, "PNG", **moving), USED),
            "pages.tif": (saved(picture, "TIFF", **moving), USED),
            "CMYK, upside down as Adobe writes it.jpg": (saved(cmyk, "JPEG"), USED),
            "CMYK.tif": (saved(cmyk, "TIFF"), USED),
            "a long story.png": (saved(picture, "PNG", pnginfo=text), USED),
            "a long story, packed.png": (
                saved(picture, "PNG", pnginfo=packed),
                "damaged: more text than a picture should hold",
            ),
            "broken profile.png": (saved(picture, "PNG", icc_profile=b"no profile" * 30), USED),
            "broken profile.jpg": (saved(picture, "JPEG", icc_profile=b"no profile" * 30), USED),
            "profile of another mode.png": (saved(picture, "PNG", icc_profile=lab), USED),
            "profile of another mode.tif": (saved(cmyk, "TIFF", icc_profile=lab), USED),
            "goes on after its end.jpg": (jpeg + b"<?php ?>" * 1000, USED),
            "goes on after its end.png": (png + bytes(5000), USED),
            "without its last two bytes.jpg": (jpeg[:-2], USED),
            "without its last chunk.png": (png[:-12], USED),
            "wrong sum.png": (png[:-20] + bytes(4) + png[-16:], DAMAGED),
            "wrong sum in the head.png": (png[:29] + bytes(4) + png[33:], DAMAGED),
            "noise inside.png": (png[:200] + bytes(400) + png[600:], DAMAGED),
            "no start of a frame.webp": (webp[:23] + bytes(3) + webp[26:], DAMAGED),
        }
        | {
            f"{name}.{kind}": (saved(picture, kind, exif=block), USED)
            for kind in ("JPEG", "PNG", "WEBP")
            for name, block in blocks.items()
        },
    )


def _names(folder: Path) -> dict[str, str]:
    content = saved(painting(), "PNG")
    for name in WELL_NAMED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    expected = dict.fromkeys(WELL_NAMED, USED)
    not_text = b"caf\xe9.png"
    Path(os.fsdecode(os.fsencode(folder) + b"/" + not_text)).write_bytes(content)
    return expected | {r"caf\xe9.png": USED}


def _links(folder: Path) -> dict[str, str]:
    """Links, and what is no file at all."""
    (folder / "real").mkdir()
    (folder / "real" / "picture.png").write_bytes(saved(painting(), "PNG"))
    targets = {
        "a.png": ("b.png", "a link that leads nowhere"),
        "b.png": ("a.png", "a link that leads nowhere"),
        "dangling.png": ("nowhere.png", "a link that leads nowhere"),
        "through a file.png": ("real/picture.png/x", "a link that leads nowhere"),
        "above": ("..", "a folder that was already looked through"),
        "itself": (".", "a folder that was already looked through"),
        "again, before it in the alphabet": ("real", "a folder that was already looked through"),
        "good.png": ("real/picture.png", USED),
        "zero.jpg": ("/dev/zero", NO_FILE),
    }
    for name, (target, _) in targets.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe.png")
    _bind(folder / "socket.png")
    expected = {name: reason for name, (_, reason) in targets.items()}
    specials = dict.fromkeys(("pipe.png", "socket.png"), NO_FILE)
    return expected | specials | {"real/picture.png": USED}


def _bind(path: Path) -> None:
    """Make a socket at `path`, which may be longer than the system takes: so by way of a short one."""
    opened = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(f"/proc/self/fd/{opened}/{path.name}")
    finally:
        os.close(opened)


def _locked(folder: Path) -> dict[str, str]:
    content = saved(painting(), "PNG")
    (folder / "secrets").mkdir()
    for name in ("secret.png", "secrets/unseen.png"):
        (folder / name).write_bytes(content)
    (folder / "into the secrets.png").symlink_to("secrets/unseen.png")
    (folder / "secret.png").chmod(0)
    (folder / "secrets").chmod(0)
    return {
        "secret.png": NO_RIGHT,
        "secrets": "cannot be opened: Permission denied",
        "into the secrets.png": NO_RIGHT,
    }

"""One picture file as bytes of one size: upright, on white, in sRGB."""

import errno
import math
import os
import re
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageCms, ImageOps, UnidentifiedImageError

_RESIZABLE = frozenset({"RGB", "L", "CMYK"})
_GREY = frozenset({"1", "L", "LA"})
_ROUNDING = 2
_PHOTOMETRIC = 262  # a tag of TIFF


def to_plain(picture: Image.Image) -> Image.Image:
    """Bring `picture` to RGB, L or CMYK, on white, in eight bits; its profile still holds."""
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        return _on_white(picture)
    if picture.mode in _RESIZABLE:
        return picture
    return picture.convert("L" if picture.mode in _GREY else "RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Bring a plain picture to sRGB by its ICC `profile`, where that is sound and made for its mode."""
    transform = _transform(profile, picture.mode) if profile else None
    if transform is None:
        return picture.convert("RGB")
    return _applied(picture, transform)


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        own = ImageCms.getOpenProfile(BytesIO(profile))
        transform = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):  # a broken profile, or one for another mode
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether it is from sRGB to sRGB, but for rounding."""
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(len(steps), -1, 3)
    changed = np.asarray(_applied(Image.fromarray(colours), transform), dtype=np.int16)
    return bool(np.abs(changed - colours).max() <= _ROUNDING)


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(white, picture.convert("RGBA"))
    return flat.convert("L" if picture.mode in _GREY else "RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits, or numbers, as grey: 0 to 65535, 0 to 255 or 0 to 1, whichever the largest value fits."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)
    white = _white_of(picture.mode, float(np.max(values)))
    if _counts_from_white(picture):
        values = white - values
    return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))


def _counts_from_white(picture: Image.Image) -> bool:
    """Whether 0 is white in this TIFF: Pillow sees to that in eight bits, not in more."""
    tags = getattr(picture, "tag_v2", {})
    return tags.get(_PHOTOMETRIC) == 0


def _white_of(mode: str, largest: float) -> float:
    if mode == "F" and largest <= 1:
        return 1
    if not mode.startswith("I;16") and largest <= np.iinfo(np.uint8).max:
        return np.iinfo(np.uint8).max
    return max(np.iinfo(np.uint16).max, largest)


def _applied(picture: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(picture, transform)
    return picture.convert("RGB") if converted is None else converted


_HEAD = 1024
_TAIL = 16
_BOX_HEAD = 8
_SURE_OF_THEIR_HEADS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PSD", "QOI", "TIFF", "WEBP")
TRUNCATED = "truncated: the file ends too early"
_SAYS_TRUNCATED = re.compile(r"truncat|premature|unexpected end|end of file|not enough", re.IGNORECASE)
_SAYS_TOO_MUCH_TEXT = re.compile(r"decompressed data too large|memory used in text", re.IGNORECASE)
_ENDS = {  # how files of a kind begin: how they end when they are whole
    b"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82",
    b"\xff\xd8\xff": b"\xff\xd9",
    b"\0\0\0\x0cjP  ": b"\xff\xd9",
    b"GIF8": b";",
}
_ASKED_FOR_NONSENSE = {errno.EINVAL, errno.EOVERFLOW}  # by what a damaged file says of itself
_OTHER_THINGS = {
    rb"%!PS|\xc5\xd0\xd3\xc6": "not a picture but a drawing of lines (PostScript)",
    rb"%PDF": "not a picture but a PDF document",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg": (
        "not a picture but a drawing of lines (SVG)"
    ),
    rb"(?i:(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b)": "not a picture but a web page",
    rb"version https://git-lfs": "not a picture but a Git LFS pointer: run 'git lfs pull'",
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!": "not a picture but an archive: unpack it",
    rb"....ftyp(hei|hev|mif1|msf1)": "not a picture that Pillow reads (HEIC): save it as JPEG",
    rb"....ftypavi[fs]": "not a picture that this Pillow reads (AVIF): save it as JPEG",
    rb"....ftyp": "not a picture but a film",
}


class _Facts(NamedTuple):
    head: bytes
    tail: bytes
    length: int


def reason_for(file: BinaryIO | Path, error: Exception) -> str:
    """Say why opening `file` with Pillow ended in `error`; the same on every machine."""
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    if isinstance(error, OSError) and error.strerror and error.errno not in _ASKED_FOR_NONSENSE:
        return f"cannot be read: {error.strerror}"
    facts = _look(file)
    if not facts.length:
        return "an empty file"
    if _SAYS_TOO_MUCH_TEXT.search(str(error)):
        return "damaged: more text than a picture should hold"
    kind = _begins_like(facts.head)
    if kind is None and isinstance(error, UnidentifiedImageError):
        return _other_thing(facts.head)
    if isinstance(error, EOFError) or _SAYS_TRUNCATED.search(str(error)) or _is_cut(facts):
        return TRUNCATED
    return (
        f"damaged: it begins like a picture ({kind}) and cannot be read"
        if kind
        else "damaged: it cannot be read"
    )


def _look(file: BinaryIO | Path) -> _Facts:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _look(opened)
    length = file.seek(0, 2)
    file.seek(max(0, length - _TAIL))
    tail = file.read(_TAIL)
    file.seek(0)
    return _Facts(file.read(_HEAD), tail, length)


def _begins_like(head: bytes) -> str | None:
    for name in _SURE_OF_THEIR_HEADS:
        accepts: Callable[[bytes], bool | str] | None = Image.OPEN.get(name, (None, None))[1]
        if accepts and accepts(head) is True:
            return name
    return None


def _other_thing(head: bytes) -> str:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    things = (thing for looks, thing in _OTHER_THINGS.items() if re.match(looks, begin, re.DOTALL))
    return next(things, "not a picture")


def _is_cut(facts: _Facts) -> bool:
    """Whether the file lacks the end that its kind has, or is shorter than its head says."""
    for begin, end in _ENDS.items():
        if facts.head.startswith(begin):
            return not facts.tail.endswith(end)
    if facts.head.startswith(b"RIFF"):
        return facts.length < 8 + _number("<I", facts.head, 4)
    if facts.head.startswith((b"II*\0", b"MM\0*")):
        return facts.length <= _number("<I" if facts.head.startswith(b"II") else ">I", facts.head, 4)
    return facts.head[4:8] == b"ftyp" and facts.length < _end_of_boxes(facts.head)


def _end_of_boxes(head: bytes) -> int:
    """Where a file of boxes (AVIF) ends, if all of them begin within `head`."""
    place = 0
    while place + _BOX_HEAD <= len(head):
        size = _number(">I", head, place)
        if size < _BOX_HEAD:  # none has less than its own head: "to the end", or a size of 64 bits
            break
        place += size
    return place


def _number(form: str, head: bytes, place: int) -> int:
    return int(struct.unpack_from(form, head.ljust(place + 4, b"\xff"), place)[0])


MOST_PIXELS = 100_000_000
_MOST_PIXELS_A_BYTE = 10_000  # deflate packs at most 8,256 pixels of one bit into a byte
_PACKS_EVEN_MORE = frozenset({"AVIF", "JPEG2000", "TIFF", "WEBP"})
_MOST_TILES_ALONG_THE_SHORT_SIDE = 4
_NOT_FOR_PILLOW = frozenset(
    {"EPS", "IPTC"}  # an EPS is handed to Ghostscript, and an IPTC file may hold one
    | {"BUFR", "GRIB", "HDF5", "MPEG", "WMF"}  # known by their heads alone
)


class RefusedError(Exception):
    """A picture that cannot be used; the text says why, for people; `size` is (width, height) if known."""

    def __init__(self, reason: str, size: tuple[int, int] | tuple[None, None] = (None, None)) -> None:
        """Keep the reason and the size in pixels."""
        super().__init__(reason)
        self.size = size


class Picture(NamedTuple):
    """What one file gives: one image, or several where it was cut into tiles.

    `images` are (size, size, 3) uint8, `overview` (H, W, 3) shows all of it; `width` and `height` are the
    file's own, in pixels.
    """

    images: list[NDArray[np.uint8]]
    overview: NDArray[np.uint8]
    width: int
    height: int


def decode(file: BinaryIO | Path, size: int, crop: str = "centre") -> Picture:
    """Open `file` and fit it to `size` pixels by one of `CROPS`.

    Raises:
        RefusedError: it is not a picture, damaged, smaller than `size`, or has over 100 million pixels.
    """
    try:
        with Image.open(file, formats=_formats()) as picture:
            return _fitted(picture, size, CROPS[crop])
    except RefusedError:
        raise
    except Image.DecompressionBombError as error:
        raise RefusedError("over 100 megapixels") from error
    except Exception as error:  # a decoder that meets a damaged file may raise anything
        raise RefusedError(reason_for(file, error)) from error


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.ID if name not in _NOT_FOR_PILLOW]


def _fitted(picture: Image.Image, size: int, crop: "Crop") -> Picture:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise RefusedError("over 100 megapixels", picture.size)
    if crop.side(width, height) < size:
        raise RefusedError(f"smaller than {size} px", picture.size)
    if _lacks_data(picture):
        raise RefusedError(TRUNCATED)
    picture.draft("RGB", crop.enough(width, height, size))  # a JPEG is decoded at a reduced scale
    profile = picture.info.get("icc_profile")
    plain = to_plain(_upright(picture))
    images = [np.asarray(to_srgb(part, profile)) for part in crop.cut(plain, size)]
    overview = images[0] if len(images) == 1 else np.asarray(plain.convert("RGB").resize((size, size)))
    return Picture(images, overview, width, height)


def _lacks_data(picture: Image.Image) -> bool:
    """Whether the file is far too short for its size in pixels, for which no memory need be taken then."""
    file: BinaryIO | None = getattr(picture, "fp", None)
    if file is None or picture.format in _PACKS_EVEN_MORE:
        return False
    place = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(place)
    return picture.width * picture.height > _MOST_PIXELS_A_BYTE * length


def _upright(picture: Image.Image) -> Image.Image:
    painted = picture.tile[0][1] if isinstance(picture, GifImagePlugin.GifImageFile) else None
    picture.load()
    if painted and painted != (0, 0, *picture.size):
        return _on_screen(picture, painted)
    with suppress(Exception):  # broken EXIF says nothing about the picture
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _on_screen(picture: Image.Image, painted: tuple[int, int, int, int]) -> Image.Image:
    """A GIF whose first frame leaves a part of its screen unpainted: white, as in a browser on white."""
    screen = Image.new("RGBA", picture.size, "white")
    screen.paste(picture.convert("RGBA").crop(painted), painted[:2])
    return screen


class Crop(NamedTuple):
    """One way to make a picture square.

    `side(width, height)` is the side that must not be smaller than the target; `enough(width, height, size)`
    is the smallest (width, height) to decode at; `cut(picture, size)` gives the squares.
    """

    side: Callable[[int, int], int]
    enough: Callable[[int, int, int], tuple[int, int]]
    cut: Callable[[Image.Image, int], list[Image.Image]]


def _square(_width: int, _height: int, size: int) -> tuple[int, int]:
    return size, size


def _long_side(width: int, height: int, size: int) -> tuple[int, int]:
    scale = size / max(width, height)
    return math.ceil(width * scale), math.ceil(height * scale)


def _tiled(width: int, height: int, size: int) -> tuple[int, int]:
    side = size * _tiles_along(min(width, height), size)
    return side, side


def _tiles_along(short: int, size: int) -> int:
    return min(short // size, _MOST_TILES_ALONG_THE_SHORT_SIDE)


def _centre(picture: Image.Image, size: int) -> list[Image.Image]:
    return [ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)]


def _pad(picture: Image.Image, size: int) -> list[Image.Image]:
    scale = size / max(picture.size)
    inner = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    white = (0, 0, 0, 0) if picture.mode == "CMYK" else "white"
    return [ImageOps.pad(inner, (size, size), color=white)]


def _stretch(picture: Image.Image, size: int) -> list[Image.Image]:
    return [picture.resize((size, size), Image.Resampling.LANCZOS)]


def _tiles(picture: Image.Image, size: int) -> list[Image.Image]:
    """Squares side by side from the middle out; a large picture is reduced to four along its short side."""
    short = min(picture.size)
    scale = size * _tiles_along(short, size) / short
    width, height = (round(side * scale) for side in picture.size)
    scaled = picture.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width % size) // 2, (height % size) // 2
    corners = [
        (x, y) for y in range(top, height - size + 1, size) for x in range(left, width - size + 1, size)
    ]
    return [scaled.crop((x, y, x + size, y + size)) for x, y in corners]


CROPS = {
    "centre": Crop(min, _square, _centre),
    "pad": Crop(max, _long_side, _pad),
    "stretch": Crop(min, _square, _stretch),
    "tiles": Crop(min, _tiled, _tiles),
}

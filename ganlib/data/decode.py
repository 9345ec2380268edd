"""One picture file as bytes of one size: upright, on white, in sRGB."""

import errno
import math
import os
import re
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from ganlib.runtime.memory import LIMIT, most_memory

CROPS = ("centre", "pad", "stretch", "tiles")
MOST_PIXELS = 100_000_000
_FORMATS = {"AVIF", "BMP", "DDS", "GIF", "HEIF", "JPEG", "JPEG2000", "PCX"}
_FORMATS |= {"PNG", "PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP"}
# Left out: EPS, which Pillow hands to Ghostscript; icons, which hold pictures of another size than they say.
_BYTES_A_PIXEL = {"AVIF": 12, "DDS": 8, "JPEG2000": 24, "QOI": 8, "WEBP": 16}  # to decode it; others take 4
_READ_WHOLE = {"AVIF", "WEBP"}
_MOST_SCANS, _MOST_SCANNED = 100, 2_000_000_000  # of a JPEG, and times its pixels
_MOST_BESIDE, _MOST_CHUNKS = 32 * 2**20, 100_000  # bytes of a file that are no pixels; pieces of a PNG
_LARGEST_PROFILE = 4 * 2**20
_BAND = 2**18  # pixels
_MOST_PIXELS_A_BYTE = 10_000  # deflate packs at most 8,256 pixels of one bit into a byte
_PACKS_EVEN_MORE = {"AVIF", "JPEG2000", "TIFF", "WEBP"}
_MOST_TILES_ALONG_THE_SHORT_SIDE = 4
_RESIZABLE = {"RGB", "L", "CMYK"}
_GREY = {"1", "L", "LA"}
_BYTE, _WORD = 255, 65535
_ROUNDING = 2
_BITS, _PHOTOMETRIC, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 258, 262, 277, 278, 322, 323  # tags of TIFF

_ASKED_FOR_NONSENSE = {errno.EINVAL, errno.EOVERFLOW}  # by what a damaged file says of itself
_TRUNCATED = "truncated: the file ends too early"
_TOO_MUCH_BESIDE = "damaged: more text than a picture should hold"
NO_FILE = "not a file but a link, a pipe or a device"
TOO_MUCH_MEMORY = f"needs more memory than allowed: raise {LIMIT}"
_SAYS_TRUNCATED = re.compile(r"truncat|premature|unexpected end|end of file|not enough", re.IGNORECASE)
_SAYS_TOO_MUCH_TEXT = re.compile(r"decompressed data too large|memory used in text", re.IGNORECASE)
_PICTURES = {  # how files of a kind begin: how they end when they are whole, if that is always the same
    rb"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82",
    rb"\xff\xd8\xff|\0\0\0\x0cjP  ": b"\xff\xd9",
    rb"GIF8": b";",
    rb"BM|II\*\0|MM\0\*|RIFF....WEBP|8BPS|qoif": b"",
}
_OTHER_THINGS = {
    rb"%!PS|\xc5\xd0\xd3\xc6": "not a picture but a drawing of lines (PostScript)",
    rb"%PDF": "not a picture but a PDF document",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg": (
        "not a picture but a drawing of lines (SVG)"
    ),
    rb"(?i:(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b)": "not a picture but a web page",
    rb"version https://git-lfs": "not a picture but a Git LFS pointer: run 'git lfs pull'",
    rb"\0\0[\1\2]\0|icns": "not a picture but an icon: save it as PNG",
    rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!": "not a picture but an archive: unpack it",
    rb"....ftyp(hei|hev|mif1|msf1|avi)": "a picture that Pillow cannot read (HEIC or AVIF): save it as JPEG",
    rb"....ftyp": "not a picture but a film",
}


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


def decode(
    file: BinaryIO | Path,
    size: int,
    crop: str = "centre",
    *,
    enlarge: bool = False,
    claim: Callable[[int], object] = lambda _: None,
) -> Picture:
    """Open `file` and fit it to `size` pixels by one of `CROPS`.

    `claim` is called with the bytes that this takes at most, before it takes them.

    Raises:
        RefusedError: it is not a picture, damaged, has over 100 million pixels, needs too much memory, or is
            smaller than `size` and not to be enlarged.
    """
    enough = size * _MOST_TILES_ALONG_THE_SHORT_SIDE if crop == "tiles" else size
    with refusals(file), open_picture(file, enough) as picture:
        if not enlarge and (max if crop == "pad" else min)(picture.size) < size:
            raise RefusedError(f"smaller than {size} px", picture.size)
        claim(memory_needed(picture, enough) + _memory_of_squares(picture, size, crop))
        return _fitted(picture, size, crop, enough)


def open_picture(file: BinaryIO | Path, enough: int = MOST_PIXELS) -> ImageFile.ImageFile:
    """Open `file` with Pillow, but only a format of those that are safe, and what fits into memory.

    Nothing is decoded yet. `enough` px of a JPEG will do, if its `draft` is called with them.

    Raises:
        RefusedError: it has over 100 million pixels, too little data for them, too many scans or too much
            text, needs too much memory, or is no file.
    """
    _check_before_opening(file)
    Image.init()
    picture = cast(
        ImageFile.ImageFile, Image.open(file, formats=[name for name in _FORMATS if name in Image.ID])
    )
    try:
        _check(picture, enough)
    except BaseException:
        picture.close()
        raise
    return picture


@contextmanager
def refusals(file: BinaryIO | Path) -> Iterator[None]:
    """Turn whatever opening or decoding `file` ends in into a `RefusedError`."""
    try:
        yield
    except RefusedError:
        raise
    except Image.DecompressionBombError as error:
        raise RefusedError("over 100 megapixels") from error
    except Exception as error:  # a decoder that meets a damaged file may raise anything
        raise RefusedError(_reason_for(file, error)) from error


def memory_needed(picture: ImageFile.ImageFile, enough: int = MOST_PIXELS) -> int:
    """Estimate the bytes that decoding an open picture takes, and turning it upright and plain."""
    pixels = math.prod(picture.size)
    times = min(picture.size) // enough if "scans" in picture.info else 1
    reduced = pixels // max(scale for scale in (1, 2, 4, 8) if scale <= max(times, 1)) ** 2
    needed = reduced * (_BYTES_A_PIXEL.get(picture.format or "", 4) + 4)
    if picture.info.get("scans", 1) > 1:  # then all coefficients are kept, of 16 bits each
        needed += 2 * pixels * len(picture.getbands())
    if picture.format in _READ_WHOLE:
        needed += _length(picture)
    return needed + (_memory_of_strip(picture) if picture.tile and picture.tile[0][0] == "libtiff" else 0)


def _memory_of_strip(picture: ImageFile.ImageFile) -> int:
    """The bytes of the file, and of the piece of it that libtiff unpacks at once."""
    tags: Any = getattr(picture, "tag_v2", {})
    rows = picture.width * min(picture.height, tags.get(_ROWS, picture.height))
    area = max(rows, tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0))
    return _length(picture) + area * tags.get(_SAMPLES, 1) * max(tags.get(_BITS, (1,))) // 8


def _memory_of_squares(picture: Image.Image, size: int, crop: str) -> int:
    """The bytes of the picture when resized, and once more of what is cut out of it."""
    side = size * _tiles_along(picture, size) if crop == "tiles" else size
    across = max(picture.size) / min(picture.size) if crop == "tiles" else 1
    return round(8 * side**2 * across)


def _check_before_opening(file: BinaryIO | Path) -> None:
    """Refuse what cannot even be opened safely: a pipe, or a PNG with much beside its pixels."""
    if isinstance(file, Path):
        mode = file.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise RefusedError(NO_FILE)
        with file.open("rb") as opened:
            return _check_before_opening(opened)
    if file.read(8) == b"\x89PNG\r\n\x1a\n":
        _check_chunks(file)
    file.seek(0)
    return None


def _check_chunks(png: BinaryIO) -> None:
    beside = 0
    for _ in range(_MOST_CHUNKS):
        head = png.read(8)
        if len(head) < 8 or head.endswith(b"IEND"):  # noqa: PLR2004
            return
        length, kind = struct.unpack(">I4s", head)
        beside += length if kind != b"IDAT" else 0
        if beside > _MOST_BESIDE:
            break
        png.seek(length + 4, os.SEEK_CUR)
    raise RefusedError(_TOO_MUCH_BESIDE)


def _check(picture: ImageFile.ImageFile, enough: int) -> None:
    pixels = math.prod(picture.size)
    if pixels > MOST_PIXELS:
        raise RefusedError("over 100 megapixels", picture.size)
    if picture.format in {"JPEG", "MPO"}:
        scans = picture.info["scans"] = _count_scans(picture)
        if scans > _MOST_SCANS or scans * pixels > _MOST_SCANNED:
            raise RefusedError("damaged: more scans than a JPEG should have", picture.size)
    if _lacks_data(picture):
        raise RefusedError(_TRUNCATED)
    if memory_needed(picture, enough) > most_memory():
        raise RefusedError(TOO_MUCH_MEMORY, picture.size)


def _count_scans(picture: ImageFile.ImageFile) -> int:
    """Count the starts of scans from where Pillow stands, which is behind the first."""
    file: Any = picture.fp
    begin, count, before = file.tell(), 1, b""
    if begin > _MOST_BESIDE:
        raise RefusedError(_TOO_MUCH_BESIDE)
    while piece := file.read(2**20):
        count += (before + piece).count(b"\xff\xda")
        before = piece[-1:]
    file.seek(begin)
    return count


def _length(picture: ImageFile.ImageFile) -> int:
    """How many bytes the file of an open picture has."""
    file: Any = picture.fp
    place = file.tell()
    length: int = file.seek(0, os.SEEK_END)
    file.seek(place)
    return length


def _fitted(picture: ImageFile.ImageFile, size: int, crop: str, enough: int) -> Picture:
    width, height = picture.size
    picture.draft("RGB", (enough, enough))  # a JPEG is decoded at a reduced scale
    profile = picture.info.get("icc_profile")
    plain = _plain_and_upright(picture)
    images = [np.asarray(_srgb(square, profile)) for square in _squares(plain, size, crop)]
    overview = images[0] if len(images) == 1 else np.asarray(plain.resize((size, size)).convert("RGB"))
    return Picture(images, overview, width, height)


def _lacks_data(picture: ImageFile.ImageFile) -> bool:
    """Whether the file is far too short for its size in pixels, for which no memory need be taken then."""
    if picture.fp is None or picture.format in _PACKS_EVEN_MORE:
        return False
    return math.prod(picture.size) > _MOST_PIXELS_A_BYTE * _length(picture)


def _plain_and_upright(picture: ImageFile.ImageFile) -> Image.Image:
    painted = picture.tile[0][1] if isinstance(picture, GifImagePlugin.GifImageFile) else None
    picture.load()
    if painted:
        return _white_around(_plain(picture), painted)
    with suppress(Exception):  # broken EXIF says nothing about the picture
        ImageOps.exif_transpose(picture, in_place=True)
    return _plain(picture)


def _white_around(picture: Image.Image, painted: tuple[int, int, int, int]) -> Image.Image:
    """Whiten what the first frame of a GIF leaves out, as a browser does."""
    left, top, right, bottom = painted
    width, height = picture.size
    above, below = (0, 0, width, top), (0, bottom, width, height)
    for box in (above, below, (0, 0, left, height), (right, 0, width, height)):
        if box[0] < box[2] and box[1] < box[3]:
            picture.paste("white", box)
    return picture


def _squares(picture: Image.Image, size: int, crop: str) -> Iterable[Image.Image]:
    match crop:
        case "tiles":
            return _tiles(picture, size)
        case "stretch":
            return [picture.resize((size, size), Image.Resampling.LANCZOS)]
        case "pad":
            return [_padded(picture, size)]
    return [ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)]


def _padded(picture: Image.Image, size: int) -> Image.Image:
    scale = size / max(picture.size)
    inner = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    return ImageOps.pad(inner, (size, size), color=(0, 0, 0, 0) if picture.mode == "CMYK" else "white")


def _tiles(picture: Image.Image, size: int) -> Iterator[Image.Image]:
    """Squares side by side from the middle out; a large picture is reduced to four along its short side."""
    scale = size * _tiles_along(picture, size) / min(picture.size)
    width, height = (round(side * scale) for side in picture.size)
    scaled = picture.resize((width, height), Image.Resampling.LANCZOS)
    rows = range(height % size // 2, height - size + 1, size)
    columns = range(width % size // 2, width - size + 1, size)
    return (scaled.crop((x, y, x + size, y + size)) for y in rows for x in columns)


def _tiles_along(picture: Image.Image, size: int) -> int:
    return min(min(picture.size) // size, _MOST_TILES_ALONG_THE_SHORT_SIDE)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in RGB, L or CMYK, on white, in eight bits; its profile still holds."""
    if picture.mode in _RESIZABLE and not picture.has_transparency_data:
        return picture
    numbers = picture.mode.startswith(("I", "F"))
    convert = _eight_bits(picture) if numbers else _on_white
    plain = Image.new("L" if numbers else _without_alpha(picture), picture.size)
    for top, band in _bands(picture):
        plain.paste(convert(band), (0, top))
    return plain


def _bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Cut a picture into few rows at a time, so that what is made of them takes little memory."""
    rows = max(1, _BAND // picture.width)
    for top in range(0, picture.height, rows):
        yield top, picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert(_without_alpha(picture))


def _without_alpha(picture: Image.Image) -> str:
    return "L" if picture.mode in _GREY else "RGB"


def _eight_bits(picture: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """Sixteen bits, or numbers, as grey: 0 to 65535, 0 to 255 or 0 to 1, whichever the largest value fits."""
    white = _white_of(picture.mode, max(float(np.max(_numbers(band))) for _, band in _bands(picture)))
    # Where 0 is white in a TIFF, Pillow sees to that in eight bits, not in more.
    inverted = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == 0

    def convert(band: Image.Image) -> Image.Image:
        values = white - _numbers(band) if inverted else _numbers(band)
        return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))

    return convert


def _numbers(picture: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)


def _white_of(mode: str, largest: float) -> float:
    if mode == "F" and largest <= 1:
        return 1
    return _BYTE if largest <= _BYTE and not mode.startswith("I;16") else max(_WORD, largest)


def _srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A plain picture in sRGB by its ICC `profile`, where that is sound and made for its mode."""
    usable = profile and len(profile) <= _LARGEST_PROFILE
    transform = _transform(profile, picture.mode) if profile and usable else None
    return transform.apply(picture) if transform else picture.convert("RGB")


@lru_cache(maxsize=8)
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
    changed = np.asarray(transform.apply(Image.fromarray(colours)), dtype=np.int16)
    return bool(np.abs(changed - colours).max() <= _ROUNDING)


def _reason_for(file: BinaryIO | Path, error: Exception) -> str:
    """Why opening `file` with Pillow ended in `error`; the same on every machine."""
    if isinstance(error, MemoryError):
        return "needs more memory than there is"
    if isinstance(error, OSError) and error.strerror and error.errno not in _ASKED_FOR_NONSENSE:
        return f"cannot be read: {error.strerror}"
    head, tail = _head_and_tail(file)
    if not head:
        return "an empty file"
    if _SAYS_TOO_MUCH_TEXT.search(str(error)):
        return _TOO_MUCH_BESIDE
    end = next((end for begin, end in _PICTURES.items() if re.match(begin, head, re.DOTALL)), None)
    if end is None and isinstance(error, UnidentifiedImageError):
        begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        things = (thing for looks, thing in _OTHER_THINGS.items() if re.match(looks, begin, re.DOTALL))
        return next(things, "not a picture")
    if isinstance(error, EOFError) or _SAYS_TRUNCATED.search(str(error)) or not tail.endswith(end or b""):
        return _TRUNCATED
    return "damaged: it cannot be read"


def _head_and_tail(file: BinaryIO | Path) -> tuple[bytes, bytes]:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return _head_and_tail(opened)
    file.seek(max(0, file.seek(0, os.SEEK_END) - 16))
    tail = file.read()
    file.seek(0)
    return file.read(1024), tail

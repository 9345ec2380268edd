"""One function opens pictures: formats that are safe, in files that are sound, and what fits into memory."""

import errno
import logging
import math
import os
import re
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from ganlib.runtime.memory import LIMIT, most_memory

MOST_PIXELS = 100_000_000
_FORMATS = {"AVIF", "BMP", "DDS", "GIF", "HEIF", "JPEG", "JPEG2000", "PCX"}
_FORMATS |= {"PNG", "PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP"}
# Left out: EPS, which Pillow hands to Ghostscript; icons, which hold pictures of another size than they say.
_BYTES_A_PIXEL = {"AVIF": 12, "DDS": 8, "HEIF": 12, "JPEG2000": 24, "QOI": 8, "WEBP": 16}  # others take 4
_READ_WHOLE = {"AVIF", "HEIF", "WEBP"}
_MOST_SCANS, _MOST_SCANNED = 100, 2_000_000_000  # of a JPEG, and times its pixels
_MOST_BESIDE, _MOST_CHUNKS = 32 * 2**20, 100_000  # bytes of a file that are no pixels; pieces of a PNG
_MOST_PIXELS_A_BYTE = 10_000  # deflate packs at most 8,256 pixels of one bit into a byte
_PACKS_EVEN_MORE = {"AVIF", "HEIF", "JPEG2000", "TIFF", "WEBP"}
_ASKED_FOR_NONSENSE = {errno.EINVAL, errno.EOVERFLOW}  # by what a damaged file says of itself
_TOO_MANY_PIXELS = "over 100 megapixels"
TRUNCATED = "truncated: the file ends too early"
_TOO_MUCH_BESIDE = "damaged: more text than a picture should hold"
NO_FILE = "not a file but a link, a pipe or a device"
NO_PICTURE = "not a picture"
TOO_MUCH_MEMORY = f"needs more memory than allowed: raise {LIMIT}"
_SAYS_TRUNCATED = re.compile(r"truncat|premature|unexpected end|end of file|not enough", re.IGNORECASE)
_SAYS_TOO_MUCH_TEXT = re.compile(r"decompressed data too large|memory used in text", re.IGNORECASE)
_PICTURES = {  # how files of a kind begin: how they end when they are whole, if that is always the same
    rb"\x89PNG\r\n\x1a\n": b"IEND\xaeB`\x82",
    rb"\xff\xd8\xff|\0\0\0\x0cjP  ": b"\xff\xd9",
    rb"GIF8": b";",
    rb"BM|II\*\0|MM\0\*|RIFF....WEBP|8BPS|qoif": b"",
}
_OTHER_PICTURES = {
    rb"....ftyp(hei|hev|mif1|msf1)": "a HEIC picture, which opens with the package pillow-heif",
    rb"....ftypavi": "an AVIF picture, which this Pillow cannot read",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "a JPEG XL picture, which Pillow cannot read",
    rb"....ftypcrx|FUJIFILMCCD-RAW|II(U\0|RO|RS)": "the raw file of a camera: save it as JPEG or TIFF",
}
_OTHER_THINGS = {
    rb"%!PS|\xc5\xd0\xd3\xc6": "a drawing of lines (PostScript)",
    rb"%PDF": "a PDF document",
    rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!DOCTYPE svg[^>]*>\s*)?<svg": "a drawing of lines (SVG)",
    rb"(?i:(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b)": "a web page",
    rb"version https://git-lfs": "a Git LFS pointer: run 'git lfs pull'",
    rb"\0\0[\1\2]\0|icns": "an icon: save it as PNG",
    rb"PK\x03\x04": "a zip archive: unpack it",
    rb"7z\xbc\xaf": "a 7z archive: unpack it",
    rb"Rar!": "a RAR archive: unpack it",
    rb"\x1f\x8b|BZh|\xfd7zXZ": "a packed file: unpack it",
    rb"\x93NUMPY": "an array of NumPy: save what it holds as PNG files",
    rb"....ftyp|....moov|\x1aE\xdf\xa3|RIFF....AVI |\0\0[\1][\xb3\xba]": "a film: save its frames",
}
_BITS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 258, 277, 278, 322, 323  # tags of TIFF
_SOFTWARE = 305  # a tag of EXIF
GANLIB = "ganlib"  # the mark of a picture that ganlib wrote

# What Pillow warns of, it says to programmers; people are told the reason.
logging.getLogger("PIL").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"PIL\.")


class RefusedError(Exception):
    """A picture that cannot be used; the text says why, for people; `size` is (width, height) if known."""

    def __init__(self, reason: str, size: tuple[int, int] | tuple[None, None] = (None, None)) -> None:
        """Keep the reason and the size in pixels."""
        super().__init__(reason)
        self.size = size


def open_picture(file: BinaryIO | Path, enough: int = MOST_PIXELS) -> ImageFile.ImageFile:
    """Open `file` with Pillow, but only a format of those that are safe, and what fits into memory.

    Nothing is decoded yet. `enough` px of a JPEG will do, if its `draft` is called with them.

    Raises:
        RefusedError: it has over 100 million pixels, too little data for them, too many scans or too much
            text, needs too much memory, or is no file.
    """
    _check_before_opening(file)
    picture = _identified(file)
    try:
        _check(picture, enough)
    except BaseException:
        picture.close()
        raise
    return picture


def _identified(file: BinaryIO | Path) -> ImageFile.ImageFile:
    try:
        return Image.open(file, formats=_formats())
    except Image.DecompressionBombError:
        if not isinstance(file, Path):
            file.seek(0)
        with suppress(SyntaxError):  # it is no JPEG, which could be decoded at a reduced scale
            return JpegImagePlugin.JpegImageFile(file)
        raise RefusedError(_TOO_MANY_PIXELS) from None


@lru_cache
def _formats() -> list[str]:
    Image.init()
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    return [name for name in _FORMATS if name in Image.ID]


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a PNG, WebP or JPEG with the mark that ganlib made it."""
    exif = Image.Exif()
    exif[_SOFTWARE] = GANLIB
    picture.save(path, exif=exif)


def is_by_ganlib(picture: Image.Image) -> bool:
    """Tell whether ganlib wrote a picture that has been decoded; a GIF says so in its comment."""
    with suppress(Exception):  # its EXIF may be damaged
        return picture.getexif().get(_SOFTWARE) == GANLIB or picture.info.get("comment") == GANLIB.encode()
    return False


@contextmanager
def refusals(file: BinaryIO | Path) -> Iterator[None]:
    """Turn whatever opening or decoding `file` ends in into a `RefusedError`."""
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:  # a decoder that meets a damaged file may raise anything
        raise RefusedError(_reason_for(file, error)) from error


def memory_needed(picture: ImageFile.ImageFile, enough: int = MOST_PIXELS) -> int:
    """Estimate the bytes that decoding an open picture takes, and turning it upright and plain."""
    deep = 4 if has_deep_colour(picture) else 0
    needed = _pixels(picture, enough) * (_BYTES_A_PIXEL.get(picture.format or "", 4) + 4 + deep)
    if picture.info.get("scans", 1) > 1:  # then all coefficients are kept, of 16 bits each
        needed += 2 * math.prod(picture.size) * len(picture.getbands())
    if picture.format in _READ_WHOLE:
        needed += _length(picture)
    return needed + (_memory_of_strip(picture) if picture.tile and picture.tile[0][0] == "libtiff" else 0)


def has_deep_colour(picture: ImageFile.ImageFile) -> bool:
    """Tell whether an open picture is in RGB with 16 bits, of which Pillow decodes the upper eight."""
    return picture.mode == "RGB" and bool(picture.tile) and "RGB;16" in str(picture.tile[0][3])


def _pixels(picture: ImageFile.ImageFile, enough: int) -> int:
    """How many pixels are decoded where `enough` a side will do."""
    times = min(picture.size) // enough if "scans" in picture.info else 1
    return math.prod(picture.size) // max(scale for scale in (1, 2, 4, 8) if scale <= max(times, 1)) ** 2


def _memory_of_strip(picture: ImageFile.ImageFile) -> int:
    """The bytes of the file, and of the piece of it that libtiff unpacks at once."""
    tags: Any = getattr(picture, "tag_v2", {})
    rows = picture.width * min(picture.height, tags.get(_ROWS, picture.height))
    area = max(rows, tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0))
    return _length(picture) + area * tags.get(_SAMPLES, 1) * max(tags.get(_BITS, (1,))) // 8


def _check_before_opening(file: BinaryIO | Path) -> None:
    """Refuse what cannot even be opened safely: a pipe, or a PNG with much beside its pixels."""
    if isinstance(file, Path):
        mode = file.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise RefusedError(NO_FILE)
    with _opened(file) as opened:
        if opened.read(8) == b"\x89PNG\r\n\x1a\n":
            _check_chunks(opened)
        opened.seek(0)


def _opened(file: BinaryIO | Path) -> AbstractContextManager[BinaryIO]:
    return file.open("rb") if isinstance(file, Path) else nullcontext(file)


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
    if picture.format in {"JPEG", "MPO"}:
        picture.info["scans"] = _count_scans(picture)
    if _pixels(picture, enough) > MOST_PIXELS or pixels > _MOST_SCANNED:
        raise RefusedError(_TOO_MANY_PIXELS, picture.size)
    if picture.info.get("scans", 0) > min(_MOST_SCANS, _MOST_SCANNED / pixels):
        raise RefusedError("damaged: more scans than a JPEG should have", picture.size)
    if picture.format not in _PACKS_EVEN_MORE and pixels > _MOST_PIXELS_A_BYTE * _length(picture):
        raise RefusedError(TRUNCATED)
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
    file: Any = picture.fp
    place = file.tell()
    length: int = file.seek(0, os.SEEK_END)
    file.seek(place)
    return length


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
    end = _first_match(_PICTURES, head)
    if end is None and isinstance(error, UnidentifiedImageError):
        thing = _first_match(_OTHER_THINGS, head.removeprefix(b"\xef\xbb\xbf").lstrip())
        return _first_match(_OTHER_PICTURES, head) or (f"{NO_PICTURE} but {thing}" if thing else NO_PICTURE)
    if isinstance(error, EOFError) or _SAYS_TRUNCATED.search(str(error)) or not tail.endswith(end or b""):
        return TRUNCATED
    return "damaged, or of a kind that Pillow cannot read"


def _first_match(looks: dict[bytes, Any], head: bytes) -> Any:
    return next((found for look, found in looks.items() if re.match(look, head, re.DOTALL)), None)


def _head_and_tail(file: BinaryIO | Path) -> tuple[bytes, bytes]:
    with _opened(file) as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - 16))
        tail = opened.read()
        opened.seek(0)
        return opened.read(1024), tail

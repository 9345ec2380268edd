"""One picture file as bytes of one size: upright, on white, in sRGB."""

import errno
import os
import re
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageCms, ImageOps, UnidentifiedImageError

CROPS = ("centre", "pad", "stretch", "tiles")
MOST_PIXELS = 100_000_000
_MOST_PIXELS_A_BYTE = 10_000  # deflate packs at most 8,256 pixels of one bit into a byte
_PACKS_EVEN_MORE = {"AVIF", "JPEG2000", "TIFF", "WEBP"}
_MOST_TILES_ALONG_THE_SHORT_SIDE = 4
_NOT_FOR_PILLOW = {"EPS", "IPTC"}  # an EPS is handed to Ghostscript, and an IPTC file may hold one
_NOT_FOR_PILLOW |= {"BUFR", "GRIB", "HDF5", "MPEG", "WMF"}  # known by their heads alone
_RESIZABLE = {"RGB", "L", "CMYK"}
_GREY = {"1", "L", "LA"}
_BYTE, _WORD = 255, 65535
_ROUNDING = 2
_PHOTOMETRIC = 262  # a tag of TIFF

_ASKED_FOR_NONSENSE = {errno.EINVAL, errno.EOVERFLOW}  # by what a damaged file says of itself
_TRUNCATED = "truncated: the file ends too early"
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


def decode(file: BinaryIO | Path, size: int, crop: str = "centre", *, enlarge: bool = False) -> Picture:
    """Open `file` and fit it to `size` pixels by one of `CROPS`.

    Raises:
        RefusedError: it is not a picture, damaged, has over 100 million pixels, or is smaller than `size`
            and not to be enlarged.
    """
    try:
        with open_picture(file) as picture:
            return _fitted(picture, size, crop, enlarge)
    except RefusedError:
        raise
    except Image.DecompressionBombError as error:
        raise RefusedError("over 100 megapixels") from error
    except Exception as error:  # a decoder that meets a damaged file may raise anything
        raise RefusedError(_reason_for(file, error)) from error


def open_picture(file: BinaryIO | Path) -> Image.Image:
    """Open `file` with Pillow, but for formats that it hands to other programs or cannot show."""
    Image.init()
    return Image.open(file, formats=[name for name in Image.ID if name not in _NOT_FOR_PILLOW])


def _fitted(picture: Image.Image, size: int, crop: str, enlarge: bool) -> Picture:
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise RefusedError("over 100 megapixels", picture.size)
    if not enlarge and (max if crop == "pad" else min)(width, height) < size:
        raise RefusedError(f"smaller than {size} px", picture.size)
    if _lacks_data(picture):
        raise RefusedError(_TRUNCATED)
    enough = size * _tiles_along(picture, size) if crop == "tiles" else size
    picture.draft("RGB", (enough, enough))  # a JPEG is decoded at a reduced scale
    profile = picture.info.get("icc_profile")
    plain = _plain(_upright(picture))
    images = [np.asarray(_srgb(square, profile)) for square in _squares(plain, size, crop)]
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
        screen = Image.new("RGBA", picture.size, "white")  # what the first frame leaves out, as in a browser
        screen.paste(picture.convert("RGBA").crop(painted), painted[:2])
        return screen
    with suppress(Exception):  # broken EXIF says nothing about the picture
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _squares(picture: Image.Image, size: int, crop: str) -> list[Image.Image]:
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


def _tiles(picture: Image.Image, size: int) -> list[Image.Image]:
    """Squares side by side from the middle out; a large picture is reduced to four along its short side."""
    scale = size * _tiles_along(picture, size) / min(picture.size)
    width, height = (round(side * scale) for side in picture.size)
    scaled = picture.resize((width, height), Image.Resampling.LANCZOS)
    rows = range(height % size // 2, height - size + 1, size)
    columns = range(width % size // 2, width - size + 1, size)
    return [scaled.crop((x, y, x + size, y + size)) for y in rows for x in columns]


def _tiles_along(picture: Image.Image, size: int) -> int:
    return min(min(picture.size) // size, _MOST_TILES_ALONG_THE_SHORT_SIDE)


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in RGB, L or CMYK, on white, in eight bits; its profile still holds."""
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert(_without_alpha(picture))
    return picture if picture.mode in _RESIZABLE else picture.convert(_without_alpha(picture))


def _without_alpha(picture: Image.Image) -> str:
    return "L" if picture.mode in _GREY else "RGB"


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits, or numbers, as grey: 0 to 65535, 0 to 255 or 0 to 1, whichever the largest value fits."""
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)
    white = _white_of(picture.mode, float(np.max(values)))
    # Where 0 is white in a TIFF, Pillow sees to that in eight bits, not in more.
    if getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == 0:
        values = white - values
    return Image.fromarray((values * (255 / white)).round().clip(0, 255).astype(np.uint8))


def _white_of(mode: str, largest: float) -> float:
    if mode == "F" and largest <= 1:
        return 1
    return _BYTE if largest <= _BYTE and not mode.startswith("I;16") else max(_WORD, largest)


def _srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A plain picture in sRGB by its ICC `profile`, where that is sound and made for its mode."""
    transform = _transform(profile, picture.mode) if profile else None
    return transform.apply(picture) if transform else picture.convert("RGB")


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
        return "damaged: more text than a picture should hold"
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

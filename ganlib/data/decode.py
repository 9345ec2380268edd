"""One picture file as bytes of one size: upright, on white, in sRGB."""

import math
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageOps

from ganlib.data.colour import to_plain, to_srgb
from ganlib.data.reasons import TRUNCATED, reason_for

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

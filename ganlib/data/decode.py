"""One picture file as bytes of one size: upright, on white, in sRGB."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps

from ganlib.data.opening import (
    TRUNCATED,
    RefusedError,
    has_deep_colour,
    is_by_ganlib,
    memory_needed,
    open_picture,
    refusals,
)
from ganlib.sizes import AnySize, Size

CROPS = ("centre", "pad", "stretch", "tiles")
_LARGEST_PROFILE = 4 * 2**20
_BAND = 2**18  # pixels
_MOST_TILES_ALONG_THE_SHORT_SIDE = 4
_RESIZABLE = {"RGB", "L", "CMYK"}
_GREY = {"1", "L", "LA"}
_BYTE, _WORD = 255, 65535
_WHITES = (_BYTE, 1023, 4095, 16383, _WORD)  # of 8, 10, 12, 14 and 16 bits
_ROUNDING = 2
_BITS, _PHOTOMETRIC, _LARGEST_VALUE = 258, 262, 281  # tags of TIFF
_MOVING, _MOST_FRAMES = {"AVIF", "GIF", "PNG", "WEBP"}, 50
_END_OF_JPEG = b"\xff\xd9"
_UNDECODED = np.uint8(127)  # or 128
_DARK, _BRIGHT, _ONE_COLOUR = 40, 215, 4  # levels of 255


class Picture(NamedTuple):
    """What one file gives: one image, or several where it was cut into tiles.

    `images` are (H, W, 3) uint8, `overview`, of the same shape, shows all of it; `width` and `height` are the
    file's own, in pixels. `note` says what is odd about it, and `by_ganlib` whether ganlib wrote it.
    """

    images: list[NDArray[np.uint8]]
    overview: NDArray[np.uint8]
    width: int
    height: int
    note: str
    by_ganlib: bool


class CropPosition(NamedTuple):
    """Where a crop lies, `across` and `down` from 0 to 1 of the room there is, and how far it zooms in."""

    across: float = 0.5
    down: float = 0.5
    zoom: float = 1.0

    def cut(self, picture: Image.Image, size: Size) -> Image.Image:
        """Cut out the largest piece of the shape of `size`, or a smaller one by the zoom, and resize it."""
        if self.zoom > 1:
            sides = [max(1, round(side / self.zoom)) for side in picture.size]
            rooms = zip(picture.size, sides, self[:2], strict=True)
            left, top = (round((whole - side) * share) for whole, side, share in rooms)
            picture = picture.crop((left, top, left + sides[0], top + sides[1]))
        return ImageOps.fit(picture, _on_paper(size), Image.Resampling.LANCZOS, centering=self[:2])


MIDDLE = CropPosition()


def decode(
    file: BinaryIO | Path,
    size: AnySize,
    crop: str = "centre",
    *,
    enlarge: bool = False,
    claim: Callable[[int], object] = lambda _: None,
    place: CropPosition = MIDDLE,
) -> Picture:
    """Open `file` and fit it to a `size` in pixels by one of `CROPS`; the crop "centre" may lie elsewhere.

    `claim` is called with the bytes that this takes at most, before it takes them.

    Raises:
        RefusedError: it is not a picture, damaged, has over 100 million pixels, needs too much memory, or is
            smaller than `size` and not to be enlarged.
    """
    size = Size.of(size)
    enough = max(size) * (_MOST_TILES_ALONG_THE_SHORT_SIDE if crop == "tiles" else math.ceil(place.zoom))
    with refusals(file), open_picture(file, enough) as picture:
        turned = picture.size, picture.size[::-1]  # which of them it is, its EXIF tells when it is decoded
        if not (enlarge or any(_is_large_enough(one, size, crop) for one in turned)):
            raise RefusedError(f"smaller than {size} px", picture.size)
        claim(memory_needed(picture, enough) + max(_memory_of_cut(one, size, crop) for one in turned))
        picture.draft("RGB", (enough, enough))  # a JPEG is decoded at a reduced scale
        decoded = picture.size
        plain, is_short = _plain_and_upright(picture, file)
        if not (enlarge or _is_large_enough(turned[plain.size != decoded], size, crop)):
            raise RefusedError(f"smaller than {size} px", turned[0])
        profile = picture.info.get("icc_profile")
        images = [np.asarray(_srgb(square, profile)) for square in _cut(plain, size, crop, place)]
        overview = images[0] if len(images) == 1 else np.asarray(plain.resize(_on_paper(size)).convert("RGB"))
        notes = filter(None, (_tone(overview), "without its last bytes" if is_short else ""))
        return Picture(images, overview, *turned[0], ", ".join(notes), is_by_ganlib(picture))


def _is_large_enough(picture: tuple[int, int], size: Size, crop: str) -> bool:
    return (max if crop == "pad" else min)(_times(picture, size)) >= 1


def _memory_of_cut(picture: tuple[int, int], size: Size, crop: str) -> int:
    """The bytes of a picture when resized, and once more of what is cut out of it."""
    times = _times(picture, size)
    tiles = math.prod(times) / min(times) ** 2 * _tiles_along(times) ** 2 if crop == "tiles" else 1
    return round(8 * math.prod(size) * tiles)


def _times(picture: tuple[int, int], size: Size) -> tuple[float, float]:
    """How many times as wide and as high as `size` a picture is."""
    return picture[0] / size.width, picture[1] / size.height


def _plain_and_upright(picture: ImageFile.ImageFile, file: BinaryIO | Path) -> tuple[Image.Image, bool]:
    """Decode an open picture; says, too, whether it is a JPEG that is kept though it is short."""
    is_deep, is_short = has_deep_colour(picture), _end_where_short(picture)
    if picture.format in _MOVING and getattr(picture, "is_animated", False):
        _go_to_content(picture)
    picture.load()
    if is_short and _lacks_much(picture):
        raise RefusedError(TRUNCATED)
    if is_deep:
        _stretch_colours(picture, file)
    with suppress(Exception):  # broken EXIF says nothing about the picture
        ImageOps.exif_transpose(picture, in_place=True)
    return _plain(picture), bool(is_short)


def _go_to_content(picture: ImageFile.ImageFile) -> None:
    """Seek the first frame of an animation in which there is something to see, or else the first of all."""
    size = picture.size
    with suppress(EOFError):
        for frame in range(_MOST_FRAMES):
            picture.seek(frame)
            if picture.size != size:
                raise RefusedError("damaged: its frames differ in size")
            if not _tone(np.asarray(_plain(picture).resize((64, 64), Image.Resampling.BOX))):
                return
    picture.seek(0)


def _end_where_short(picture: ImageFile.ImageFile) -> list[bool]:
    """Let a JPEG of one scan be decoded as far as it goes; the list is filled if its end is missing."""
    is_short: list[bool] = []
    file: Any = picture.fp

    def read(count: int) -> bytes:
        piece: bytes = file.read(count)
        if piece or is_short:
            return piece
        is_short.append(True)
        return _END_OF_JPEG

    if picture.info.get("scans") == 1 and not picture.info.get("progressive"):
        picture.load_read = read  # type: ignore[attr-defined]
    return is_short


def _lacks_much(picture: Image.Image) -> bool:
    """Whether more than a hundredth of a short JPEG was not decoded: libjpeg leaves its end grey."""
    width, height = picture.size
    tenth = np.asarray(picture.crop((0, height - math.ceil(height / 10), width, height)))
    grey = (tenth - _UNDECODED <= 1).reshape(tenth.shape[0], width, -1).all(2)
    return bool(grey.mean() > 0.1)  # noqa: PLR2004 (a tenth of a tenth)


def _stretch_colours(picture: ImageFile.ImageFile, file: BinaryIO | Path) -> None:
    """Use all that colours of 10, 12 or 14 bits in 16 hold: the upper eight, decoded, are almost black."""
    extrema: Any = picture.getextrema()  # the lowest and the highest value of each band
    largest = 256 * max(high for _, high in extrema) + 255
    white = _white_of(picture, largest)
    if not _BYTE < largest <= white < _WORD:
        return
    with open_picture(file) as lower:
        lower.tile = [_of_lower_bytes(tile) for tile in lower.tile]
        lower.load()
        for (top, band), (_, rest) in zip(_bands(picture), _bands(lower), strict=True):
            values = np.asarray(band) * np.float32(256) + np.asarray(rest)
            picture.paste(Image.fromarray(_scaled(values, white)), (0, top))


def _of_lower_bytes(tile: Any) -> Any:
    """What has a decoder take the second byte of two for the first."""
    mode, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args
    other = "RGB;16L" if mode == "RGB;16B" else "RGB;16B"
    return tile._replace(args=(other, *rest) if rest else other)


def _scaled(values: NDArray[np.float32], white: float) -> NDArray[np.uint8]:
    return (values * (255 / white)).round().clip(0, 255).astype(np.uint8)


def _cut(picture: Image.Image, size: Size, crop: str, place: CropPosition) -> Iterable[Image.Image]:
    match crop:
        case "tiles":
            return _tiles(picture, size)
        case "stretch":
            return [picture.resize(_on_paper(size), Image.Resampling.LANCZOS)]
        case "pad":
            return [_padded(picture, size)]
    return [place.cut(picture, size)]


def _on_paper(size: Size) -> tuple[int, int]:
    """A size as Pillow has it, the width first."""
    return size.width, size.height


def _padded(picture: Image.Image, size: Size) -> Image.Image:
    scale = 1 / max(_times(picture.size, size))
    inner = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    colour = (0, 0, 0, 0) if picture.mode == "CMYK" else "white"
    return ImageOps.pad(inner, _on_paper(size), color=colour)


def _tiles(picture: Image.Image, size: Size) -> Iterator[Image.Image]:
    """Tiles side by side from the middle out; a large picture is reduced to four along its short side."""
    times = _times(picture.size, size)
    scale = _tiles_along(times) / min(times)
    width, height = (round(side * scale) for side in picture.size)
    scaled = picture.resize((width, height), Image.Resampling.LANCZOS)
    rows = range(height % size.height // 2, height - size.height + 1, size.height)
    columns = range(width % size.width // 2, width - size.width + 1, size.width)
    return (scaled.crop((x, y, x + size.width, y + size.height)) for y in rows for x in columns)


def _tiles_along(times: tuple[float, float]) -> int:
    return min(int(min(times)), _MOST_TILES_ALONG_THE_SHORT_SIDE)


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
    """Sixteen bits, or numbers, as grey: 0 to 1, or as many bits as the largest value shows."""
    white = _white_of(picture, max(float(np.max(_numbers(band))) for _, band in _bands(picture)))
    # Where 0 is white in a TIFF, Pillow sees to that in eight bits, not in more.
    inverted = getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == 0

    def convert(band: Image.Image) -> Image.Image:
        values = white - _numbers(band) if inverted else _numbers(band)
        return Image.fromarray(_scaled(values, white))

    return convert


def _numbers(picture: Image.Image) -> NDArray[np.float32]:
    return np.nan_to_num(np.asarray(picture, dtype=np.float32), posinf=0, neginf=0)


def _white_of(picture: Image.Image, largest: float) -> float:
    """The value that means white where `largest` is the largest there is, and a TIFF may say more."""
    if picture.mode == "F" and largest <= 1:
        return 1
    if picture.mode.startswith("I;16") and largest <= _BYTE:
        return _WORD
    tags = getattr(picture, "tag_v2", {})
    said = [2**bits - 1 for bits in tags.get(_BITS, ()) if 2**bits <= _WORD]
    largest = max(largest, *said, *np.atleast_1d(tags.get(_LARGEST_VALUE, 0)))
    return next((white for white in _WHITES if white >= largest), largest)


def _srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A plain picture in sRGB by its ICC `profile`, where that is sound and made for its mode."""
    is_sound = profile and len(profile) <= _LARGEST_PROFILE
    transform = _transform(profile, picture.mode) if profile and is_sound else None
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


def _tone(image: NDArray[np.uint8]) -> str:
    """What there is to say of a picture (H, W, 3) in which there is hardly anything to see."""
    mean, spread = image.mean(), 2 * image.std()
    if mean + spread < _DARK:
        return "nearly black"
    if mean - spread > _BRIGHT:
        return "nearly white"
    return "of one colour" if image.std((0, 1)).max() < _ONE_COLOUR else ""

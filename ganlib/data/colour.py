"""From every colour mode that Pillow knows to sRGB on white."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

_RESIZABLE = frozenset({"RGB", "L", "CMYK"})
_GREY = frozenset({"1", "L", "LA"})
_ROUNDING = 2
_PHOTOMETRIC = 262  # a tag of TIFF


def to_plain(picture: Image.Image) -> Image.Image:
    """`picture` in RGB, L or CMYK: transparency on white, sixteen bits as eight; its profile still holds."""
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        return _on_white(picture)
    if picture.mode in _RESIZABLE:
        return picture
    return picture.convert("L" if picture.mode in _GREY else "RGB")


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """A plain picture in sRGB, by its ICC `profile` where that is there, sound and made for its mode."""
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

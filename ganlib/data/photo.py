"""One picture of a person's own, of any format and size, as a generator would paint it."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.data.decode import CROPS, RefusedError, decode
from ganlib.data.imageset import to_float
from ganlib.errors import GanlibError

PHOTO_CROPS = ("centre", "pad", "stretch")


def read_photo(file: BinaryIO | Path, size: int, crop: str = "centre") -> Tensor:
    """The picture in `file`, (3, size, size) in [-1, 1]: upright, on white, in sRGB, cropped to a square.

    A larger one is reduced, a smaller one enlarged. `crop` is "centre", "pad" (white borders) or "stretch".

    Raises:
        GanlibError: it is no picture, damaged, or has over 100 million pixels; or there is no such crop.
    """
    if crop not in PHOTO_CROPS:
        raise GanlibError(f"There is no crop '{crop}': choose one of {', '.join(PHOTO_CROPS)}.")
    name = f"'{file}'" if isinstance(file, Path) else "This file"
    try:
        image = _fitted(file, size, crop)
    except RefusedError as error:
        raise GanlibError(f"{name} is no picture to work with ({error}): choose another.") from error
    return to_float(torch.from_numpy(image.copy())[None])[0]


def _fitted(file: BinaryIO | Path, size: int, crop: str) -> NDArray[np.uint8]:
    try:
        return decode(file, size, crop).images[0]
    except RefusedError as error:
        side = _side_if_small(error, size, crop)
        if side is None:
            raise
    small = Image.fromarray(decode(file, side, crop).images[0])
    return np.asarray(small.resize((size, size), Image.Resampling.LANCZOS))


def _side_if_small(error: RefusedError, size: int, crop: str) -> int | None:
    """The side of a picture that was refused because it is smaller than `size`."""
    width, height = error.size
    if width is None or height is None:
        return None
    side = CROPS[crop].side(width, height)
    return side if 0 < side < size else None

"""Which pictures are nearly the same: found by a perceptual hash, made sure of by their colours.

The hash is that of Zauner 2010 (pHash) but for one thing: a wave counts from a tenth of the spread of all
waves on, not from their median. Flat and symmetric drawings have many waves of about zero, whose bits the
median would leave to chance.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 32
_KEPT = 8  # an 8x8 corner of the cosine transform: 64 bits
_FREQUENCIES = np.arange(_KEPT)[:, None]
_COSINES = np.cos(np.pi * _FREQUENCIES * (np.arange(_SIDE) + 0.5) / _SIDE).astype(np.float32)
_SPREAD = 0.1
COLOURS = 16
_MOST_BITS = 4
_MOST_LEVELS = 12
_MOST_LEVELS_ANYWHERE = 40
_MOST_COMPARED = 256  # keeps a folder of pictures of one shape from taking hours


class Look(NamedTuple):
    """What a picture looks like from afar: 64 bits of its shapes, and (16, 16, 3) bytes of its colours."""

    shapes: np.uint64
    colours: NDArray[np.uint8]


def look_at(image: NDArray[np.uint8]) -> Look:
    """Compute the look of one image, (H, W, 3) uint8."""
    picture = Image.fromarray(image)
    grey = np.asarray(picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX), dtype=np.float32)
    waves = (_COSINES @ grey @ _COSINES.T).ravel()  # (64,), the slowest first
    waves[0] = 0  # brightness is no shape
    bits = waves > _SPREAD * waves.std()
    colours = picture.resize((COLOURS, COLOURS), Image.Resampling.BOX)
    return Look(np.packbits(bits).view(np.uint64)[0], np.asarray(colours))


def near_duplicates(shapes: NDArray[np.uint64], colours: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Find for each of N pictures, of looks (N,) and (N, 16, 16, 3), the first alike before it, or -1."""
    looks = enumerate(map(Look, shapes, colours))
    return np.array([first_alike(look, shapes[:count], colours[:count]) for count, look in looks])


def first_alike(look: Look, shapes: NDArray[np.uint64], colours: NDArray[np.uint8]) -> int:
    """Find the first of N pictures that looks nearly the same as `look`, or -1.

    Nearly the same: `shapes` (N,) differ in at most 4 of 64 bits, and `colours` (N, 16, 16, 3) by at most
    12 levels of 255 in the mean and 40 anywhere.
    """
    near = np.flatnonzero(np.bitwise_count(shapes ^ look.shapes) <= _MOST_BITS)[:_MOST_COMPARED]
    levels = np.maximum(colours[near], look.colours) - np.minimum(colours[near], look.colours)
    mean, most = levels.mean((1, 2, 3)), levels.max((1, 2, 3))
    alike = near[(mean <= _MOST_LEVELS) & (most <= _MOST_LEVELS_ANYWHERE)]
    return int(alike[0]) if len(alike) else -1

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
    """Find for each of N pictures the first earlier one that looks nearly the same, or -1.

    Nearly the same: `shapes` (N,) differ in at most 4 of 64 bits, and `colours` (N, 16, 16, 3) by at most
    12 levels of 255 in the mean and 40 anywhere.
    """
    first = np.full(len(shapes), -1, dtype=np.int64)
    for later in range(1, len(shapes)):
        near = np.flatnonzero(np.bitwise_count(shapes[:later] ^ shapes[later]) <= _MOST_BITS)[:_MOST_COMPARED]
        alike = near[_alike(colours[near], colours[later])]
        first[later] = alike[0] if len(alike) else -1
    return first


def _alike(some: NDArray[np.uint8], one: NDArray[np.uint8]) -> NDArray[np.bool_]:
    levels = np.maximum(some, one) - np.minimum(some, one)
    return (levels.mean((1, 2, 3)) <= _MOST_LEVELS) & (levels.max((1, 2, 3)) <= _MOST_LEVELS_ANYWHERE)

"""Which pictures are nearly the same: found by a perceptual hash, made sure of by their colours.

The hash is that of Zauner 2010 (pHash) but for one thing: a wave counts from a tenth of the spread of all
waves on, not from their median. Flat and symmetric drawings have many waves of about zero, whose bits the
median would leave to chance.
"""

from collections.abc import Iterator
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
_BANDS = (0, 13, 26, 39, 52)  # two hashes that differ in at most four bits are equal in one of five bands
_BAND = np.uint64(2**13 - 1)
_MOST_LEVELS = 12
_MOST_LEVELS_ANYWHERE = 40
_PAIRS_AT_ONCE = 4096
_MOST_NEIGHBOURS = 1024  # keeps a folder of equal pictures from taking hours


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
    count = len(shapes)
    first = np.full(count, count, dtype=np.int64)
    for later, earlier in _neighbours(shapes):
        near = np.flatnonzero(np.bitwise_count(shapes[later] ^ shapes[earlier]) <= _MOST_BITS)
        for some in np.array_split(near, len(near) // _PAIRS_AT_ONCE + 1):
            alike = some[_alike(colours[later[some]], colours[earlier[some]])]
            np.minimum.at(first, later[alike], earlier[alike])
    return np.where(first < count, first, -1)


def _alike(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    levels = np.maximum(one, other) - np.minimum(one, other)
    return (levels.mean((1, 2, 3)) <= _MOST_LEVELS) & (levels.max((1, 2, 3)) <= _MOST_LEVELS_ANYWHERE)


def _neighbours(shapes: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs (later, earlier) of indices whose hashes are equal in a band."""
    for shift in _BANDS:
        band = (shapes >> np.uint64(shift)) & _BAND
        order = np.argsort(band, kind="stable")
        band = band[order]
        place = np.arange(len(band))
        for back in range(1, _MOST_NEIGHBOURS + 1):
            place = place[place >= back]
            place = place[band[place] == band[place - back]]
            if not len(place):
                break
            yield order[place], order[place - back]

"""`load_art`: any source of pictures as one set, prepared once."""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.assets import bundled_folder
from ganlib.data.imageset import ImageSet
from ganlib.data.manifest import Settings
from ganlib.data.prepare import is_prepared, prepare
from ganlib.data.sources import PATCHWORK, PORTRAITS, find_pictures
from ganlib.errors import GanlibError
from ganlib.files import expand_home
from ganlib.sizes import check_size

_PATCHWORK_SIZE = 512


def load_art(
    source: str | Path, size: int | None = None, *, crop: str = "centre", via: str | None = None
) -> ImageSet:
    """Load pictures from wherever they are, and prepare them once.

    `source` is "portraits" or "patchwork" (both bundled), a folder, a zip or tar file, a prepared set, or a
    Kaggle data set: "owner/name" or its address. `via="huggingface"` takes `source` as a data set of that
    hub, `via="opendatasets"` as an address which that package fetches. `size` is in pixels, a power of two
    from 32 to 512: 64 unless told, 512 for "patchwork". `crop` is "centre", "pad", "stretch" or "tiles".

    Raises:
        GanlibError: there is no such source, it holds too few pictures, or `size` does not fit.
    """
    if size is not None:
        check_size(size)
    if via is None and source == PORTRAITS:
        return _portraits(size)
    folder = expand_home(source)
    if via is None and is_prepared(folder):
        return _already_prepared(folder, size)
    pictures = find_pictures(source, via)
    usual = _PATCHWORK_SIZE if source == PATCHWORK else Settings.size
    return ImageSet.open(prepare(pictures, Settings(size or usual, crop)), pictures.name)


def _already_prepared(folder: Path, size: int | None) -> ImageSet:
    art = ImageSet.open(folder)
    if size not in {None, art.size}:
        raise GanlibError(
            f"The pictures in '{folder}' were prepared with {art.size} px, not {size}: "
            f"prepare them again with a size of {size}."
        )
    return art


def _portraits(size: int | None) -> ImageSet:
    atlas = bundled_folder() / "portraits.webp"
    facts = json.loads(atlas.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(atlas.read_bytes()).hexdigest() != facts["sha256"]:
        raise GanlibError(f"'{atlas}' is damaged: its SHA-256 is not the one it should have. Fetch it again.")
    tiles = _tiles(np.asarray(Image.open(atlas).convert("RGB")), facts["tile"])[: facts["count"]]
    return ImageSet(tiles if size in {None, facts["tile"]} else _resized(tiles, size), PORTRAITS)


def _tiles(atlas: NDArray[np.uint8], tile: int) -> NDArray[np.uint8]:
    """Cut an atlas (rows*tile, columns*tile, 3) into tiles (rows*columns, tile, tile, 3), row by row."""
    rows, columns = atlas.shape[0] // tile, atlas.shape[1] // tile
    grid = atlas.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(-1, tile, tile, 3)


def _resized(tiles: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    pictures = (Image.fromarray(tile).resize((size, size), Image.Resampling.LANCZOS) for tile in tiles)
    return np.stack([np.asarray(picture) for picture in pictures])

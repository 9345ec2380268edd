"""Where pictures come from: bundled art or a folder."""

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.assets import bundled_folder
from ganlib.data.imageset import ImageSet
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from ganlib.files import expand_home
from ganlib.nets.dcgan import check_size

PORTRAITS = "portraits"
PATCHWORK = "patchwork"


def load_art(source: str | Path, size: int | None = None) -> ImageSet:
    """Load "portraits" (64 px unless told), "patchwork" (512 px unless told), or a folder of pictures.

    `size` is in pixels, a power of two from 32 to 512; a folder's pictures are 64 px unless told.

    Raises:
        GanlibError: there is no such source, it holds no pictures, or `size` does not fit.
    """
    if size is not None:
        check_size(size)
    if source == PORTRAITS:
        return _portraits(size)
    if source == PATCHWORK:
        return ImageSet(prepare(bundled_folder() / PATCHWORK, size or 512).images, PATCHWORK)
    folder = expand_home(source)
    if not folder.is_dir():
        raise GanlibError(
            f"There is no art '{source}': name a folder of pictures, '{PORTRAITS}' or '{PATCHWORK}'."
        )
    return prepare(folder, size or 64)


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

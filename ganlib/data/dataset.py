"""Pictures of one size as bytes, from any source, with a part held out by a fixed rule."""

import hashlib
import json
import zlib
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.data.decode import CROPS, RefusedError, decode
from ganlib.data.manifest import Manifest, Settings, manifest_file, read_manifest
from ganlib.data.prepare import content_hash, images_file, is_prepared, prepare
from ganlib.data.readers import FolderPictures, Pictures, open_archive
from ganlib.errors import GanlibError
from ganlib.nets.base import check_size
from ganlib.runtime.files import bundled_folder, expand_home

_HELD_OUT_OF_20 = 3  # three in twenty: 15 %


class ImageDataset:
    """Pictures as bytes, (N, size, size, 3) RGB, in memory or mapped from disk.

    Picture i is held out, never trained on, if the CRC-32 of its bytes modulo 20 is below 3. The rule
    looks at nothing else, so it stays true when pictures are added, and a double never sits on both sides.
    """

    def __init__(self, images: NDArray[np.uint8], name: str, folder: Path | None = None) -> None:
        """`images` is (N, size, size, 3) uint8; `name` is what messages call the set; `folder` holds it."""
        self.images = images
        self.name = name
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, name: str | None = None) -> "ImageDataset":
        """Open a prepared set, mapped from disk: a moment's work at any size.

        Raises:
            GanlibError: it is missing or damaged.
        """
        try:
            manifest_file(folder).stat()
            return cls(np.load(images_file(folder), mmap_mode="r"), name or folder.name, folder)
        except (OSError, ValueError) as error:
            raise GanlibError(f"The prepared set '{folder}' is damaged: remove it ({error}).") from error

    def __len__(self) -> int:
        """How many pictures there are, held-out ones among them."""
        return len(self.images)

    def __repr__(self) -> str:
        """One line: name, count, size, split."""
        return (
            f"ImageDataset '{self.name}': {len(self)} pictures of {self.size} px, "
            f"{len(self.train)} to train on, {len(self.held_out)} held out"
        )

    @property
    def size(self) -> int:
        """Height and width of every picture in pixels."""
        return self.images.shape[1]

    @cached_property
    def manifest(self) -> Manifest | None:
        """What became of every file, if the set was prepared from files."""
        return read_manifest(self.folder) if self.folder else None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the SHA-256 of each picture."""
        if self.manifest:
            return self.manifest.content_hash
        return content_hash(
            hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in self.images
        )

    @cached_property
    def _is_held_out(self) -> NDArray[np.bool_]:
        checks = (zlib.crc32(np.ascontiguousarray(image).data) % 20 for image in self.images)
        return np.fromiter((check < _HELD_OUT_OF_20 for check in checks), dtype=bool, count=len(self))

    @property
    def train(self) -> NDArray[np.int64]:
        """Indices of the pictures to train on."""
        return np.flatnonzero(~self._is_held_out)

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Indices of the pictures never trained on."""
        return np.flatnonzero(self._is_held_out)

    def tensor(self, indices: NDArray[np.int64] | slice = slice(None)) -> Tensor:
        """Pictures as floats, (N, 3, size, size) in [-1, 1]."""
        chosen = np.array(self.images[indices])  # a copy, because a mapped file is read-only
        return to_float(torch.from_numpy(chosen))


def to_float(pictures: Tensor) -> Tensor:
    """Bytes (N, H, W, 3) as floats (N, 3, H, W) in [-1, 1], channels last in memory."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Floats (N, 3, H, W) in [-1, 1] as bytes (N, H, W, 3), rounded."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


PORTRAITS = "portraits"
PATCHWORK = "patchwork"
_WAYS = ("opendatasets", "huggingface")


def find_pictures(source: str | Path, via: str | None = None) -> Pictures:
    """The files of `source`, fetched if they are not on this machine; what it may be stands at `load_art`.

    Raises:
        GanlibError: there is no such source, or it cannot be fetched.
    """
    if via is not None:
        return _fetched(str(source), via)
    if source == PATCHWORK:
        return FolderPictures(bundled_folder() / PATCHWORK)
    if source == PORTRAITS:
        raise GanlibError(f"'{PORTRAITS}' are prepared already: train on them by that name.")
    place = expand_home(source)
    return _local(place) if place.exists() else _from_kaggle(str(source))


def _local(place: Path, name: str | None = None) -> Pictures:
    pictures = FolderPictures(place) if place.is_dir() else open_archive(place)
    if name:
        pictures.name = name
    return pictures


def _from_kaggle(source: str) -> Pictures:
    from ganlib.data.online import kaggle
    from ganlib.data.online.handle import parse_handle

    handle = parse_handle(source)
    if handle is None:
        raise GanlibError(
            f"There is no art '{source}': name a folder of pictures, a zip or tar file, a data set on Kaggle "
            f"('owner/name' or its address), '{PORTRAITS}' or '{PATCHWORK}'."
        )
    return _local(kaggle.downloaded(handle) or kaggle.fetch(handle), handle.name)


def _fetched(source: str, via: str) -> Pictures:
    if via == "huggingface":
        from ganlib.data.online.huggingface import HuggingFacePictures

        return HuggingFacePictures(source)
    if via == "opendatasets":
        from ganlib.data.online import open_datasets

        return _local(open_datasets.fetch(source))
    raise GanlibError(f"There is no way '{via}' to fetch pictures: choose one of {', '.join(_WAYS)}.")


_PATCHWORK_SIZE = 512


def load_art(
    source: str | Path, size: int | None = None, *, crop: str = "centre", via: str | None = None
) -> ImageDataset:
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
    return ImageDataset.open(prepare(pictures, Settings(size or usual, crop)), pictures.name)


def _already_prepared(folder: Path, size: int | None) -> ImageDataset:
    art = ImageDataset.open(folder)
    if size not in {None, art.size}:
        raise GanlibError(
            f"The pictures in '{folder}' were prepared with {art.size} px, not {size}: "
            f"prepare them again with a size of {size}."
        )
    return art


def _portraits(size: int | None) -> ImageDataset:
    atlas = bundled_folder() / "portraits.webp"
    facts = json.loads(atlas.with_suffix(".json").read_text(encoding="utf-8"))
    if hashlib.sha256(atlas.read_bytes()).hexdigest() != facts["sha256"]:
        raise GanlibError(f"'{atlas}' is damaged: its SHA-256 is not the one it should have. Fetch it again.")
    tiles = _tiles(np.asarray(Image.open(atlas).convert("RGB")), facts["tile"])[: facts["count"]]
    return ImageDataset(tiles if size in {None, facts["tile"]} else _resized(tiles, size), PORTRAITS)


def _tiles(atlas: NDArray[np.uint8], tile: int) -> NDArray[np.uint8]:
    """Cut an atlas (rows*tile, columns*tile, 3) into tiles (rows*columns, tile, tile, 3), row by row."""
    rows, columns = atlas.shape[0] // tile, atlas.shape[1] // tile
    grid = atlas.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(-1, tile, tile, 3)


def _resized(tiles: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    pictures = (Image.fromarray(tile).resize((size, size), Image.Resampling.LANCZOS) for tile in tiles)
    return np.stack([np.asarray(picture) for picture in pictures])


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

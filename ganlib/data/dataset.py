"""Pictures of one size as bytes, from any source, with a part held out by a fixed rule."""

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence, Sized
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from ganlib.data.decode import MIDDLE, CropPosition, decode
from ganlib.data.manifest import Manifest, Settings
from ganlib.data.opening import RefusedError, open_picture
from ganlib.data.prepare import content_hash, is_prepared, open_images, prepare, read_prepared
from ganlib.data.sources import PATCHWORK, PORTRAITS, find_pictures
from ganlib.errors import GanlibError
from ganlib.runtime.files import bundled_folder, expand_home
from ganlib.runtime.progress import progress
from ganlib.sizes import AnySize, Size, as_size

PHOTO_CROPS = ("centre", "pad", "stretch")
_HELD_OUT_OF_20 = 3  # three in twenty: 15 %
_PATCHWORK_SIZE = 512
_MOST = 1.01  # what a resized picture may overshoot


class ImageDataset(Dataset[Tensor]):
    """Pictures as bytes, (N, H, W, 3) RGB, in memory or mapped from disk; a PyTorch Dataset of tensors.

    `art[i]` is picture i, (3, H, W) in [-1, 1], changed by `transform` if there is one. Picture i is
    held out, never trained on, if the CRC-32 of its bytes modulo 20 is below 3. The rule looks at nothing
    else, so it stays true when pictures are added, and a double never sits on both sides.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        name: str,
        folder: Path | None = None,
        transform: Callable[[Tensor], Any] | None = None,
        labels: NDArray[np.int64] | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Keep `images`, (N, H, W, 3) uint8; `name` is what messages call them; `folder` holds them.

        `labels`, (N,), are places in `classes`, the names of kinds of pictures: unless given, those of the
        sub-folders that the files came from.
        """
        self.images = images
        self.name = name
        self.folder = folder
        self.transform = transform
        if labels is not None:
            self.labels, self.classes = labels, tuple(classes)

    @classmethod
    def open(cls, folder: Path, name: str | None = None) -> "ImageDataset":
        """Open a prepared set, mapped from disk: a moment's work at any size.

        Raises:
            GanlibError: it is missing or damaged.
        """
        if not is_prepared(folder):
            raise GanlibError(f"The prepared set '{folder}' is damaged, a file of it is missing: remove it.")
        return cls(open_images(folder), name or folder.name, folder)

    def __len__(self) -> int:
        """Count the pictures, held-out ones among them."""
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        """Return one picture, (3, H, W) in [-1, 1], or what `transform` makes of it."""
        picture = to_float(torch.from_numpy(np.array(self.images[index])[None]))[0]
        return self.transform(picture) if self.transform else picture

    def __repr__(self) -> str:
        """Say name, count, size and split in one line."""
        return (
            f"ImageDataset '{self.name}': {len(self)} pictures of {self.size} px, "
            f"{len(self.train)} to train on, {len(self.held_out)} held out"
        )

    @property
    def shape(self) -> Size:
        """Height and width of every picture in pixels."""
        return Size(*self.images.shape[1:3])

    @property
    def size(self) -> int | str:
        """Side of every picture in pixels, or "64x96", width x height, where they are not square."""
        return self.shape.to_json()

    @cached_property
    def manifest(self) -> Manifest | None:
        """What became of every file, if the set was prepared from files."""
        return read_prepared(self.folder)[1] if self.folder else None

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of two or more kinds of pictures, which every picture has one of; or else nothing."""
        names = tuple(self.manifest.folders()) if self.manifest else ()
        return names if len(names) > 1 and "" not in names else ()

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        """The class of every picture, (N,), as its place in `classes`."""
        if not self.classes or self.manifest is None:
            return None
        used = ((self.manifest.folder_of(entry), entry.count) for entry in self.manifest.used())
        return np.repeat(*np.array([(self.classes.index(name), count) for name, count in used], np.int64).T)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over the SHA-256 of each picture."""
        if self.manifest:
            return self.manifest.content_hash
        images = map(np.ascontiguousarray, self.images)
        return content_hash(hashlib.sha256(image.data).digest() for image in images)

    @property
    def train(self) -> NDArray[np.int64]:
        """Indices of the pictures to train on."""
        return np.flatnonzero(~self._is_held_out)

    @property
    def held_out(self) -> NDArray[np.int64]:
        """Indices of the pictures never trained on."""
        return np.flatnonzero(self._is_held_out)

    def tensor(self, indices: NDArray[np.int64] | slice = slice(None)) -> Tensor:
        """Return pictures as floats, (N, 3, H, W) in [-1, 1]."""
        chosen = np.array(self.images[indices])  # a copy, because a mapped file is read-only
        return to_float(torch.from_numpy(chosen))

    @property
    def _is_held_out(self) -> NDArray[np.bool_]:
        return self.checksums[:, 1] % 20 < _HELD_OUT_OF_20

    @cached_property
    def checksums(self) -> NDArray[np.int64]:
        """The CRC-32 of every picture's name, or place where it has none, and of its bytes, (N, 2)."""
        used = self.manifest.used() if self.manifest else ()
        names = [f"{entry.path}\0{n}" for entry in used for n in range(entry.count)] or range(len(self))
        pairs = zip(names, map(np.ascontiguousarray, self.images), strict=True)
        sums = [(zlib.crc32(str(name).encode()), zlib.crc32(image.data)) for name, image in pairs]
        return np.array(sums, np.int64).reshape(-1, 2)


def load_art(
    source: str | Path,
    size: AnySize | None = None,
    *,
    crop: str = "centre",
    via: str | None = None,
    transform: Callable[[Tensor], Any] | None = None,
) -> ImageDataset:
    """Load pictures from wherever they are, and prepare them once.

    `source` is "portraits" or "patchwork" (both bundled), a folder, a zip or tar file, a prepared set, or a
    Kaggle data set: "owner/name" or its address. `via="huggingface"` takes `source` as a data set of that
    hub, `via="opendatasets"` as an address which that package fetches, `via="kaggle"` has Kaggle's official
    client fetch a Kaggle data set. `size` is in pixels, a number or "64x96", width x height: 64 unless told,
    512 for "patchwork". `crop` is "centre", "pad", "stretch" or "tiles". `transform` is applied to `art[i]`,
    as in any PyTorch Dataset; a `Trainer` takes the pictures as they are.

    Raises:
        GanlibError: there is no such source, it holds too few pictures, or `size` does not fit.
    """
    size = None if size is None else as_size(size)
    folder = expand_home(source)
    if via is None and source == PORTRAITS:
        art = _portraits(size)
    elif via is None and is_prepared(folder):
        art = ImageDataset.open(folder)
        if size not in {None, art.shape}:
            raise GanlibError(
                f"The pictures in '{folder}' were prepared with {art.size} px, not {size}: "
                f"prepare them again with a size of {size}."
            )
    else:
        pictures = find_pictures(source, via)
        usual = _PATCHWORK_SIZE if source == PATCHWORK else Settings.size
        art = ImageDataset.open(
            prepare(pictures, Settings((size or Size.of(usual)).to_json(), crop)), pictures.name
        )
    art.transform = transform
    return art


def read_photo(
    file: BinaryIO | Path, size: AnySize, crop: str = "centre", *, place: CropPosition = MIDDLE
) -> Tensor:
    """Read the picture in `file`, (3, H, W) in [-1, 1]: upright, on white, in sRGB, and cropped.

    A larger one is reduced, a smaller one enlarged. `crop` is "centre", which `place` may move and zoom,
    "pad" (white borders) or "stretch".

    Raises:
        GanlibError: it is no picture, damaged, or has over 100 million pixels; or there is no such crop.
    """
    if crop not in PHOTO_CROPS:
        raise GanlibError(f"There is no crop '{crop}': choose one of {', '.join(PHOTO_CROPS)}.")
    try:
        image = decode(file, size, crop, enlarge=True, place=place).images[0]
    except RefusedError as error:
        name = f"'{file}'" if isinstance(file, Path) else "This file"
        raise GanlibError(f"{name} is no picture to work with ({error}): choose another.") from error
    return to_float(torch.from_numpy(image.copy())[None])[0]


def as_image_dataset(data: str | Path | ImageDataset | Dataset[Any], size: AnySize) -> ImageDataset:
    """Bring whatever a `Trainer` takes to pictures of `size` px: a name, a folder, or any Dataset.

    Raises:
        GanlibError: there is no such source, or its pictures do not fit.
    """
    if isinstance(data, str | Path):
        return load_art(data, size)
    art = data if isinstance(data, ImageDataset) else _from_dataset(data)
    if art.shape != as_size(size):
        raise GanlibError(
            f"The recipe wants pictures of {size} px, and '{art.name}' has {art.size} px: load or resize "
            f"them to {size}."
        )
    return art


def to_float(pictures: Tensor) -> Tensor:
    """Turn bytes (N, H, W, 3) into floats (N, 3, H, W) in [-1, 1], channels last in memory."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_bytes(images: Tensor) -> Tensor:
    """Round floats (N, 3, H, W) in [-1, 1] to bytes (N, H, W, 3)."""
    return images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _portraits(size: Size | None) -> ImageDataset:
    atlas = bundled_folder() / "portraits.webp"
    facts = json.loads(atlas.with_suffix(".json").read_text(encoding="utf-8"))
    with open_picture(atlas) as picture:
        pixels, side = np.asarray(picture.convert("RGB")), facts["tile"]  # (rows*side, columns*side, 3)
    grid = pixels.reshape(len(pixels) // side, side, -1, side, 3).swapaxes(1, 2)
    tiles = np.ascontiguousarray(grid).reshape(-1, side, side, 3)[: facts["count"]]  # row by row
    if size not in {None, Size(*tiles.shape[1:3])}:
        wide = size.width, size.height
        resized = (ImageOps.fit(Image.fromarray(tile), wide, Image.Resampling.LANCZOS) for tile in tiles)
        tiles = np.stack([np.asarray(picture) for picture in resized])
    return ImageDataset(tiles, PORTRAITS)


def _from_dataset(data: Dataset[Any]) -> ImageDataset:
    """Take every picture of a Dataset once, as bytes in memory; of (picture, label) the picture."""
    name = type(data).__name__
    if not isinstance(data, Sized) or not len(data):
        raise GanlibError(
            f"'{name}' has no length, or none above 0: give a Dataset of pictures with __len__."
        )
    items = progress(range(len(data)), f"reading {name}", " pictures", len(data))
    pictures, lowest = zip(*(_picture(data[n], name) for n in items), strict=True)
    if len({picture.shape for picture in pictures}) > 1:
        raise GanlibError(f"The pictures of '{name}' differ in size: resize and crop them in its transforms.")
    if min(lowest) >= 0:
        raise GanlibError(
            f"The numbers of '{name}' lie in [0, 1], and those of pictures in [-1, 1]: add "
            "transforms.Normalize(0.5, 0.5) to its transforms."
        )
    return ImageDataset(torch.stack(pictures).numpy(), name)


def _picture(item: Any, name: str) -> tuple[Tensor, float]:
    """Bytes (H, W, 3) of an item, a tensor (3, H, W) or a Pillow image, and the lowest of its floats."""
    picture = item[0] if isinstance(item, tuple | list) else item
    if isinstance(picture, Image.Image):
        picture = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)
    shape = tuple(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__
    if len(shape) != 3 or shape[0] != 3:  # noqa: PLR2004 (colours, height and width)
        raise GanlibError(f"'{name}' holds {shape}, and a picture is (3, H, W): change its transforms.")
    if picture.dtype == torch.uint8:
        return picture.permute(1, 2, 0), -1
    if not picture.is_floating_point():
        raise GanlibError(f"'{name}' holds {picture.dtype}: give bytes (uint8) or floats in [-1, 1].")
    if not picture.abs().max() <= _MOST:  # true for a NaN, too
        raise GanlibError(
            f"'{name}' holds numbers outside [-1, 1]: normalise by transforms.Normalize(0.5, 0.5)."
        )
    return to_bytes(picture[None])[0], picture.min().item()

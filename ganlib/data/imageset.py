"""A set of pictures of one size, as bytes, with a part held out by a fixed rule."""

import hashlib
import zlib
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlib.data.collect import content_hash
from ganlib.data.manifest import Manifest, manifest_file, read_manifest
from ganlib.data.prepare import images_file
from ganlib.errors import GanlibError

_HELD_OUT_OF_20 = 3  # three in twenty: 15 %


class ImageSet:
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
    def open(cls, folder: Path, name: str | None = None) -> "ImageSet":
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
            f"ImageSet '{self.name}': {len(self)} pictures of {self.size} px, "
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

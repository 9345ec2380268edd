"""Shuffled batches of training pictures, kept as bytes on the device."""

import zlib

import torch
from torch import Tensor

from ganlib.data.imageset import ImageSet, to_float
from ganlib.errors import GanlibError


class Batches:
    """An endless stream of batches, shuffled anew in every epoch by seed and epoch number alone.

    The pictures lie on the device as bytes; a batch is turned to float and mirrored there.
    """

    def __init__(
        self, images: ImageSet, batch_size: int, device: torch.device, seed: int = 0, mirror: bool = False
    ) -> None:
        """Raise `GanlibError` if a batch would be larger than the set."""
        if batch_size > len(images.train):
            raise GanlibError(
                f"A batch of {batch_size} is larger than the {len(images.train)} pictures to train on in "
                f"'{images.name}': use more pictures or a smaller batch_size."
            )
        pictures = images.images[images.train]  # (N, S, S, 3) bytes
        self.fingerprint = zlib.crc32(pictures.data)
        self.pictures = torch.from_numpy(pictures).to(device)
        self.batch_size = batch_size
        self.seed = seed
        self.mirror = mirror
        self.start_epoch(0)

    def __len__(self) -> int:
        """How many pictures an epoch has."""
        return len(self.pictures)

    def start_epoch(self, epoch: int, position: int = 0) -> None:
        """Go to `position`, in pictures, in the order of `epoch`."""
        generator = torch.Generator().manual_seed(self.seed * 2**20 + epoch)
        self.order = torch.randperm(len(self), generator=generator).to(self.pictures.device)
        self.epoch = epoch
        self.position = position

    def next(self) -> Tensor:
        """The next batch, (N, 3, S, S) in [-1, 1]; the last one of an epoch may be shorter."""
        if self.position >= len(self):
            self.start_epoch(self.epoch + 1)
        chosen = self.order[self.position : self.position + self.batch_size]
        self.position += len(chosen)
        batch = to_float(self.pictures[chosen])
        return _mirrored(batch) if self.mirror else batch


def _mirrored(batch: Tensor) -> Tensor:
    chosen = torch.rand(len(batch), 1, 1, 1, device=batch.device) < 1 / 2
    return torch.where(chosen, batch.flip(3), batch)

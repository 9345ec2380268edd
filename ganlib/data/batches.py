"""Shuffled batches of training pictures, kept as bytes until they are on the device."""

import torch
from torch import Tensor

from ganlib.data.imageset import ImageSet, to_float
from ganlib.data.storage import choose_storage
from ganlib.errors import GanlibError


class Batches:
    """An endless stream of batches, shuffled anew in every epoch by seed and epoch number alone.

    A batch is turned to float and mirrored on the device; `storage.where` says where the pictures lie.
    """

    def __init__(
        self, images: ImageSet, batch_size: int, device: torch.device, seed: int = 0, mirror: bool = False
    ) -> None:
        """Raise `GanlibError` if a batch would be larger than the set."""
        self._count = len(images.train)
        if batch_size > self._count:
            raise GanlibError(
                f"A batch of {batch_size} is larger than the {self._count} pictures to train on in "
                f"'{images.name}': use more pictures or a smaller batch_size."
            )
        self.fingerprint = images.content_hash
        self.storage = choose_storage(images, device)
        self.batch_size = batch_size
        self.seed = seed
        self.mirror = mirror
        self.start_epoch(0)

    def __len__(self) -> int:
        """How many pictures an epoch has."""
        return self._count

    def start_epoch(self, epoch: int, position: int = 0) -> None:
        """Go to `position`, in pictures, in the order of `epoch`."""
        generator = torch.Generator().manual_seed(self.seed * 2**20 + epoch)
        self.storage.begin(torch.randperm(len(self), generator=generator))
        self.epoch = epoch
        self.position = position

    def next(self) -> Tensor:
        """The next batch, (N, 3, S, S) in [-1, 1]; the last one of an epoch may be shorter."""
        if self.position >= len(self):
            self.start_epoch(self.epoch + 1)
        begin, self.position = self.position, min(self.position + self.batch_size, len(self))
        batch = to_float(self.storage.read(begin, self.position))
        return _mirrored(batch) if self.mirror else batch


def _mirrored(batch: Tensor) -> Tensor:
    chosen = torch.rand(len(batch), 1, 1, 1, device=batch.device) < 1 / 2
    return torch.where(chosen, batch.flip(3), batch)

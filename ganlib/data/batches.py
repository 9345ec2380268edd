"""Shuffled batches of training pictures, kept as bytes until they are on the device."""

import torch
from torch import Tensor

from ganlib.data.imageset import ImageSet, to_float
from ganlib.data.share import ALONE, Share
from ganlib.data.storage import choose_storage
from ganlib.errors import GanlibError


class Batches:
    """An endless stream of batches, shuffled anew in every epoch by seed and epoch number alone.

    A batch is turned to float and mirrored on the device; `storage.where` says where the pictures lie. Of
    several processes each reads its share of every batch; where they cannot share the end of an epoch
    evenly, up to `share.size - 1` pictures of it are passed over, other ones each time.
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        device: torch.device,
        seed: int = 0,
        mirror: bool = False,
        share: Share = ALONE,
    ) -> None:
        """Raise `GanlibError` if a batch is larger than the set, or cannot be shared evenly."""
        self._count = len(images.train)
        if batch_size > self._count:
            raise GanlibError(
                f"A batch of {batch_size} is larger than the {self._count} pictures to train on in "
                f"'{images.name}': use more pictures or a smaller batch_size."
            )
        if batch_size % share.size:
            raise GanlibError(
                f"A batch of {batch_size} cannot be shared evenly by {share.size} processes: choose a "
                f"batch_size that {share.size} divides, such as {share.size * -(-batch_size // share.size)}."
            )
        self.fingerprint = images.content_hash
        self.storage = choose_storage(images, device)
        self.batch_size = batch_size
        self.seed = seed
        self.mirror = mirror
        self.share = share
        self.start_epoch(0)

    def __len__(self) -> int:
        """How many pictures an epoch has."""
        return self._count

    def start_epoch(self, epoch: int, position: int = 0) -> None:
        """Go to `position`, in pictures of all processes, in the order of `epoch`."""
        generator = torch.Generator().manual_seed(self.seed * 2**20 + epoch)
        order = torch.randperm(len(self), generator=generator)
        shares = [self.share.of(batch) for batch in order[: self._last()].split(self.batch_size)]
        self.storage.begin(torch.cat(shares))
        self.epoch = epoch
        self.position = position

    def next(self) -> Tensor:
        """The next batch, (N, 3, S, S) in [-1, 1]; the last one of an epoch may be shorter."""
        if self.position >= self._last():
            self.start_epoch(self.epoch + 1)
        begin, self.position = self.position, min(self.position + self.batch_size, self._last())
        batch = to_float(self.storage.read(begin // self.share.size, self.position // self.share.size))
        return self._mirrored(batch) if self.mirror else batch

    def at_end(self) -> bool:
        """Whether the epoch's last batch has been taken."""
        return self.position >= self._last()

    def _last(self) -> int:
        return len(self) - len(self) % self.share.size

    def _mirrored(self, batch: Tensor) -> Tensor:
        whole = len(batch) * self.share.size
        chosen = self.share.of(torch.rand(whole, 1, 1, 1, device=batch.device)) < 1 / 2
        return torch.where(chosen, batch.flip(3), batch)

"""Shuffled batches of training pictures, kept as bytes until they are on the device."""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlib.data.dataset import ImageDataset, to_float
from ganlib.errors import GanlibError
from ganlib.runtime.device import free_memory
from ganlib.runtime.distributed import ALONE, Share

_PICTURES_AT_ONCE = 1024
_LARGEST_OF_FEW = 64  # a batch that may be larger than the set


class Batches:
    """An endless stream of batches, shuffled anew in every epoch by seed and epoch number alone.

    Where there are fewer pictures than a batch has, an epoch shows each of them several times. A batch is
    turned to float and flipped on the device; `storage.where` says where the pictures lie. Of
    several processes each reads its share of every batch; where they cannot share the end of an epoch
    evenly, up to `share.size - 1` pictures of it are passed over, other ones each time.
    """

    def __init__(
        self,
        images: ImageDataset,
        batch_size: int,
        device: torch.device,
        seed: int = 0,
        hflip: bool = False,
        quarter_turns: bool = False,
        share: Share = ALONE,
    ) -> None:
        """Raise `GanlibError` if a batch is too large for the set, or cannot be shared evenly."""
        self._count = len(images.train)
        if not self._count:
            raise GanlibError(f"All pictures of '{images.name}' are held out: use more of them.")
        if batch_size > max(self._count, _LARGEST_OF_FEW):
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
        self.checksums = torch.from_numpy(images.checksums)
        self.storage = choose_storage(images, device)
        self.batch_size = batch_size
        self._device = device
        self.seed = seed
        self.hflip = hflip
        self.quarter_turns = quarter_turns
        self.share = share
        self._kinds = len(images.classes)
        self._classes = None if images.labels is None else torch.from_numpy(images.labels[images.train])
        self._times = -(-batch_size // self._count)  # that an epoch shows a picture
        self.epoch_length = self._times * self._count  # in pictures
        self._last = self.epoch_length - self.epoch_length % share.size  # where an epoch ends
        self.start_epoch(0)

    def __len__(self) -> int:
        """Count the pictures to train on."""
        return self._count

    def start_epoch(self, epoch: int, position: int = 0) -> None:
        """Go to `position`, in pictures of all processes, in the order of `epoch`."""
        generator = torch.Generator().manual_seed(self.seed * 2**20 + epoch)
        orders = [torch.randperm(self._count, generator=generator) for _ in range(self._times)]
        order = torch.cat(orders)[: self._last]
        shared = torch.cat([self.share.of(batch) for batch in order.split(self.batch_size)])
        self.storage.begin(shared)
        if self._classes is not None:
            self._labels = _sent(_pinned(self._classes[shared], self._device), self._device)
        self.epoch = epoch
        self.position = position

    def next(self) -> Tensor:
        """Return the next batch, (N, 3, S, S) in [-1, 1]; the last one of an epoch may be shorter."""
        if self.at_end():
            self.start_epoch(self.epoch + 1)
        begin, self.position = self.position, min(self.position + self.batch_size, self._last)
        self._read = slice(begin // self.share.size, self.position // self.share.size)
        batch = to_float(self.storage.read(self._read.start, self._read.stop))
        batch = self._flipped(batch) if self.hflip else batch
        return self._turned(batch) if self.quarter_turns else batch

    def _flipped(self, batch: Tensor) -> Tensor:
        """Mirror each picture, or not."""
        whole = len(batch) * self.share.size
        chosen = self.share.of(torch.rand(whole, 1, 1, 1, device=batch.device)) < 1 / 2
        return torch.where(chosen, batch.flip(3), batch)

    def _turned(self, batch: Tensor) -> Tensor:
        """Turn each picture by none to three quarters."""
        whole = len(batch) * self.share.size
        turns = self.share.of(torch.randint(0, 4, (whole, 1, 1, 1), device=batch.device))
        for quarters in (1, 2):
            batch = torch.where((turns & quarters) > 0, batch.rot90(quarters, (2, 3)), batch)
        return batch

    def labels(self) -> Tensor:
        """Return the classes, (N,), of the batch that was read last."""
        return self._labels[self._read]

    def class_counts(self) -> Tensor:
        """Count the training pictures of each class, (classes,)."""
        assert self._classes is not None
        return self._classes.bincount(minlength=self._kinds)

    def class_shares(self) -> Tensor:
        """Return the share of each class among the training pictures, (classes,)."""
        return (self.class_counts() / len(self)).to(self._device)

    def at_end(self) -> bool:
        """Tell whether the epoch's last batch has been taken."""
        return self.position >= self._last


def choose_storage(images: ImageDataset, device: torch.device) -> "OnDevice | ReadAhead":
    """Choose the device if the set takes at most half of its free memory, else the disk, read ahead."""
    return OnDevice(images, device) if 2 * _size(images) <= free_memory(device) else ReadAhead(images, device)


class OnDevice:
    """All training pictures in the device's memory."""

    def __init__(self, images: ImageDataset, device: torch.device) -> None:
        """Copy the pictures there, some at a time."""
        shape = (len(images.train), *images.images.shape[1:])
        self._pictures = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(images.train), _PICTURES_AT_ONCE):
            chosen = images.images[images.train[start : start + _PICTURES_AT_ONCE]]
            self._pictures[start : start + len(chosen)] = torch.from_numpy(chosen)
        self.where = f"{_size(images) / 2**20:,.0f} MiB of pictures are held in the memory of {device.type}"

    def begin(self, order: Tensor) -> None:
        """Begin an epoch: `order` (N,) holds the places of the pictures among the training pictures."""
        device = self._pictures.device
        self._order = _sent(_pinned(order, device), device)

    def read(self, start: int, stop: int) -> Tensor:
        """Read pictures `start` to `stop` in the order, (stop - start, S, S, 3) bytes on the device."""
        return self._pictures.index_select(0, self._order[start:stop])


class ReadAhead:
    """Training pictures on disk; while a batch is trained on, the next one is read by a thread."""

    def __init__(self, images: ImageDataset, device: torch.device) -> None:
        """Read nothing yet."""
        self._images = images.images
        self._train = images.train
        self._device = device
        self._reader = ThreadPoolExecutor(1, "read-ahead")
        self._next: tuple[int, int, Future[Tensor]] | None = None
        self.where = f"{_size(images) / 2**20:,.0f} MiB of pictures stay on disk and are read ahead"

    def begin(self, order: Tensor) -> None:
        """Forget what was read ahead in another order."""
        self._order: NDArray[np.int64] = self._train[order.numpy()]
        self._next = None

    def read(self, start: int, stop: int) -> Tensor:
        """Send the pictures that were read ahead to the device, and read on."""
        expected = self._next is not None and self._next[:2] == (start, stop)
        pictures = self._next[2].result() if self._next and expected else self._load(start, stop)
        following = (stop, min(2 * stop - start, len(self._order)))
        self._next = (*following, self._reader.submit(self._load, *following))
        return _sent(pictures, self._device)

    def _load(self, start: int, stop: int) -> Tensor:
        return _pinned(torch.from_numpy(np.array(self._images[self._order[start:stop]])), self._device)


def _size(images: ImageDataset) -> int:
    return len(images.train) * images.images[0].nbytes


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor where CUDA fetches it without stopping."""
    return tensor.pin_memory() if device.type == "cuda" else tensor


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; only CUDA keeps pinned memory until it has been fetched."""
    return tensor.to(device, non_blocking=device.type == "cuda")

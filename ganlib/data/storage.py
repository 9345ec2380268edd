"""Where the training pictures lie while they are trained on: on the device, or on disk and read ahead."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlib.data.imageset import ImageSet
from ganlib.machine import free_memory

_PICTURES_AT_ONCE = 1024
_MIB = 2**20


class Storage(Protocol):
    """Training pictures as bytes, (N, S, S, 3), read in an order that is given for each epoch."""

    where: str

    def begin(self, order: Tensor) -> None:
        """An epoch begins: `order` (N,) holds the places of the pictures among the training pictures."""

    def read(self, start: int, stop: int) -> Tensor:
        """The pictures from `start` to `stop` in the order, (stop - start, S, S, 3) bytes on the device."""


def choose_storage(images: ImageSet, device: torch.device) -> Storage:
    """The device itself if the set takes at most half of its free memory, else the disk, read ahead."""
    needed = len(images.train) * images.images[0].nbytes
    if needed <= free_memory(device) / 2:
        return OnDevice(images, device)
    return ReadAhead(images, device)


class OnDevice:
    """All training pictures in the device's memory."""

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        """Copy the pictures there, some at a time."""
        shape = (len(images.train), *images.images.shape[1:])
        self._pictures = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(images.train), _PICTURES_AT_ONCE):
            chosen = images.images[images.train[start : start + _PICTURES_AT_ONCE]]
            self._pictures[start : start + len(chosen)] = torch.from_numpy(chosen)
        self.where = f"{_mib(self._pictures.nbytes)} of pictures lie in the memory of {device.type}"

    def begin(self, order: Tensor) -> None:
        """Bring the order to the device, which need not stop for it."""
        device = self._pictures.device
        self._order = _sent(_pinned(order, device), device)

    def read(self, start: int, stop: int) -> Tensor:
        """Gather the pictures on the device."""
        return self._pictures.index_select(0, self._order[start:stop])


class ReadAhead:
    """Training pictures on disk; while a batch is trained on, the next one is read by a thread."""

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        """Nothing is read yet."""
        self._images = images.images
        self._train = images.train
        self._device = device
        self._reader = ThreadPoolExecutor(1, "read-ahead")
        self._next: tuple[int, int, Future[Tensor]] | None = None
        size = len(self._train) * images.images[0].nbytes
        self.where = f"{_mib(size)} of pictures stay on disk and are read ahead"

    def begin(self, order: Tensor) -> None:
        """Forget what was read ahead in another order."""
        self._order: NDArray[np.int64] = self._train[order.numpy()]
        self._next = None

    def read(self, start: int, stop: int) -> Tensor:
        """The pictures that were read ahead, on their way to the device; then read on."""
        expected = self._next is not None and self._next[:2] == (start, stop)
        pictures = self._next[2].result() if self._next and expected else self._load(start, stop)
        following = (stop, min(2 * stop - start, len(self._order)))
        self._next = (*following, self._reader.submit(self._load, *following))
        return _sent(pictures, self._device)

    def _load(self, start: int, stop: int) -> Tensor:
        return _pinned(torch.from_numpy(np.array(self._images[self._order[start:stop]])), self._device)


def _pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """Where CUDA fetches it without stopping."""
    return tensor.pin_memory() if device.type == "cuda" else tensor


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on the device; only CUDA keeps pinned memory until it has been fetched."""
    return tensor.to(device, non_blocking=device.type == "cuda")


def _mib(size: int) -> str:
    return f"{size / _MIB:,.0f} MiB"

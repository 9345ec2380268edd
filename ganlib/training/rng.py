"""The random streams of a run, which nobody else draws from."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np
import torch
from msgspec import Meta
from torch import Tensor

_NUMPY_SEEDS = 2**32
_Place = Annotated[int, Meta(ge=0, le=624)]  # in the words of a Mersenne twister: numpy would read beyond


class Streams(TypedDict):
    """Where the random streams of a run stand, as a checkpoint holds them."""

    python: tuple[int, tuple[int, ...], float | None]
    numpy: tuple[str, list[int], _Place, int, float]
    cpu: Tensor
    devices: NotRequired[dict[str, Tensor]]  # by kind, such as "cuda"


class RunRng:
    """The global random streams of python, numpy, torch and the device, as one run sees them.

    While `used()` is entered the run's streams are the global ones; before and after, whoever else draws
    random numbers neither changes them nor is changed by them.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self._in_use = False
        outside = _read(device)
        random.seed(seed)
        np.random.seed(seed % _NUMPY_SEEDS)
        torch.manual_seed(seed)
        self._own = _read(device)
        _write(outside, device)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Draw from the run's streams."""
        outside = _read(self.device)
        _write(self._own, self.device)
        self._in_use = True
        try:
            yield
        finally:
            self._own = _read(self.device)
            self._in_use = False
            _write(outside, self.device)

    def state_dict(self) -> dict[str, Any]:
        """Return where the streams stand, as tensors and plain values."""
        return _read(self.device) if self._in_use else self._own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken; a stream of another kind of device stays where it is."""
        if self._in_use:
            _write(state, self.device)
        else:
            state = deepcopy(state)  # which may lie in a file that will be replaced
            devices = {**self._own["devices"], **state.get("devices", {})}
            self._own = {**self._own, **state, "devices": devices}

    def check(self, state: dict[str, Any]) -> None:
        """Raise `ValueError` or the like if `load_state_dict` could not go to `state`, a `Streams`."""
        outside = _read(self.device)
        try:
            _write(state, self.device)
        finally:
            _write(outside, self.device)


def _read(device: torch.device) -> dict[str, Any]:
    name, words, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, np.asarray(words).tolist(), *rest),
        "cpu": torch.get_rng_state(),
        "devices": {},
    }
    if device.type != "cpu":
        state["devices"][device.type] = torch.get_device_module(device.type).get_rng_state()
    return state


def _write(state: dict[str, Any], device: torch.device) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["cpu"])
    if (own := state.get("devices", {}).get(device.type)) is not None:
        torch.get_device_module(device.type).set_rng_state(own)

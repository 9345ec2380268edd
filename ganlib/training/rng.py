"""The random numbers of a run, which nobody else draws from."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RunRng:
    """The random states of torch, on the CPU and on the device, as one run sees them.

    While `used()` is entered the run's states are the global ones; before and after, whoever else draws
    random numbers neither changes them nor is changed by them.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        """Begin at `seed`."""
        self.device = device
        self._in_use = False
        outside = self._read()
        torch.manual_seed(seed)
        self._own = self._read()
        self._write(outside)

    @contextmanager
    def used(self) -> Iterator[None]:
        """Draw from the run's states."""
        outside = self._read()
        self._write(self._own)
        self._in_use = True
        try:
            yield
        finally:
            self._own = self._read()
            self._in_use = False
            self._write(outside)

    def state_dict(self) -> dict[str, Tensor]:
        """Return where the run stands in its random numbers."""
        return self._read() if self._in_use else self._own

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go to where `state_dict` was taken; a state of another kind of device is left out."""
        if self._in_use:
            self._write(state)
        else:  # copies, as what was read may lie in a file that will be replaced
            self._own = {**self._own, **{name: value.clone() for name, value in state.items()}}

    def check(self, state: dict[str, Tensor]) -> None:
        """Raise `ValueError`, `TypeError` or `RuntimeError` if `load_state_dict` could not go to `state`."""
        if not isinstance(state, dict) or "cpu" not in state:
            raise ValueError("the random state has none of torch")
        for kind in {"cpu", self.device.type} & set(state):
            torch.Generator(kind).set_state(state[kind])

    def _read(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self.device.type != "cpu":
            state[self.device.type] = torch.get_device_module(self.device.type).get_rng_state()
        return state

    def _write(self, state: dict[str, Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if self.device.type != "cpu" and self.device.type in state:
            torch.get_device_module(self.device.type).set_rng_state(state[self.device.type])

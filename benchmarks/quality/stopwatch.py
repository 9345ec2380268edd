"""What a run has cost so far: minutes of the processor or of the clock, and memory."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_KIB = 1024
_STATUS = Path("/proc/self/status")


class Stopwatch:
    """Seconds of training: on a CPU those that this process has computed, so that other work does not count.

    On another device they are seconds of the clock.
    """

    def __init__(self, device: torch.device) -> None:
        """Not started yet."""
        self._device = device
        self._now = time.process_time if device.type == "cpu" else time.perf_counter

    def start(self, seconds: float) -> None:
        """Go on from so many seconds."""
        self._before = seconds
        self._since = self._now()

    def seconds(self) -> float:
        """Seconds so far; the device is not waited for."""
        return self._before + self._now() - self._since

    def exact(self) -> float:
        """Seconds so far, once the device has done all that it was given."""
        if self._device.type != "cpu":
            torch.get_device_module(self._device.type).synchronize()
        return self.seconds()

    @contextmanager
    def paused(self) -> Iterator[float]:
        """What is done meanwhile costs nothing; yields the seconds so far."""
        seconds = self.exact()
        yield seconds
        self.start(seconds)


def forget_peak_memory(device: torch.device) -> None:
    """What was allocated before does not count, as far as the device keeps such an account."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """The most bytes so far: on a GPU those that torch has given out, else those of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if _STATUS.exists():  # on Linux, where a process inherits the other figure from the one that started it
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        return _KIB * int(lines["VmHWM"].split()[0])
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else _KIB * peak

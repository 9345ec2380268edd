"""How long a run may be, what is left of it, and how it is interrupted."""

import math
import multiprocessing
import signal
import threading
from dataclasses import dataclass
from types import FrameType

from ganlib.errors import GanlibError
from ganlib.runtime.device import TINY_STEPS, is_tiny
from ganlib.training.state import TrainingState


@dataclass(frozen=True)
class Budget:
    """Epochs and kimg count from the start of the run, minutes from now; the first reached ends it."""

    epochs: float | None = None
    kimg: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Raise `GanlibError` if a limit is not a number above zero."""
        for name in ("epochs", "kimg", "minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise GanlibError(f"{name} must be a number above zero, not {value}.")


class Countdown:
    """How far a budget is spent, from the state and seconds at which it began."""

    def __init__(self, budget: Budget, state: TrainingState) -> None:
        """Begin now."""
        self.budget = budget
        self.first_step = state.step

    def spent(self, state: TrainingState, seconds: float) -> float:
        """The share of the budget that is spent, from 0 to 1; `seconds` since the beginning."""
        shares = [0.0]
        if self.budget.epochs:
            shares.append(state.epochs / self.budget.epochs)
        if self.budget.kimg:
            shares.append(state.kimg / self.budget.kimg)
        if self.budget.minutes:
            shares.append(seconds / 60 / self.budget.minutes)
        if is_tiny():
            shares.append((state.step - self.first_step) / TINY_STEPS)
        return min(1.0, max(shares))

    def seconds_left(self, state: TrainingState, seconds: float, speed: float) -> float:
        """Seconds until the budget is spent, at `speed` pictures a second; infinite if that is not known."""
        ends = [math.inf]
        if self.budget.epochs and speed:
            ends.append((self.budget.epochs * len(state.batches) - state.images) / speed)
        if self.budget.kimg and speed:
            ends.append((self.budget.kimg * 1000 - state.images) / speed)
        if self.budget.minutes:
            ends.append(60 * self.budget.minutes - seconds)
        return max(0.0, min(ends))


_ENDING = ("SIGTERM", "SIGHUP")  # a scheduler or Colab wants the process to end, or its terminal is gone


class Interrupt:
    """While entered, the first Ctrl-C, stop button or request to end is only noted; a second Ctrl-C stops.

    Where several processes train together their launcher passes a Ctrl-C on, which so arrives twice: there a
    second one is only noted, too, and it is the launcher that stops who has not ended in half a minute. A
    process that a notebook has forked ends when this is left, since its launcher listens no longer.

    A request to end is passed on when this is left, so that the process ends as it was asked to; not if an
    error ends it anyway, which would go unheard.
    """

    def __init__(self, processes: int = 1) -> None:
        """Nothing noted yet; so many processes train together."""
        self._processes = processes
        self.requested = False
        self._ending: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        """Begin to take note; outside the main thread there is nothing to take note of."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", *_ENDING):
                if hasattr(signal, name):
                    self._listen(getattr(signal, name))
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Leave signals to whoever had them before."""
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]
        if error is not None:
            return
        if self._ending is not None:
            signal.raise_signal(self._ending)
        if self.requested and self._processes > 1 and multiprocessing.parent_process():
            raise KeyboardInterrupt

    def _listen(self, signum: int) -> None:
        handler = signal.getsignal(signum)
        if handler not in {signal.SIG_IGN, None}:  # `nohup` ignores one of them on purpose
            self._previous[signum] = signal.signal(signum, self._note)

    def _note(self, signum: int, _: FrameType | None) -> None:
        self.requested = True
        if signum != signal.SIGINT:
            self._ending = signum
        elif self._processes == 1:
            signal.signal(signum, signal.default_int_handler)

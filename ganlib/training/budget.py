"""How long a run may be."""

import math
from dataclasses import dataclass

from ganlib.errors import GanlibError
from ganlib.machine import TINY_STEPS, is_tiny
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

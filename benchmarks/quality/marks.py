"""Where a run is looked at: after so many kimg, or after so many minutes."""

from dataclasses import dataclass
from typing import Literal

_POINTS = 10  # of a curve
Unit = Literal["kimg", "minutes"]


@dataclass(frozen=True)
class Mark:
    """A moment of a run. At a `full` one everything is measured, at others half-size KID, for the curve."""

    value: float
    unit: Unit
    full: bool = True

    @property
    def name(self) -> str:
        """What it is called in files."""
        return f"{self.value:g}-{self.unit}"

    def share(self, kimg: float, minutes: float) -> float:
        """How much of the way to the mark is behind a run: 1 or more once it has passed."""
        return (kimg if self.unit == "kimg" else minutes) / self.value


def marks_of(kimg: tuple[float, ...], minutes: tuple[float, ...]) -> tuple[Mark, ...]:
    """The budgets, and the points of a curve that are spread evenly over the longest minutes."""
    full = [Mark(value, "kimg") for value in kimg] + [Mark(value, "minutes") for value in minutes]
    points = [Mark(max(minutes) * (k + 1) / _POINTS, "minutes", full=False) for k in range(_POINTS)]
    names = {mark.name for mark in full}
    return (*full, *(point for point in points if point.name not in names))

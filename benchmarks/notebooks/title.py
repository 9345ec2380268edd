"""The line of a notebook's first cell that says how many minutes it takes."""

import re
from dataclasses import dataclass

from ganlib.errors import GanlibError

_NUMBER = r"(\d+(?:\.\d+)?)"
_LINE = re.compile(
    rf"^\*\*Minutes:\*\* {_NUMBER} to read, {_NUMBER} to run on two CPU cores, "
    rf"{_NUMBER} on a T4 \(estimated\)\.$",
    re.MULTILINE,
)
_STEPS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240)
SHORTEST = _STEPS[0]  # whatever takes less is told as this
TOLERANCE = 2


@dataclass(frozen=True)
class Minutes:
    """What the first cell says: minutes to read, and to run on two CPU cores and on a T4."""

    read: float
    cpu: float
    t4: float

    def __str__(self) -> str:
        """The line."""
        return (
            f"**Minutes:** {self.read:g} to read, {self.cpu:g} to run on two CPU cores, "
            f"{self.t4:g} on a T4 (estimated)."
        )


def stated(title: str) -> Minutes:
    """What the text of a first cell says.

    Raises:
        GanlibError: it has no such line, or several.
    """
    found = _LINE.findall(title)
    if len(found) != 1:
        raise GanlibError(
            f"The first cell has {len(found)} lines of minutes: give it one like '{Minutes(25, 1, 1)}'"
        )
    return Minutes(*map(float, found[0]))


def restated(title: str, cpu: float, t4: float) -> str:
    """The text of a first cell with these minutes, rounded, in the place of those it has."""
    line = Minutes(stated(title).read, rounded(cpu), rounded(t4))
    return _LINE.sub(str(line), title)


def rounded(minutes: float) -> float:
    """The number nearest to `minutes`, by their ratio, that one would say."""
    return min(_STEPS, key=lambda step: max(step / _told(minutes), _told(minutes) / step))


def fits(said: float, measured: float) -> bool:
    """Whether what is said lies within a factor of two of what was measured, both at least half a minute."""
    return said >= SHORTEST and 1 / TOLERANCE <= said / _told(measured) <= TOLERANCE


def _told(minutes: float) -> float:
    return max(minutes, SHORTEST)

"""When a run paints samples, is scored and evaluated: densely while much changes, sparsely later."""

import math
from dataclasses import dataclass

from ganlib.errors import GanlibError

_DENSE = 32
_SAMPLES_A_SCORE = 4


def sample_is_due(number: int) -> bool:
    """Every one up to 32, then one in two, in four, and so on: a film shows the early change in full."""
    return number % _gap(number) == 0


def score_is_due(number: int) -> bool:
    """Every fourth of those that are sampled."""
    return number % (_SAMPLES_A_SCORE * _gap(number)) == 0


@dataclass(frozen=True)
class Evaluation:
    """Measure KID every so many `kimg`, at half size and through the extractor of that name."""

    kimg: float = 20.0
    extractor: str = "lite0"

    def __post_init__(self) -> None:
        """Raise `GanlibError` if `kimg` is below 1."""
        if not self.kimg >= 1:
            raise GanlibError(f"KID is measured every 1 kimg at the most often, not every {self.kimg}.")

    def is_due(self, number: int) -> bool:
        """Whether it is after so many thousand pictures."""
        return number // self.kimg > (number - 1) // self.kimg


def _gap(number: int) -> int:
    return 2 ** max(0, math.floor(math.log2(max(number, 1) / _DENSE)) + 1)

"""When a run paints samples and is scored: densely while much changes, sparsely later."""

import math

_DENSE = 32
_SAMPLES_A_SCORE = 4


def sample_is_due(number: int) -> bool:
    """Every one up to 32, then one in two, in four, and so on: a film shows the early change in full."""
    return number % _gap(number) == 0


def score_is_due(number: int) -> bool:
    """Every fourth of those that are sampled."""
    return number % (_SAMPLES_A_SCORE * _gap(number)) == 0


def _gap(number: int) -> int:
    return 2 ** max(0, math.floor(math.log2(max(number, 1) / _DENSE)) + 1)

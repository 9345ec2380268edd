"""What changes in the course of a run: from one value to another along half a cosine, and then no more."""

import math


def cosine(start: float, end: float, share: float) -> float:
    """The value after `share` of the way, in [0, 1], from `start` to `end`: flat at both ends.

    Source: Loshchilov & Hutter 2017, "SGDR", for learning rates; Huang et al. 2024 for all the rest.
    """
    share = min(1.0, max(0.0, share))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

"""What changes in the course of a run: whose turn it is, and values that move along half a cosine."""

import math
from typing import NamedTuple


class Turn(NamedTuple):
    """Who is trained in one step."""

    discriminator: bool
    generator: bool


class Schedule(NamedTuple):
    """D takes `d_steps` steps, then G `g_steps`, and so on; the last of D's is the first of G's.

    1 and 1 is what Goodfellow et al. 2014 do: both in every step. 5 and 1 gives D five batches for each
    of G's, as Arjovsky et al. 2017 do.
    """

    d_steps: int = 1
    g_steps: int = 1

    @property
    def length(self) -> int:
        """Steps until it begins anew."""
        return self.d_steps + self.g_steps - 1

    @property
    def share_of_discriminator(self) -> float:
        """The share of the steps in which D is trained."""
        return self.d_steps / self.length

    def discriminator_steps(self, step: int) -> int:
        """Count the steps that D has taken before `step`."""
        rounds, place = divmod(step, self.length)
        return rounds * self.d_steps + min(place, self.d_steps)

    def turn(self, step: int) -> Turn:
        """Return who is trained in `step`, counted from 0."""
        place = step % self.length
        return Turn(place < self.d_steps, place >= self.d_steps - 1)


def cosine(start: float, end: float, share: float) -> float:
    """Return the value after `share` of the way, in [0, 1], from `start` to `end`: flat at both ends.

    Source: Loshchilov & Hutter 2017, "SGDR", for learning rates; Huang et al. 2024 for all the rest.
    """
    share = min(1.0, max(0.0, share))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

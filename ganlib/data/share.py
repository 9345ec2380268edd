"""Whose part of a batch is whose, where several processes train together."""

from typing import NamedTuple

from torch import Tensor


class Share(NamedTuple):
    """The equal part of every batch that belongs to process `rank` of `size`; the whole if it is alone.

    All processes draw the same random numbers for the whole batch, so a run does not depend on how many
    they are.
    """

    rank: int = 0
    size: int = 1

    def of(self, whole: Tensor) -> Tensor:
        """This process's block of `whole`, (N / size, ...) of (N, ...); `size` divides N."""
        return whole if self.size == 1 else whole.unflatten(0, (self.size, -1))[self.rank]


ALONE = Share()

"""Where in the latent space a person is, and how they came there."""

import math
from dataclasses import dataclass, replace
from itertools import compress

import torch
from torch import Tensor

from ganlib.directions import Directions
from ganlib.errors import GanlibError
from ganlib.latent import sample_latent, truncate


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Place:
    """A point to start from, (latent_dim,), with what was changed since.

    `offsets`, (K,), are steps along the directions, `edits`, (latent_dim,), changes of single coordinates;
    `seed` is the one chosen last, `share` how much of the way from A to B is done, if that is the way.
    """

    name: str
    base: Tensor
    offsets: Tensor
    edits: Tensor
    truncation: float = 1.0
    seed: int = 0
    share: float | None = None

    @classmethod
    def seeded(cls, seed: int, latent_dim: int, count: int, truncation: float = 1.0) -> "Place":
        """The place of a seed, where there are `count` directions.

        Raises:
            GanlibError: the seed is out of range.
        """
        base = sample_latent(1, latent_dim, seed)[0]
        return cls(f"seed {seed}", base, torch.zeros(count), torch.zeros(latent_dim), truncation, seed)

    def elsewhere(self, name: str, base: Tensor, share: float | None = None) -> "Place":
        """The place `base`, nothing changed there, at the same truncation."""
        still = self.without(moves=True, edits=True)
        return replace(still, name=name, base=base, share=share)

    def point(self, directions: Directions) -> Tensor:
        """The point, (latent_dim,), before truncation: `base` to the bit if nothing was changed."""
        return self.base + self.edits + self.offsets @ directions.vectors

    def z(self, directions: Directions) -> Tensor:
        """What the generator paints, (latent_dim,)."""
        return truncate(self.point(directions), self.truncation)

    def moved(self, direction: int, offset: float) -> "Place":
        """So many steps along one direction, counted from 0.

        Raises:
            GanlibError: `offset` is no number.
        """
        return replace(self, offsets=_with(self.offsets, direction, offset))

    def edited(self, coordinate: int, value: float, directions: Directions) -> "Place":
        """With one coordinate of the point at `value`.

        Raises:
            GanlibError: `value` is no number.
        """
        rest = self.point(directions)[coordinate] - self.edits[coordinate]
        return replace(self, edits=_with(self.edits, coordinate, value - rest.item()))

    def truncated(self, amount: float) -> "Place":
        """With another truncation.

        Raises:
            GanlibError: `amount` is no number of 0 or more.
        """
        truncate(self.base, amount)
        return replace(self, truncation=amount)

    def without(self, *, moves: bool, edits: bool) -> "Place":
        """Without the steps along directions, or the changes of coordinates."""
        return replace(
            self,
            offsets=torch.zeros_like(self.offsets) if moves else self.offsets,
            edits=torch.zeros_like(self.edits) if edits else self.edits,
        )

    def is_same(self, other: "Place") -> bool:
        """Whether both are the same place, changed in the same way."""
        return self.truncation == other.truncation and all(
            torch.equal(one, another)
            for one, another in (
                (self.base, other.base),
                (self.offsets, other.offsets),
                (self.edits, other.edits),
            )
        )

    def describe(self, names: list[str]) -> str:
        """A line for people, with the `names` of the directions."""
        moved = compress(zip(names, self.offsets.tolist(), strict=True), self.offsets != 0)
        parts = [self.name, *(f"{name} {offset:+.1f}" for name, offset in moved)]
        edits = int(self.edits.count_nonzero())
        if edits:
            parts.append(f"{edits} coordinate{'s' * (edits > 1)} changed")
        if self.truncation != 1:
            parts.append(f"truncation {self.truncation:.2f}")
        return ", ".join(parts)


def _with(values: Tensor, index: int, value: float) -> Tensor:
    if not math.isfinite(value):
        raise GanlibError(f"A slider takes plain numbers, not {value}: it stays where it was.")
    changed = values.clone()
    changed[index] = value
    return changed

"""What a latent studio knows: no widgets, no pictures, no files."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.directions import Directions
from ganlib.latent.sampling import check_latent, sample_latent, slerp, truncate, walk


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class LatentPoint:
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
    def seeded(cls, seed: int, latent_dim: int, count: int, truncation: float = 1.0) -> "LatentPoint":
        """The place of a seed, where there are `count` directions.

        Raises:
            GanlibError: the seed is out of range.
        """
        base = sample_latent(1, latent_dim, seed)[0]
        return cls(f"seed {seed}", base, torch.zeros(count), torch.zeros(latent_dim), truncation, seed)

    def elsewhere(self, name: str, base: Tensor, share: float | None = None) -> "LatentPoint":
        """The place `base`, nothing changed there, at the same truncation."""
        still = self.without(moves=True, edits=True)
        return replace(still, name=name, base=base, share=share)

    def point(self, directions: Directions) -> Tensor:
        """The point, (latent_dim,), before truncation: `base` to the bit if nothing was changed."""
        return self.base + self.edits + self.offsets @ directions.vectors

    def z(self, directions: Directions) -> Tensor:
        """What the generator paints, (latent_dim,)."""
        return truncate(self.point(directions), self.truncation)

    def moved(self, direction: int, offset: float) -> "LatentPoint":
        """So many steps along one direction, counted from 0.

        Raises:
            GanlibError: `offset` is no number.
        """
        return replace(self, offsets=_with(self.offsets, direction, offset))

    def edited(self, coordinate: int, value: float, directions: Directions) -> "LatentPoint":
        """With one coordinate of the point at `value`.

        Raises:
            GanlibError: `value` is no number.
        """
        rest = self.point(directions)[coordinate] - self.edits[coordinate]
        return replace(self, edits=_with(self.edits, coordinate, value - rest.item()))

    def truncated(self, amount: float) -> "LatentPoint":
        """With another truncation.

        Raises:
            GanlibError: `amount` is no number of 0 or more.
        """
        truncate(self.base, amount)
        return replace(self, truncation=amount)

    def without(self, *, moves: bool, edits: bool) -> "LatentPoint":
        """Without the steps along directions, or the changes of coordinates."""
        return replace(
            self,
            offsets=torch.zeros_like(self.offsets) if moves else self.offsets,
            edits=torch.zeros_like(self.edits) if edits else self.edits,
        )

    def is_same(self, other: "LatentPoint") -> bool:
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


_LONGEST_HISTORY = 50
_LONGEST_NAME = 20
_NEIGHBOURS_SEED = 3_000_000


class StudioState:
    """A place in the latent space, the places before it, two slots A and B, and favourites."""

    def __init__(self, latent_dim: int, directions: Directions, names: Sequence[str] = ()) -> None:
        """Begin at seed 0; `names` are those of the directions, "direction 1" and so on unless told."""
        self.latent_dim = latent_dim
        self.directions = directions
        self.names = list(names) or [f"direction {k + 1}" for k in range(len(directions))]
        self.slots: dict[str, Tensor] = {}
        self.favourites: list[Tensor] = []
        self.history: list[LatentPoint] = []
        self.place = LatentPoint.seeded(0, latent_dim, len(directions))

    @property
    def z(self) -> Tensor:
        """What is painted, (latent_dim,)."""
        return self.place.z(self.directions)

    @property
    def point(self) -> Tensor:
        """What is painted, (latent_dim,), before truncation."""
        return self.place.point(self.directions)

    def describe(self) -> str:
        """A line that says what is shown."""
        return self.place.describe(self.names)

    def go_to_seed(self, seed: int) -> None:
        """Show the picture of `seed`, at the truncation that is set.

        Raises:
            GanlibError: the seed is out of range.
        """
        self._leave_for(self._seeded(seed, self.place.truncation))

    def reset(self) -> None:
        """Show the picture of the seed as it is."""
        self._leave_for(self._seeded(self.place.seed, 1.0))

    def go_to(self, z: Tensor, name: str, truncation: float = 1.0) -> None:
        """Show z, (latent_dim,), which people know as `name`.

        Raises:
            GanlibError: z has another length, or holds a NaN.
        """
        check_latent(z[None], self.latent_dim)
        self._leave_for(self.place.elsewhere(name, z).truncated(truncation))

    def go_back(self, steps: int = 1) -> None:
        """Show again what was shown before, so many places ago.

        Raises:
            GanlibError: there was nothing.
        """
        self.place = self._before(steps)
        del self.history[-steps:]

    def revisit(self, steps: int) -> None:
        """Go once more to where one was so many places ago; the present place is then the last before it.

        Raises:
            GanlibError: there was nothing.
        """
        self._leave_for(self._before(steps))

    def move(self, direction: int, offset: float) -> None:
        """Go so many steps along a direction, counted from 0.

        Raises:
            GanlibError: `offset` is no number.
        """
        self.place = self.place.moved(direction, offset)

    def edit(self, coordinate: int, value: float) -> None:
        """Set one coordinate of the point, counted from 0.

        Raises:
            GanlibError: `value` is no number.
        """
        self.place = self.place.edited(coordinate, value, self.directions)

    def truncate(self, amount: float) -> None:
        """Bring the point nearer to the mean.

        Raises:
            GanlibError: `amount` is no number of 0 or more.
        """
        self.place = self.place.truncated(amount)

    def undo(self, *, moves: bool = False, edits: bool = False) -> None:
        """Take back all steps along directions, or all changes of coordinates."""
        self._leave_for(self.place.without(moves=moves, edits=edits))

    def rename(self, direction: int, name: str) -> None:
        """Call a direction, counted from 0, by a name of up to 20 letters.

        Raises:
            GanlibError: the name is empty, too long, or another direction's.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise GanlibError(f"A direction's name has 1 to {_LONGEST_NAME} letters: choose another.")
        if name in self.names[:direction] + self.names[direction + 1 :]:
            raise GanlibError(f"Another direction is called '{name}': choose another name.")
        self.names[direction] = name

    def keep(self, slot: str) -> None:
        """Keep the point as "A" or "B"."""
        self.slots[slot] = self.point

    def go_between(self, share: float) -> None:
        """Go to where so much of the arc from A, 0, to B, 1, is done.

        Raises:
            GanlibError: A or B is empty, or `share` is not from 0 to 1.
        """
        start, end = self._both()
        if not 0 <= share <= 1:
            raise GanlibError(f"The way from A to B goes from 0 to 1, not to {share}.")
        point = slerp(start, end, torch.tensor([share]))[0]
        place = self.place.elsewhere(f"{share:.0%} of the way from A to B", point, share)
        if self.place.share is None:
            self._leave_for(place)
        else:
            self.place = place

    def neighbours(self, count: int, distance: float, round_: int = 0) -> Tensor:
        """Points (count, latent_dim) around the present one, as far from the mean; each round has its own.

        At a `distance` of 1, half of a neighbour is chance.
        """
        seed = _NEIGHBOURS_SEED + round_ * count
        noise = sample_latent(count, self.latent_dim, seed)
        points = self.point + distance * noise
        length = self.point.norm()
        return points * (length / points.norm(dim=1, keepdim=True)) if length > 0 else points

    def painted(self, points: Tensor) -> Tensor:
        """Points (N, latent_dim) at the truncation that is set."""
        return truncate(points, self.place.truncation)

    def pin(self) -> None:
        """Make what is shown a favourite.

        Raises:
            GanlibError: it is one.
        """
        if self.favourite() is not None:
            raise GanlibError("This picture is pinned already.")
        self.favourites.append(self.z)

    def unpin(self) -> None:
        """Let what is shown be no favourite any more.

        Raises:
            GanlibError: it is none.
        """
        place = self.favourite()
        if place is None:
            raise GanlibError("This picture is not pinned: go to a favourite first.")
        del self.favourites[place]

    def favourite(self) -> int | None:
        """Which favourite is shown, counted from 0."""
        z = self.z
        return next((k for k, pinned in enumerate(self.favourites) if torch.equal(z, pinned)), None)

    def pinned(self) -> Tensor:
        """The favourites, (N, latent_dim).

        Raises:
            GanlibError: there are none.
        """
        if not self.favourites:
            raise GanlibError("There are no favourites: pin some first.")
        return torch.stack(self.favourites)

    def path(self, stops: str, frames: int, *, closed: bool) -> Tensor:
        """A walk (frames, latent_dim) from A to B, or through the "favourites"; a closed one can be looped.

        Raises:
            GanlibError: a slot is empty, or there are fewer than two favourites.
        """
        if stops != "favourites":
            return self.painted(walk(torch.stack(self._both()), frames, closed=closed))
        if len(self.favourites) < 2:  # noqa: PLR2004 (a start and an end)
            raise GanlibError("A walk needs two favourites or more: pin some first.")
        return walk(self.pinned(), max(frames, len(self.favourites)), closed=closed)

    def along_directions(self, offsets: Sequence[float]) -> Tensor:
        """The present z moved along every direction to every offset, one direction after the other."""
        places = [self.place.moved(k, offset) for k in range(len(self.directions)) for offset in offsets]
        return torch.stack([place.z(self.directions) for place in places])

    def _before(self, steps: int) -> LatentPoint:
        if not 1 <= steps <= len(self.history):
            raise GanlibError("There is nothing to go back to: this is where you began.")
        return self.history[-steps]

    def _both(self) -> tuple[Tensor, Tensor]:
        if len(self.slots) < 2:  # noqa: PLR2004 (A and B)
            raise GanlibError("Keep one picture as A and another as B first.")
        return self.slots["A"], self.slots["B"]

    def _seeded(self, seed: int, truncation: float) -> LatentPoint:
        return LatentPoint.seeded(seed, self.latent_dim, len(self.directions), truncation)

    def _leave_for(self, place: LatentPoint) -> None:
        if not place.is_same(self.place):
            self.history = [*self.history, self.place][-_LONGEST_HISTORY:]
        self.place = place

"""What a latent studio knows: no widgets, no pictures, no files."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ganlib.directions import Directions
from ganlib.errors import GanlibError
from ganlib.latent import check_latent, sample_latent, slerp, truncate, walk
from ganlib.show.studio.place import Place

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
        self.history: list[Place] = []
        self.place = Place.seeded(0, latent_dim, len(directions))

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

    def _before(self, steps: int) -> Place:
        if not 1 <= steps <= len(self.history):
            raise GanlibError("There is nothing to go back to: this is where you began.")
        return self.history[-steps]

    def _both(self) -> tuple[Tensor, Tensor]:
        if len(self.slots) < 2:  # noqa: PLR2004 (A and B)
            raise GanlibError("Keep one picture as A and another as B first.")
        return self.slots["A"], self.slots["B"]

    def _seeded(self, seed: int, truncation: float) -> Place:
        return Place.seeded(seed, self.latent_dim, len(self.directions), truncation)

    def _leave_for(self, place: Place) -> None:
        if not place.is_same(self.place):
            self.history = [*self.history, self.place][-_LONGEST_HISTORY:]
        self.place = place

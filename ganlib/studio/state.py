"""What a latent studio knows: no widgets, no pictures, no files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganlib.errors import GanlibError, plain
from ganlib.latent.sampling import check_latent, complete, sample_latent, slerp, truncate
from ganlib.latent.timeline import Keyframe, Timeline, walk

_LONGEST_HISTORY = 50
LONGEST_NAME, _LONGEST_PLACE = 20, 60  # letters
MOST_NOTED = 200  # names, and favourites
_NEIGHBOURS_SEED = 3_000_000
_CHILDREN_SEED = 4_000_000
_NOTHING = 0.005  # of a share: none that anybody would see


def normalised(shares: Tensor) -> Tensor:
    """Return shares (classes,) that add up to 1; or all 0, where they add up to nothing."""
    return shares / shares.sum() if shares.sum() > 0 else torch.zeros_like(shares)


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class LatentPoint:
    """A point of the latent space: `base`, (latent_dim,), and what was changed since.

    The share of each class, if there are any, stands behind z. `offsets`, (K,), are steps along the first K
    directions, none along those after; `edits`, as long as `base`, changes of single coordinates.
    `seed` is the one chosen last; `share` is the part of the way from A to B that is done, and `moment` the
    seconds of the timeline, if the point lies on one of them.
    """

    name: str
    base: Tensor
    offsets: Tensor
    edits: Tensor
    truncation: float = 1.0
    seed: int = 0
    share: float | None = None
    moment: float | None = None

    def untruncated(self, vectors: Tensor) -> Tensor:
        """Return the point, (latent_dim,), before truncation: `base` to the bit if nothing was changed.

        `vectors`, (K or more, latent_dim), are the directions.
        """
        return self.base + self.edits + self.offsets @ vectors[: len(self.offsets)]

    def moved(self, direction: int, offset: float) -> "LatentPoint":
        """Return the point so many steps along one direction, counted from 0."""
        offsets = pad(self.offsets, (0, max(0, direction + 1 - len(self.offsets))))
        return replace(self, offsets=offsets.index_fill(0, torch.tensor(direction), offset))

    def offset(self, direction: int) -> float:
        """Return the steps along one direction, counted from 0."""
        return self.offsets[direction].item() if direction < len(self.offsets) else 0.0

    def without(self, *, moves: bool, edits: bool) -> "LatentPoint":
        """Return the point without its steps along directions, or without its changed coordinates."""
        offsets = torch.zeros_like(self.offsets) if moves else self.offsets
        return replace(self, offsets=offsets, edits=torch.zeros_like(self.edits) if edits else self.edits)

    def describe(self, names: list[str], classes: Sequence[str] = ()) -> str:
        """Describe the point in a line, with the `names` of the directions and of the classes."""
        moved = compress(zip(names, self.offsets.tolist(), strict=False), self.offsets != 0)
        shares = normalised(self.base[len(self.base) - len(classes) :]).tolist()
        kinds = zip(classes, shares, strict=True)
        blend = [f"{name} {share:.0%}".removesuffix(" 100%") for name, share in kinds if share > _NOTHING]
        parts = [self.name, *blend, *(f"{name} {offset:+.1f}" for name, offset in moved)]
        if edits := int(self.edits.count_nonzero()):
            parts.append(f"{edits} coordinate{'s' * (edits > 1)} changed")
        if self.truncation != 1:
            parts.append(f"truncation {self.truncation:.2f}")
        return ", ".join(parts)


class StudioState:
    """The current point, the points before it, two slots A and B, and favourites.

    What cannot be done raises a `GanlibError` with a sentence for the person at the sliders.
    """

    def __init__(self, latent_dim: int, classes: Sequence[str] = ()) -> None:
        """Begin at seed 0, without any directions.

        With `classes`, the share of each stands behind every z; where all are 0, z decides for a class.
        """
        self.latent_dim = latent_dim
        self.classes = [plain(name, LONGEST_NAME) for name in classes]
        self.dim = latent_dim + len(classes)
        self.vectors = torch.empty(0, self.dim)
        self.names: list[str] = []
        self.default_names: list[str] = []
        self.sets: dict[str, list[int]] = {}  # the directions of each, in the order of their sliders
        self.open_set = ""
        self.hidden: set[int] = set()
        self.slots: dict[str, Tensor] = {}
        self.favourites: list[Tensor] = []
        self.origins: list[str] = []  # what each favourite was when it was pinned
        self.keyframes: list[Keyframe] = []
        self.loop = True
        self.history: list[LatentPoint] = []
        self.current = self._of_seed(0, 1.0, torch.zeros(len(classes)))

    @property
    def z(self) -> Tensor:
        """What is shown, (latent_dim + classes,)."""
        return self.truncated(self.untruncated)

    @property
    def untruncated(self) -> Tensor:
        """What is shown, (latent_dim,), before truncation."""
        return self.current.untruncated(self.vectors)

    def describe(self) -> str:
        """Describe what is shown in a line."""
        return self.current.describe(self.names, self.classes)

    @property
    def shares(self) -> Tensor:
        """The share of each class, (classes,), which add up to 1; or all 0, where z decides."""
        return normalised(self.current.base[self.latent_dim :])

    def choose(self, shares: Tensor) -> None:
        """Set the share of each class, (classes,)."""
        base = torch.cat([self.current.base[: self.latent_dim], shares])
        self.current = replace(self.current, base=base)

    def go_to_seed(self, seed: int) -> None:
        """Show the picture of `seed`, at the current truncation."""
        self._leave_for(self._of_seed(seed, self.current.truncation, self.shares))

    def reset(self) -> None:
        """Show the picture of the current seed without any change."""
        self._leave_for(self._of_seed(self.current.seed, 1.0, torch.zeros(len(self.classes))))

    def go_to(self, z: Tensor, name: str, truncation: float = 1.0) -> None:
        """Show z, (latent_dim,), which people know as `name`."""
        z = check_latent(complete(z[None], self.latent_dim, len(self.classes)), self.dim)[0]
        self._leave_for(self._elsewhere(z, plain(name, _LONGEST_PLACE), truncation))

    def go_back(self, steps: int = 1) -> None:
        """Return to an earlier point and forget those after it."""
        self.current = self._before(steps)
        del self.history[-steps:]

    def revisit(self, steps: int) -> None:
        """Go to an earlier point once more and keep those after it in the history."""
        self._leave_for(self._before(steps))

    def add_directions(self, title: str, vectors: Tensor, names: Sequence[str] = ()) -> None:
        """Add and open a set of unit vectors (K, latent_dim), called "direction 1" and so on without `names`.

        In all sets but the first, they are called by the `title` of their set instead.
        """
        first = len(self.names)
        self.open_set = title
        kind = title if first else "direction"
        self.sets[title] = [*range(first, first + len(vectors))]
        self.vectors = torch.cat([self.vectors, complete(vectors, self.latent_dim, len(self.classes))])
        added = names or [f"{kind} {k + 1}" for k in range(len(vectors))]
        self.default_names += added
        self.names += added
        self.current = self.current.moved(len(self.names) - 1, 0.0)

    @property
    def shown(self) -> list[int]:
        """The directions of the open set that have sliders, in their order."""
        return [k for k in self.sets[self.open_set] if k not in self.hidden]

    def shift_direction(self, direction: int, by: int) -> None:
        """Let the slider of a direction stand so many places further down."""
        shown = self.shown
        target = min(max(shown.index(direction) + by, 0), len(shown) - 1)
        shown.insert(target, shown.pop(shown.index(direction)))
        self.sets[self.open_set] = shown + [k for k in self.sets[self.open_set] if k in self.hidden]

    def hide(self, direction: int) -> None:
        """Take away the slider of a direction, unless it is the last of its set."""
        if len(self.shown) == 1:
            raise GanlibError("This is the last slider: show all first.")
        self.hidden.add(direction)

    def move(self, direction: int, offset: float) -> None:
        """Set the number of steps along a direction, counted from 0."""
        self.current = self.current.moved(direction, offset)

    def edit(self, coordinate: int, value: float) -> None:
        """Set one coordinate of the point, counted from 0."""
        edits = self.current.edits
        rest = (self.untruncated - edits)[coordinate].item()
        edits = edits.index_fill(0, torch.tensor(coordinate), value - rest)
        self.current = replace(self.current, edits=edits)

    def truncate(self, amount: float) -> None:
        """Set the truncation: 1 leaves the point where it is, 0 takes it to the mean."""
        self.current = replace(self.current, truncation=amount)

    def undo(self, *, moves: bool = False, edits: bool = False) -> None:
        """Take back all steps along directions, or all changes of coordinates."""
        self._leave_for(self.current.without(moves=moves, edits=edits))

    def rename(self, direction: int, name: str) -> None:
        """Give a direction, counted from 0, a name of up to 20 letters that no other direction has."""
        name = plain(name)
        others = self.names[:direction] + self.names[direction + 1 :]
        if not 1 <= len(name) <= LONGEST_NAME or name in others:
            raise GanlibError(
                f"A name has 1 to {LONGEST_NAME} letters and is no other direction's: change it."
            )
        self.names[direction] = name

    def keep(self, slot: str) -> None:
        """Keep the point as "A" or "B"."""
        self.slots[slot] = self.untruncated

    def go_between(self, share: float) -> None:
        """Go to a point on the arc from A, at 0, to B, at 1."""
        z = slerp(*self._both_slots(), torch.tensor([share]))[0]
        point = self._elsewhere(z, f"{share:.0%} of the way from A to B", self.current.truncation, share)
        if self.current.share is None:
            self._leave_for(point)
        self.current = point  # the whole way is one step in the history

    def preview(self, seconds: float) -> None:
        """Show the picture of the timeline at a moment; the whole of it is one step in the history."""
        timeline = self.timeline()
        z = timeline.at(torch.tensor([seconds]))[0]
        name = f"{seconds:.1f} of {timeline.seconds:.1f} s of the timeline"
        point = self._elsewhere(z, name, 1.0, moment=seconds)
        if self.current.moment is None:
            self._leave_for(point)
        self.current = point

    def timeline(self) -> Timeline:
        """Return the keyframes as a timeline; fewer than two raise `GanlibError`."""
        return Timeline(tuple(self.keyframes), self.loop)

    def add_keyframes(self, *points: Tensor) -> None:
        """Put points, each like `z`, behind the last keyframe."""
        if len(self.keyframes) + len(points) > MOST_NOTED:
            raise GanlibError(f"A timeline has {MOST_NOTED} keyframes at the most: remove some first.")
        self.keyframes += [Keyframe(z) for z in points]

    def shift_keyframe(self, index: int, by: int) -> int:
        """Let a keyframe come earlier or later, and return its new index."""
        target = min(max(index + by, 0), len(self.keyframes) - 1)
        self.keyframes.insert(target, self.keyframes.pop(index))
        return target

    def neighbours(self, count: int, distance: float, round_: int = 0) -> Tensor:
        """Draw points (count, latent_dim + classes) around the current one, as far from the mean as it is.

        At a `distance` of 1, half of a neighbour is chance. Each `round_` draws other ones.
        """
        noise = sample_latent(count, self.latent_dim, _NEIGHBOURS_SEED + round_ * count)
        z, shares = self.untruncated.tensor_split([self.latent_dim])
        points, length = z + distance * noise, z.norm()
        points = points * (length / points.norm(dim=1, keepdim=True)) if length > 0 else points
        return torch.cat([points, shares.expand(count, -1)], 1)

    def truncated(self, points: Tensor) -> Tensor:
        """Return points (..., latent_dim + classes) at the current truncation."""
        z, shares = points.tensor_split([self.latent_dim], -1)
        return torch.cat([truncate(z, self.current.truncation), shares], -1)

    def pin(self, z: Tensor | None = None, origin: str = "") -> None:
        """Make z, (latent_dim + classes,), which is of that `origin`, or what is shown a favourite."""
        z, origin = (self.z, self.describe()) if z is None else (z, origin)
        if self.favourite(z) is not None:
            raise GanlibError("This picture is pinned already.")
        if len(self.favourites) >= MOST_NOTED:
            raise GanlibError(f"There are {MOST_NOTED} favourites already: unpin one first.")
        self.favourites.append(z)
        self.origins.append(origin)

    def add_favourites(self, zs: Sequence[Tensor], origins: Sequence[str]) -> None:
        """Add each z, (latent_dim + classes,), that is no favourite yet, as far as there is room."""
        for z, origin in zip(zs, origins, strict=True):
            if self.favourite(z) is None and len(self.favourites) < MOST_NOTED:
                self.pin(z, origin)

    def unpin(self, index: int | None = None) -> None:
        """Remove a favourite by its index, counted from 0, or what is shown."""
        index = self.favourite(self.z) if index is None else index
        if index is None:
            raise GanlibError("This picture is not pinned: go to a favourite first.")
        del self.favourites[index], self.origins[index]

    def favourite(self, z: Tensor) -> int | None:
        """Return the index of the favourite that z is, if it is one."""
        return next((k for k, pinned in enumerate(self.favourites) if torch.equal(z, pinned)), None)

    def cross(self, one: int, other: int, share: float, count: int, round_: int = 0) -> Tensor:
        """Return children (count, latent_dim + classes) of two favourites, by their index.

        Each number of a child is that of the second parent with the chance `share`, else that of the first:
        so children are as far from the mean as their parents. Each `round_` draws other ones.
        """
        parents = self.favourites[one], self.favourites[other]
        draw = torch.Generator().manual_seed(_CHILDREN_SEED + round_)
        of_other = torch.rand(count, self.latent_dim, generator=draw) < share
        (z, shares), (z_other, shares_other) = (point.tensor_split([self.latent_dim]) for point in parents)
        blend = torch.lerp(shares, shares_other, share).expand(count, -1)
        return torch.cat([torch.where(of_other, z_other, z), blend], 1)

    def child_name(self, one: int, other: int, share: float) -> str:
        """Name a child by what its parents were when they were pinned."""
        first, second = (self.origins[k] or f"favourite {k + 1}" for k in (one, other))
        return f"child of {first} and {share:.0%} of {second}"

    def pinned(self, least: int = 1) -> Tensor:
        """Return the favourites, (N, latent_dim); fewer than `least` raise `GanlibError`."""
        if len(self.favourites) < least:
            raise GanlibError(f"This takes {least} or more favourites: pin some first.")
        return torch.stack(self.favourites)

    def path(self, stops: str, frames: int, *, closed: bool) -> Tensor:
        """Walk (frames, latent_dim) from A to B, or through the "favourites"; a closed walk can be looped."""
        if stops != "favourites":
            return self.truncated(walk(torch.stack(self._both_slots()), frames, closed=closed))
        return walk(self.pinned(2), max(frames, len(self.favourites)), closed=closed)

    def along(self, directions: Sequence[int], offsets: Sequence[float]) -> Tensor:
        """Return the current z moved to every offset along every direction, one direction after the other."""
        moved = [self.current.moved(k, offset) for k in directions for offset in offsets]
        return self.truncated(torch.stack([point.untruncated(self.vectors) for point in moved]))

    def _of_seed(self, seed: int, truncation: float, shares: Tensor) -> LatentPoint:
        base = torch.cat([sample_latent(1, self.latent_dim, seed)[0], shares])
        offsets = torch.zeros(len(self.vectors))
        return LatentPoint(f"seed {seed}", base, offsets, torch.zeros_like(base), truncation, seed)

    def _elsewhere(
        self, z: Tensor, name: str, truncation: float, share: float | None = None, moment: float | None = None
    ) -> LatentPoint:
        unchanged = self.current.without(moves=True, edits=True)
        return replace(unchanged, name=name, base=z, truncation=truncation, share=share, moment=moment)

    def _before(self, steps: int) -> LatentPoint:
        if len(self.history) < steps:
            raise GanlibError("There is nothing to go back to: this is where you began.")
        return self.history[-steps]

    def _both_slots(self) -> tuple[Tensor, Tensor]:
        if len(self.slots) < 2:  # noqa: PLR2004 (A and B)
            raise GanlibError("Keep one picture as A and another as B first.")
        return self.slots["A"], self.slots["B"]

    def _leave_for(self, point: LatentPoint) -> None:
        new, old = ((one.base, one.offsets, one.edits) for one in (point, self.current))
        if point.truncation != self.current.truncation or not all(map(torch.equal, new, old)):
            self.history = [*self.history, self.current][-_LONGEST_HISTORY:]
        self.current = point

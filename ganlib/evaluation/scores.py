"""How good pictures are, as numbers that say what they were computed with."""

from dataclasses import asdict, dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from ganlib.errors import GanlibError
from ganlib.evaluation.metrics import Manifold, Spread

SCALES = (1, 2, 4)  # how many times the pictures were shrunk before they were looked at

_Value = TypeVar("_Value")


class BySize(NamedTuple, Generic[_Value]):
    """The same of pictures as they are, at half and at a quarter of their size."""

    full: _Value
    half: _Value
    quarter: _Value


class Pair(NamedTuple):
    """A sample, the picture of the set that is nearest to it, and how far it is.

    `sample` is its index among the samples and `picture` that in the set; the distance is in units of the
    usual distance of a held-out picture to the nearest training picture.
    """

    sample: int
    picture: int
    distance: float


@dataclass(frozen=True)
class Figures:
    """All that is measured of `count` pictures next to real ones; what each means stands in `metrics`.

    KID is times 1,000. `distinct`, `neighbour_ratio` and `fid` are those at full size; FID is None where
    there are fewer than 2,048 pictures on a side.
    """

    count: int
    kid: BySize[Spread]
    manifold: BySize[Manifold]
    distinct: int
    neighbour_ratio: float
    fid: float | None

    @property
    def precision(self) -> float:
        """The share of samples among real pictures, at full size."""
        return self.manifold.full.precision

    @property
    def recall(self) -> float:
        """The share of real pictures among samples, at full size."""
        return self.manifold.full.recall

    @property
    def density(self) -> float:
        """How thick samples lie where real pictures do, at full size; 1 is as thick as these."""
        return self.manifold.full.density

    @property
    def coverage(self) -> float:
        """The share of real pictures that have a sample close by, at full size."""
        return self.manifold.full.coverage


@dataclass(frozen=True)
class Quality(Figures):
    """The figures of painted pictures, and `floor`: the same of real pictures in their place.

    `pictures` names the set; `resolution` is in px and what `extractor` is given, which looks at `side` px;
    `real` says how many pictures the samples were compared with, `real_are` what these are, and `train` in
    how many training pictures neighbours were looked for. `subset_size` is that of KID, and `seed` that of
    z and of subsets. `closest` holds the samples that are nearest to a training picture, nearest first.
    """

    floor: Figures
    pictures: str
    extractor: str
    side: int
    resolution: int
    real: int
    real_are: str
    train: int
    subset_size: int
    seed: int
    closest: tuple[Pair, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        values = asdict(self)
        values |= _plain(self) | {"floor": values["floor"] | _plain(self.floor)}
        return values | {"closest": [pair._asdict() for pair in self.closest]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Quality":
        """What `to_json` wrote.

        Raises:
            GanlibError: it is damaged, or was written by another version of ganlib.
        """
        try:
            floor = Figures(**values["floor"] | _read(values["floor"]))
            closest = tuple(Pair(**pair) for pair in values["closest"])
            return cls(**values | _read(values) | {"floor": floor, "closest": closest})
        except (KeyError, TypeError, AttributeError) as error:
            raise GanlibError(f"These are no figures of this version of ganlib ({error}).") from error


def _plain(figures: Figures) -> dict[str, Any]:
    """The figures that there are at each size, as dictionaries."""
    kid = {size: value._asdict() for size, value in figures.kid._asdict().items()}
    manifold = {size: value._asdict() for size, value in figures.manifold._asdict().items()}
    return {"kid": kid, "manifold": manifold}


def _read(values: dict[str, Any]) -> dict[str, Any]:
    kid = {size: Spread(**value) for size, value in values["kid"].items()}
    manifold = {size: Manifold(**value) for size, value in values["manifold"].items()}
    return {"kid": BySize(**kid), "manifold": BySize(**manifold)}

"""How good a generator is: its pictures next to real ones that it was never shown."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, cast

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.evaluation import metrics
from ganlib.evaluation.features import Extractor, get_extractor
from ganlib.evaluation.metrics import FEWEST, FEWEST_FOR_FID, BySize, Manifold, MeanStd, Nearest, Pair
from ganlib.latent.sampling import generate, sample_latent
from ganlib.runtime.device import budget
from ganlib.runtime.progress import bar
from ganlib.sizes import Size

SCALES = (1, 2, 4)  # how many times the pictures were shrunk before they were looked at


@dataclass(frozen=True)
class Figures:
    """All figures of `count` pictures next to real ones; the functions of `metrics` say what each means.

    KID is times 1,000. `distinct`, `neighbour_ratio` and `fid` are those at full size, and so are
    `precision`, `recall`, `density` and `coverage`; FID is None where there are fewer than 2,048 pictures on
    a side.
    """

    count: int
    kid: BySize[MeanStd]
    manifold: BySize[Manifold]
    distinct: int
    neighbour_ratio: float
    fid: float | None

    precision = property(attrgetter("manifold.full.precision"), doc="Share of samples among real pictures.")
    recall = property(attrgetter("manifold.full.recall"), doc="Share of real pictures among samples.")
    density = property(attrgetter("manifold.full.density"), doc="How thick samples lie where real ones do.")
    coverage = property(attrgetter("manifold.full.coverage"), doc="Share of real ones with a sample near.")


@dataclass(frozen=True)
class ClassFigures:
    """KID at half size of the pictures of one class, of which `count` real ones were there to compare.

    `baseline` is that of other real ones in their place; either is None where there are too few pictures.
    """

    name: str
    count: int
    kid: float | None
    baseline: float | None


@dataclass(frozen=True)
class Quality(Figures):
    """The figures of generated pictures, and `baseline`: the same of real pictures in their place.

    `pictures` names the set; `resolution` is in px and what `extractor` is given, which looks at `side` px;
    `real` says how many pictures the samples were compared with, `real_are` what these are, and `train` in
    how many training pictures neighbours were looked for. `subset_size` is that of KID, and `seed` that of
    z and of subsets. `closest` holds the samples that are nearest to a training picture, nearest first, and
    `by_class` the figures of each class that the generator knows.
    """

    baseline: Figures
    pictures: str
    extractor: str
    side: int
    resolution: int | str
    real: int
    real_are: str
    train: int
    subset_size: int
    seed: int
    closest: tuple[Pair, ...]
    by_class: tuple[ClassFigures, ...] = ()

    @property
    def copies(self) -> str:
        """A sentence where pictures come so near to training pictures that they are as good as copies."""
        near = f"its pictures lie {self.neighbour_ratio:.2f} times as far from the nearest training picture"
        return f"It comes close to copying: {near} as new ones do." if self.neighbour_ratio < _COPIES else ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Quality":
        """Make the quality that `to_json` wrote, also in version 0.1.

        Raises:
            GanlibError: it is damaged, or was written by another version of ganlib.
        """
        try:
            values = _in_order(_plain(values))
            values["baseline"] = _in_order(values["baseline"])
            values["closest"] = [[pair[name] for name in Pair._fields] for pair in values["closest"]]
            return msgspec.convert(values, cls)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise GanlibError(f"These figures are not from this version of ganlib ({error}).") from error


_COPIES = 0.8  # of the distance at which held-out pictures lie
_OLD_NAMES = {"floor": "baseline", "sd": "std"}  # in files of version 0.1


def _plain(value: Any) -> Any:
    """Named tuples, which `asdict` keeps, as dictionaries, too, and everything under today's names."""
    value = value._asdict() if hasattr(value, "_asdict") else value
    if isinstance(value, dict):
        return {_OLD_NAMES.get(name, name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value


def _in_order(values: dict[str, Any]) -> dict[str, Any]:
    """The figures with lists in the place of named tuples, which is how msgspec knows these."""
    lists = {
        column: [[values[column][size][name] for name in kind._fields] for size in BySize._fields]
        for column, kind in (("kid", MeanStd), ("manifold", Manifold))
    }
    return values | lists


_FEWEST_HELD_OUT = 64
_OF_A_CLASS = 200  # samples
_HEADLINE = 2  # how many times the pictures are shrunk for the KID that stands first
_AT_ONCE = 64  # pictures that are in memory as floats
_CLOSEST = 8

_Indices = NDArray[np.int64]
_Features = dict[int, Tensor]  # (N, D) by how many times the pictures were shrunk


@dataclass(frozen=True)
class _Group:
    """Some pictures of a set, of which each is looked at once at each size, when it is first needed."""

    images: ImageDataset
    look: Callable[[Tensor, int], Tensor]
    indices: _Indices
    seen: _Features = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indices)

    def features(self, scale: int, label: int | None = None) -> Tensor:
        """Features (N, D) of pictures that were shrunk `scale` times: of all, or of one class."""
        if scale not in self.seen:
            parts = np.split(self.indices, range(_AT_ONCE, len(self), _AT_ONCE))
            self.seen[scale] = torch.cat([self.look(self.images.tensor(part), scale) for part in parts])
        if label is None:
            return self.seen[scale]
        return self.seen[scale][torch.from_numpy(cast(_Indices, self.images.labels)[self.indices] == label)]


class Reference:
    """Real pictures to compare samples with; each is looked at once, when it is first needed.

    `extractor` looks at them, `real_are` says what they are, and `watch`, if it is set, is told after each
    batch how many pictures have been looked at.
    """

    def __init__(self, images: ImageDataset, extractor: Extractor, count: int) -> None:
        """Choose at most `count` pictures to compare with; `of` says which."""
        self.images = images
        self.extractor = extractor
        self.watch: Callable[[int], object] | None = None
        self.real_are = "held-out pictures"
        train, group = _shuffled(images.train), partial(_Group, images, self._look)
        self._train = group(train[: budget(10_000, 80)])
        self._real = self._held_out = group(_shuffled(images.held_out)[:count])
        self._others = group(train[: len(self._real)])
        if len(images.held_out) < min(_FEWEST_HELD_OUT, count):
            self.real_are = "training and held-out pictures"
            everything = _shuffled(np.concatenate([images.train, images.held_out]))[:count]
            self._real, self._others = group(everything), group(everything[:0])

    @classmethod
    def of(
        cls, images: ImageDataset, extractor: str | Extractor = "lite0", count: int | None = None
    ) -> "Reference":
        """Choose the pictures of a set to compare with: `count` held-out ones, 1,000 unless told, or all.

        Where fewer than 64 are held out, they are taken from the whole set. The baseline compares held-out
        with as many training pictures, or else one half of the whole with the other.

        Raises:
            GanlibError: the set has fewer than 20 pictures or none held out, or `count` is below 20; there
                is no such extractor, or its weights are missing.
        """
        usual = budget(1000, 40) if count is None else count
        there = len(images.train) + len(images.held_out)
        if min(there, usual) < 2 * FEWEST or not len(images.held_out):
            raise GanlibError(
                f"Measuring quality takes at least {2 * FEWEST} pictures, some of them held out: "
                f"'{images.name}' has {there}, {len(images.held_out)} of them held out, and you ask for "
                f"{usual}. Give it more."
            )
        return cls(images, get_extractor(extractor) if isinstance(extractor, str) else extractor, usual)

    @property
    def count(self) -> int:
        """Return how many real pictures samples are compared with; generate as many if you can."""
        return len(self._real)

    def looks(self, samples: int) -> int:
        """Count the pictures that `quality` of so many samples looks at, anew at each size."""
        apart = 0 if self._held_out is self._real else len(self._held_out)
        return len(SCALES) * (samples + len(self._real) + len(self._others)) + len(self._train) + apart

    def kid(self, samples: Tensor, scale: int = 2, seed: int = 0) -> MeanStd:
        """Compute KID alone of samples (N, 3, S, S) in [-1, 1], both sides shrunk `scale` times: 1, 2 or 4.

        Raises:
            GanlibError: there are fewer than 10 samples, or they are of another size or hold a NaN.
        """
        seen = self._look(self._of_this_size(samples), scale)
        return metrics.kid(self._real.features(scale), seen, seed=seed)

    def told(self, scale: int = 2) -> str:
        """Say what a KID is measured with, and what real pictures get."""
        size = self.images.shape.over(scale)
        return (
            f"{self.extractor.name} at {self.extractor.side} px: {self.count} samples, shrunk to {size} px, "
            f"next to {self.count} {self.real_are}; real against real {self.baseline_kid(scale).mean:z.0f}"
        )

    def baseline_kid(self, scale: int = 2) -> MeanStd:
        """Compute KID of other real pictures than samples are compared with: as good as it can be."""
        return metrics.kid(*self._apart(scale))

    def of_class(self, label: int, samples: Iterable[Tensor]) -> ClassFigures:
        """Compute the figures of one class from its samples, (N, 3, S, S) in [-1, 1], in parts."""
        name, count = self.images.classes[label], len(real := self._real.features(_HEADLINE, label))
        if count < 2 * FEWEST:
            return ClassFigures(name, count, None, None)
        seen = torch.cat([self._look(self._of_this_size(part), _HEADLINE) for part in samples])
        apart = self._apart(_HEADLINE, label)
        baseline = metrics.kid(*apart).mean if min(map(len, apart)) >= FEWEST else None
        return ClassFigures(name, count, metrics.kid(real, seen).mean, baseline)

    def quality(self, samples: Tensor | Iterable[Tensor], seed: int = 0) -> Quality:
        """Compute all figures of samples, (N, 3, S, S) in [-1, 1], whole or in parts; `seed` draws subsets.

        Raises:
            GanlibError: there are fewer than 10 samples, or they are of another size or hold a NaN.
        """
        parts = samples.split(_AT_ONCE) if isinstance(samples, Tensor) else samples
        generated = self._look_at_all(parts)
        real = {scale: self._real.features(scale) for scale in SCALES}
        near = metrics.nearest(generated[1], self._train.features(1))
        ratio = near.distances.median().item() / self._usual_distance
        return Quality(
            **vars(_figures(real, generated, ratio, seed)),
            baseline=self._baseline,
            pictures=self.images.name,
            extractor=self.extractor.name,
            side=self.extractor.side,
            resolution=self.images.size,
            real=self.count,
            real_are=self.real_are,
            train=len(self._train),
            subset_size=metrics.usual_subset(real[1], generated[1]),
            seed=seed,
            closest=self._closest(near),
        )

    @cached_property
    def _baseline(self) -> Figures:
        real, others = ({scale: self._apart(scale)[k] for scale in SCALES} for k in (0, 1))
        return _figures(real, others, 1.0, seed=0)

    @cached_property
    def _usual_distance(self) -> float:
        """Of a held-out picture to the nearest training picture; above 0."""
        near = metrics.nearest(self._held_out.features(1), self._train.features(1))
        return max(near.distances.median().item(), torch.finfo(torch.float32).tiny)

    def _apart(self, scale: int, label: int | None = None) -> tuple[Tensor, Tensor]:
        """Features of real pictures and of about as many others, none of them on both sides."""
        real = self._real.features(scale, label)
        if len(self._others):
            return real, self._others.features(scale, label)
        half = len(real) // 2
        return real[:half], real[half : 2 * half]

    def _closest(self, near: Nearest) -> tuple[Pair, ...]:
        samples = near.distances.argsort(stable=True)[:_CLOSEST]
        pictures = self._train.indices[near.indices[samples]]
        distances = near.distances[samples] / self._usual_distance
        return tuple(map(Pair, samples.tolist(), pictures.tolist(), distances.tolist()))

    def _look_at_all(self, parts: Iterable[Tensor]) -> _Features:
        sized = map(self._of_this_size, parts)
        seen = [[self._look(pictures, scale) for scale in SCALES] for pictures in sized]
        return {scale: torch.cat(features) for scale, *features in zip(SCALES, *seen, strict=True)}

    def _look(self, pictures: Tensor, scale: int) -> Tensor:
        return self.extractor(avg_pool2d(pictures, scale), self.watch)

    def _of_this_size(self, pictures: Tensor) -> Tensor:
        size = Size(*pictures.shape[2:])
        if size != self.images.shape:
            raise GanlibError(
                f"The samples are {pictures.shape[2]} px wide and the pictures of '{self.images.name}' "
                f"{self.images.size}: load these with size={size.to_json()!r}."
            )
        return pictures


def measure_quality(
    generator: nn.Module,
    images: ImageDataset,
    *,
    extractor: str | Extractor = "lite0",
    count: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Quality:
    """Generate `count` samples, with z of `seed`, `seed` + 1 and so on, and compute all their figures.

    They are compared with held-out pictures, as many as there are up to `count`, which is 1,000 or the
    number of these unless told. A bar shows how far it is, unless `progress` is False.

    Raises:
        GanlibError: a count or seed is out of range, the set has fewer than 20 pictures or another size
            than the samples, these hold a NaN, there is no such extractor, or its weights are missing.
    """
    reference = Reference.of(images, extractor, count)
    generated = reference.count if count is None else count
    z = sample_latent(generated, generator.latent_dim, seed)  # type: ignore[arg-type]

    def paint(z: Tensor) -> Iterator[Tensor]:
        return (generate(generator, part) for part in z.split(_AT_ONCE))

    known = getattr(generator, "classes", 0)
    classes = torch.eye(known if known == len(images.classes) else 0)  # the share of each class, a row each
    total = reference.looks(generated) + len(classes) * _OF_A_CLASS
    with bar("evaluating", "picture", total) if progress else nullcontext() as shown:
        reference.watch = shown and shown.update
        quality = reference.quality(paint(z), seed)
        few = z[:_OF_A_CLASS]
        of_each = (paint(torch.cat([few, shares.expand(len(few), -1)], 1)) for shares in classes)
        return replace(quality, by_class=tuple(map(reference.of_class, range(len(classes)), of_each)))


def _figures(real: _Features, generated: _Features, ratio: float, seed: int) -> Figures:
    enough = min(len(real[1]), len(generated[1])) >= FEWEST_FOR_FID
    return Figures(
        count=len(generated[1]),
        kid=BySize(*(metrics.kid(real[scale], generated[scale], seed=seed) for scale in SCALES)),
        manifold=BySize(*(metrics.prdc(real[scale], generated[scale]) for scale in SCALES)),
        distinct=metrics.distinct(generated[1], real[1]),
        neighbour_ratio=ratio,
        fid=metrics.fid(real[1], generated[1]) if enough else None,
    )


def _shuffled(indices: _Indices) -> _Indices:
    """In an order that is always the same: the first of them are a fair choice."""
    return np.random.default_rng(0).permutation(indices)

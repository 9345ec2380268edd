"""Measure the generators that a run has kept: all with the same z, next to the same held-out pictures."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.machine import describe
from benchmarks.quality.job import Job, Place
from benchmarks.quality.systems import Mark, Stage
from ganlib.costs import cost
from ganlib.data.dataset import load_art
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.metrics import MeanStd
from ganlib.evaluation.quality import Quality, Reference
from ganlib.evaluation.scores import SlicedWasserstein
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import Recipe
from ganlib.runtime.device import detect
from ganlib.runtime.files import write_atomically
from ganlib.weights import load_generator

_MOST = 500
FOR_A_CURVE = 200
_AT_ONCE = 64
_HALF = 2


@dataclass(frozen=True)
class Point:
    """A run at one mark: half-size KID of `count` samples, at a full mark all figures; memory in bytes.

    `sliced` is the sliced Wasserstein distance of the samples at a full mark. `rate` is how many operations a
    second large matrix products reach there, 0 if not measured, and `flops` how many operations a picture
    takes.
    """

    step: int
    kimg: float
    minutes: float
    memory: float
    count: int
    kid: MeanStd
    quality: Quality | None = None
    rate: float = 0.0
    flops: int = 0
    sliced: float | None = None

    @property
    def speed(self) -> float:
        """Pictures a second from the start of the run to here."""
        return 1000 * self.kimg / (60 * self.minutes)

    @property
    def share(self) -> float:
        """The share of that rate which the run made use of, in per cent; NaN if it was not measured."""
        return 100 * self.speed * self.flops / self.rate if self.rate else math.nan

    def to_json(self) -> dict[str, Any]:
        """Turn the fields into plain values."""
        quality = self.quality.to_json() if self.quality else None
        return {**vars(self), "kid": self.kid._asdict(), "quality": quality}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Point":
        """Read what `to_json` wrote."""
        quality = Quality.from_json(values["quality"]) if values["quality"] else None
        return cls(**values | {"kid": MeanStd(**values["kid"]), "quality": quality})


@dataclass(frozen=True)
class Result:
    """The points of a run by the names of their marks, its recipe, and machine, versions and day."""

    system: str
    seed: int
    machine: str
    extractor: str
    recipe: Recipe
    points: dict[str, Point]

    @property
    def has_figures(self) -> bool:
        """Whether the run has come to a mark at which everything is measured."""
        return any(point.quality for point in self.points.values())

    @classmethod
    def read(cls, path: Path) -> "Result":
        """Read what `write` wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        points = {name: Point.from_json(point) for name, point in values["points"].items()}
        return cls(**values | {"recipe": Recipe.from_json(values["recipe"]), "points": points})

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        points = {name: point.to_json() for name, point in self.points.items()}
        text = json.dumps({**vars(self), "recipe": self.recipe.to_json(), "points": points}, indent=1)
        write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


class Gauge:
    """Measures what the jobs of a stage have kept."""

    def __init__(self, stage: Stage, extractor: str) -> None:
        """Choose the pictures to compare with; they are looked at when they are first needed.

        Raises:
            GanlibError: there is no such extractor, or its weights are missing.
        """
        self._device = detect(stage.device).device
        art = load_art(stage.art, stage.size)
        self._reference = Reference.of(art, get_extractor(extractor, self._device), _MOST)
        self._sliced = SlicedWasserstein(art.tensor(art.held_out[:_MOST]))

    def measure(self, job: Job) -> Result:
        """Measure a job at those marks that it has passed since it was last measured.

        What was kept for the curve alone is removed then: it would take much of the disk.

        Raises:
            GanlibError: a picture holds a NaN.
        """
        extractor = self._reference.extractor.name
        path = job.run.folder / f"measured-{extractor}.json"
        machine = describe(job.stage.device, job.system.precision)
        new = Result(job.system.name, job.seed, machine, extractor, job.run.recipe(), {})
        result = Result.read(path) if path.exists() else new
        kept = job.kept()
        marks = [mark for mark in job.stage.marks() if self._is_new(job, mark, kept, result)]
        for mark in tqdm(marks, desc=f"measuring {job.name}", leave=False, disable=None):
            point = self._point(job, mark, kept[mark.name])
            result = replace(result, points={**result.points, mark.name: point})
            result.write(path)
            if not mark.full:
                job.kept_file(mark).unlink()
        return result

    def _is_new(self, job: Job, mark: Mark, kept: dict[str, Place], result: Result) -> bool:
        """Whether it was passed, and at another step than it was measured at, or not measured at all."""
        if mark.name not in kept or not job.kept_file(mark).exists():
            return False
        known = result.points.get(mark.name)
        return known is None or known.step != kept[mark.name].step

    def _point(self, job: Job, mark: Mark, place: Place) -> Point:
        generator, recipe = load_generator(job.kept_file(mark))
        count = self._reference.count if mark.full else FOR_A_CURVE
        z = sample_latent(count, recipe.latent_dim)
        samples = torch.cat([generate(generator.to(self._device), part) for part in z.split(_AT_ONCE)])
        quality = self._reference.quality(samples.split(_AT_ONCE)) if mark.full else None
        kid = quality.kid.half if quality else self._reference.kid(samples, _HALF)
        sliced = self._sliced(samples) if mark.full else None
        costs = place.step, place.kimg, place.minutes, place.memory
        return Point(*costs, count, kid, quality, place.rate, cost(recipe).flops, sliced)

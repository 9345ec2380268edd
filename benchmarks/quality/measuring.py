"""Measure the generators that a run has kept: all with the same z, next to the same held-out pictures."""

from dataclasses import replace

import torch
from tqdm import tqdm

from benchmarks.machine import describe
from benchmarks.quality.job import Job
from benchmarks.quality.marks import Mark
from benchmarks.quality.results import Point, Result
from benchmarks.quality.systems import Stage
from benchmarks.quality.track import Place
from ganlib.costs import cost
from ganlib.data.dataset import load_art
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import SCALES, Reference
from ganlib.latent.sampling import generate, sample_latent
from ganlib.run import load_generator
from ganlib.runtime.device import detect

_MOST = 500
FOR_A_CURVE = 200
_AT_ONCE = 64
_HALF = 2


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
        self._machine = describe(stage.device)

    def measure(self, job: Job) -> Result:
        """Measure a job at those marks that it has passed since it was last measured.

        What was kept for the curve alone is removed then: it would take much of the disk.

        Raises:
            GanlibError: a file is missing or damaged, or a picture holds a NaN.
        """
        result = self._begun(job)
        kept = job.track.kept()
        new = [mark for mark in job.stage.marks() if self._is_new(job, mark, kept, result)]
        with tqdm(
            desc=f"measuring {job.name}", total=self._pictures(new), leave=False, disable=None
        ) as shown:
            self._reference.watch = shown.update
            for mark in new:
                point = self._point(job, mark, kept[mark.name])
                result = replace(result, points={**result.points, mark.name: point})
                result.write(job)
                if not mark.full:
                    job.kept_file(mark).unlink()
        return result

    def _begun(self, job: Job) -> Result:
        extractor = self._reference.extractor.name
        new = Result(job.system.name, job.seed, self._machine, extractor, job.run.recipe(), {})
        return Result.read(job, extractor) or new

    def _is_new(self, job: Job, mark: Mark, kept: dict[str, Place], result: Result) -> bool:
        """Whether it was passed, and at another step than it was measured at, or not measured at all."""
        if mark.name not in kept or not job.kept_file(mark).exists():
            return False
        known = result.points.get(mark.name)
        return known is None or known.step != kept[mark.name].step

    def _pictures(self, marks: list[Mark]) -> int:
        """How many the extractor will look at, real ones that it has not seen among them."""
        full = sum(mark.full for mark in marks)
        real = self._reference.unseen(0) if full else 0
        return real + full * len(SCALES) * self._reference.count + (len(marks) - full) * FOR_A_CURVE

    def _point(self, job: Job, mark: Mark, place: Place) -> Point:
        generator, recipe = load_generator(job.kept_file(mark))
        count = self._reference.count if mark.full else FOR_A_CURVE
        z = sample_latent(count, recipe.latent_dim)
        parts = (generate(generator.to(self._device), part) for part in z.split(_AT_ONCE))
        quality = self._reference.quality(parts) if mark.full else None
        kid = quality.kid.half if quality else self._reference.kid(torch.cat(list(parts)), _HALF)
        flops = cost(recipe).flops
        costs = place.step, place.kimg, place.minutes, place.memory
        return Point(*costs, count, kid, quality, place.rate, flops)

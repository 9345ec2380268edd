"""What was measured of a run, in one file."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.job import Job
from ganlib.errors import GanlibError
from ganlib.evaluation.metrics import MeanStd
from ganlib.evaluation.quality import Quality
from ganlib.recipes import Recipe
from ganlib.runtime.files import write_atomically


@dataclass(frozen=True)
class Point:
    """A run at one mark: half-size KID of `count` samples, at a full mark all figures; memory in bytes.

    `rate` is how many operations a second large matrix products reach there, 0 if not measured, and `flops`
    how many operations a picture takes.
    """

    step: int
    kimg: float
    minutes: float
    memory: int
    count: int
    kid: MeanStd
    quality: Quality | None = None
    rate: float = 0.0
    flops: int = 0

    @property
    def speed(self) -> float:
        """Pictures a second from the start of the run to here."""
        return 1000 * self.kimg / (60 * self.minutes)

    @property
    def share(self) -> float:
        """The share of that rate which the run made use of, in per cent; NaN if it was not measured."""
        return 100 * self.speed * self.flops / self.rate if self.rate else math.nan

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        quality = self.quality.to_json() if self.quality else None
        return {**vars(self), "kid": self.kid._asdict(), "quality": quality}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Point":
        """What `to_json` wrote."""
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
    def read(cls, job: Job, extractor: str) -> "Result | None":
        """That of a job by that extractor; None if nothing was measured yet.

        Raises:
            GanlibError: its file is damaged.
        """
        path = _file(job, extractor)
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            points = {name: Point.from_json(point) for name, point in values["points"].items()}
            recipe = Recipe.from_json(values["recipe"])
            return cls(**values | {"recipe": recipe, "points": points})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise GanlibError(f"'{path}' is damaged ({error}): remove it, and start again.") from error

    def write(self, job: Job) -> None:
        """Put it beside the run."""
        points = {name: point.to_json() for name, point in self.points.items()}
        text = json.dumps({**vars(self), "recipe": self.recipe.to_json(), "points": points}, indent=1)
        write_atomically(_file(job, self.extractor), lambda part: part.write_text(text, encoding="utf-8"))


def _file(job: Job, extractor: str) -> Path:
    return job.run.folder / f"measured-{extractor}.json"

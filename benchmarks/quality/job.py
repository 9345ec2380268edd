"""One run of the comparison: a system with a seed, in a folder of its own."""

from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.quality.marks import Mark
from benchmarks.quality.systems import Stage, System
from benchmarks.quality.track import Track
from ganlib.recipes import Recipe
from ganlib.run import Run


@dataclass(frozen=True)
class Job:
    """A system of a stage with a seed; `runs` is the folder of all stages."""

    stage: Stage
    system: System
    seed: int
    runs: Path

    @property
    def name(self) -> str:
        """What it is called: its folder below that of the stage."""
        return f"{self.system.name}-{self.seed}"

    @property
    def run(self) -> Run:
        """Its run folder."""
        return Run(self.runs / self.stage.name / self.name)

    @property
    def track(self) -> Track:
        """How far it has come."""
        return Track(self.run.folder)

    def recipe(self) -> Recipe:
        """What it trains."""
        return replace(self.system.recipe(), seed=self.seed)

    def kept_file(self, mark: Mark) -> Path:
        """The generator as it was at `mark`."""
        return self.run.folder / "kept" / f"{mark.name}.safetensors"

    def is_trained(self) -> bool:
        """Whether it has passed all marks.

        Raises:
            GanlibError: its folder belongs to another recipe, as this one was before it was changed.
        """
        self.run.check(self.recipe())
        return {mark.name for mark in self.stage.marks()} <= set(self.track.kept())

    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        places = self.track.places()
        if not places:
            return 0.0
        kimg, minutes = places[-1].kimg, places[-1].minutes
        return min(1.0, *(mark.share(kimg, minutes) for mark in self.stage.marks()))


def begun(stage: Stage, runs: Path) -> list[Job]:
    """The jobs of a stage that have passed a mark, in the order of its systems."""
    jobs = [
        Job(stage, system, int(folder.name.rpartition("-")[2]), runs)
        for system in stage.systems
        for folder in sorted((runs / stage.name).glob(f"{system.name}-[0-9]*"))
    ]
    return [job for job in jobs if job.track.kept()]

"""One run of the comparison: a system with a seed in a folder of its own, and how far it has come."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.quality.systems import Mark, Stage, System
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.runtime.files import write_atomically


class Place(NamedTuple):
    """Where a run was: `seconds` of training, `memory` in bytes at most, and the mark it passed there.

    `rate` is how many operations a second large matrix products reached in that process, 0 if not measured.
    """

    step: int
    kimg: float
    seconds: float
    memory: float = 0
    mark: str | None = None
    rate: float = 0.0

    @property
    def minutes(self) -> float:
        """The seconds in minutes."""
        return self.seconds / 60


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
    def track_file(self) -> Path:
        """Where its places are, one a line, oldest first."""
        return self.run.folder / "track.jsonl"

    @property
    def said_file(self) -> Path:
        """Where its process says what it has to say."""
        return self.run.folder / "said.txt"

    def recipe(self) -> Recipe:
        """Make the recipe that it trains."""
        return replace(self.system.recipe(), seed=self.seed)

    def kept_file(self, mark: Mark) -> Path:
        """Name the file of the generator as it was at `mark`."""
        return self.run.folder / "kept" / f"{mark.name}.safetensors"

    def places(self) -> list[Place]:
        """Read where it was; a last line cut short is left out."""
        if not self.track_file.exists():
            return []
        lines = self.track_file.read_text(encoding="utf-8").split("\n")[:-1]
        return [Place(**json.loads(line)) for line in lines]

    def kept(self) -> dict[str, Place]:
        """Return the place of each mark that was passed, by the mark's name."""
        return {place.mark: place for place in self.places() if place.mark}

    def note(self, place: Place) -> None:
        """Write down one more place."""
        with self.track_file.open("a", encoding="utf-8") as file:
            file.write(_line(place))

    def go_back(self, step: int) -> Place:
        """Drop what came after the checkpoint of `step`, and return the last place that is left.

        A run that had to go back by itself has been at a step twice, and paid for both: the last one counts.
        """
        places = self.places()
        while places and places[-1].step > step:
            places.pop()
        text = "".join(map(_line, places))
        write_atomically(self.track_file, lambda part: part.write_text(text, encoding="utf-8"))
        return places[-1] if places else Place(0, 0.0, 0.0)

    def is_trained(self) -> bool:
        """Tell whether it has passed all marks.

        Raises:
            GanlibError: its folder belongs to another recipe, as this one was before it was changed.
        """
        self.run.check(self.recipe())
        return {mark.name for mark in self.stage.marks()} <= set(self.kept())

    def last_words(self) -> str:
        """Return the last line that its process has said."""
        lines = self.said_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing."


def _line(place: Place) -> str:
    return json.dumps(place._asdict()) + "\n"


def begun(stage: Stage, runs: Path) -> list[Job]:
    """List the jobs of a stage that have passed a mark, in the order of its systems."""
    jobs = [
        Job(stage, system, int(folder.name.rpartition("-")[2]), runs)
        for system in stage.systems
        for folder in sorted((runs / stage.name).glob(f"{system.name}-[0-9]*"))
    ]
    return [job for job in jobs if job.kept()]

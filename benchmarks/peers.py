"""ganlib next to what else a beginner may take up, at equal minutes of one thread of a CPU.

`python -m benchmarks.peers` trains three systems on the same prepared bytes, the training pictures among the
bundled portraits at 64 px, with three seeds each:

  dcgan         the loop of PyTorch's DCGAN example
  ddpm          a small diffusion model of diffusers: pip install diffusers
  modern64-cpu  ganlib's default recipe

After 10 and after 40 CPU minutes 500 samples of each are kept as bytes and compared with the same held-out
pictures; at the end it prints tables and writes a picture. Stopped or killed, the same command goes on where
the last checkpoint stands, with the minutes spent until then. Several may run at once, each with other --only
or --seeds: the whole command then shows everything.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.machine import describe, exit_status, table
from benchmarks.rivals import DCGANExample, Ganlib, SmallDDPM, System
from ganlib.data.dataset import ImageDataset, load_art, to_bytes, to_float
from ganlib.errors import GanlibError
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import Figures, Quality, Reference
from ganlib.evaluation.scores import SlicedWasserstein
from ganlib.runtime.device import PRECISIONS
from ganlib.runtime.files import expand_home, locked, write_atomically
from ganlib.show.figure import Figure, encode, new_canvas
from ganlib.show.grids import grid_image

SYSTEMS = ("dcgan", "ddpm", "modern64-cpu")
_SAMPLES = 500
_BETWEEN_CHECKPOINTS = 180.0  # seconds of the CPU
_TOO_LATE = 30.0  # seconds past a mark: more than a step takes
_MINUTES = [10.0, 40.0]
_SIDE, _INCHES, _TITLE, _DPI = 6, 4.2, 0.7, 100  # pictures in a row of a grid, its width, and what is above


class Moment(NamedTuple):
    """What a run had come to at a mark: samples (N, H, W, 3) as bytes, and CPU seconds for 100 of them."""

    pictures: NDArray[np.uint8]
    kimg: float
    sampling: float

    def floats(self) -> torch.Tensor:
        """Return the samples as (N, 3, H, W) in [-1, 1]."""
        return to_float(torch.from_numpy(self.pictures))


@dataclass(frozen=True)
class Job:
    """One training: a system with a seed, in a folder below `runs`; only ganlib has a precision."""

    system: str
    seed: int
    precision: str | None
    runs: Path

    @property
    def name(self) -> str:
        """What its folder is called."""
        return "-".join(filter(None, (self.system, self.precision, str(self.seed))))

    def file(self, mark: float, what: str = "samples.npz") -> Path:
        """Name what is kept of a mark."""
        return self.runs / self.name / f"{mark:g}-minutes-{what}"

    def open(self, art: ImageDataset) -> System:
        """Start it, or bring it to where its folder stands."""
        folder = self.runs / self.name
        if self.system == "modern64-cpu":
            return Ganlib(art, folder, self.seed, self.precision)
        return (DCGANExample if self.system == "dcgan" else SmallDDPM)(art, folder, self.seed)

    def moment(self, mark: float) -> Moment:
        """Read what was kept."""
        with np.load(self.file(mark)) as kept:
            return Moment(kept["pictures"], float(kept["kimg"]), float(kept["sampling"]))


def train(job: Job, art: ImageDataset, marks: Sequence[float]) -> None:
    """Train a job from where it stands, and keep its samples at each mark, in CPU minutes.

    Raises:
        GanlibError: another process trains it, or it is past a mark at which nothing was kept.
    """
    with locked(job.runs / job.name / ".peers.lock", "training", 0):
        missing = [mark for mark in sorted(marks) if not job.file(mark).exists()]
        if not missing:
            return
        system = job.open(art)
        if system.seconds > 60 * missing[0] + _TOO_LATE:
            raise GanlibError(
                f"'{job.runs / job.name}' is past {missing[0]:g} CPU minutes and has kept nothing there: "
                "remove the folder, or name others with --runs."
            )
        layout = "{desc} |{bar}| {n:.0f} of {total:.0f} CPU s, {remaining} left"
        end, begun = 60 * missing[-1], system.seconds
        with tqdm(desc=job.name, total=end, initial=begun, bar_format=layout, disable=None) as shown:
            for mark in missing:
                _train_to(60 * mark, system, lambda seconds: shown.update(min(seconds, end) - shown.n))
                _keep(system, job.file(mark))
                said = f"{job.name}: {system.kimg:.1f} kimg in {mark:g} CPU minutes"
                shown.write(said, file=sys.stderr)  # the tables alone go to a file


def _train_to(end: float, system: System, watch: Callable[[float], object]) -> None:
    while system.seconds < end:
        system.train(min(end, system.seconds + _BETWEEN_CHECKPOINTS), watch)


def _keep(system: System, file: Path) -> None:
    began = time.process_time()
    pictures = to_bytes(system.sample(_SAMPLES)).numpy()
    sampling = 100 * (time.process_time() - began) / _SAMPLES
    moment = Moment(pictures, system.kimg, sampling)
    write_atomically(file, lambda part: np.savez(part, **moment._asdict()))


class Result(NamedTuple):
    """All figures of a run at a mark, or those of real pictures, which cost nothing."""

    figures: Figures
    sliced: float
    kimg: float = math.nan
    sampling: float = math.nan


Results = dict[tuple[Job, float], Result]  # by job and mark
_COLUMNS: tuple[tuple[str, int, Callable[[Result], float]], ...] = (
    ("KID full", 0, lambda one: one.figures.kid.full.mean),
    ("half", 0, lambda one: one.figures.kid.half.mean),
    ("quarter", 0, lambda one: one.figures.kid.quarter.mean),
    ("precision, half", 2, lambda one: one.figures.manifold.half.precision),
    ("recall, half", 2, lambda one: one.figures.manifold.half.recall),
    ("neighbour ratio", 2, lambda one: one.figures.neighbour_ratio),
    ("distinct", 0, lambda one: one.figures.distinct),
    ("sliced Wasserstein", 3, lambda one: one.sliced),
    ("kimg", 1, lambda one: one.kimg),
    ("CPU seconds for 100 pictures", 2, lambda one: one.sampling),
)


class Gauge:
    """Compares samples with held-out pictures, which are looked at when they are first needed."""

    def __init__(self, art: ImageDataset, extractor: str) -> None:
        """Raise `GanlibError` if there is no such extractor, or its weights are missing."""
        self._reference = Reference.of(art, get_extractor(extractor, torch.device("cpu")), _SAMPLES)
        self._sliced = SlicedWasserstein(art.tensor(art.held_out[:_SAMPLES]))
        self.sliced_of_real = self._sliced(art.tensor(art.train[:_SAMPLES]))

    def result(self, job: Job, mark: float) -> Result:
        """Measure a job at a mark; what the extractor has said of it is kept, too."""
        moment = job.moment(mark)
        file = job.file(mark, f"{self._reference.extractor.name}.json")
        if not file.exists():
            text = json.dumps(self._reference.quality(moment.floats()).to_json(), indent=1)
            write_atomically(file, lambda part: part.write_text(text, encoding="utf-8"))
        quality = Quality.from_json(json.loads(file.read_text(encoding="utf-8")))
        return Result(quality, self._sliced(moment.floats()), moment.kimg, moment.sampling)


def report(results: Results, real: Result) -> str:
    """Write a table for each mark: the mean of the seeds, and the value of each."""
    marks = dict.fromkeys(mark for _, mark in results)
    return "\n\n".join("\n".join([f"{mark:g} CPU minutes\n", *_table(mark, results, real)]) for mark in marks)


def _table(mark: float, results: Results, real: Result) -> Iterator[str]:
    of_system: dict[str, list[Result]] = {}
    for (job, at), result in results.items():
        if at == mark:
            of_system.setdefault(job.system, []).append(result)
    rows = [[name, *_cells(found)] for name, found in (of_system | {"real against real": [real]}).items()]
    return table(["system", *(heading for heading, *_ in _COLUMNS)], rows)


def _cells(results: Sequence[Result]) -> Iterator[str]:
    for _, digits, value in _COLUMNS:
        values = [value(result) for result in results]
        mean = "" if math.isnan(values[0]) else f"{fmean(values):z,.{digits}f}"
        yield f"{mean} ({', '.join(f'{one:z,.{digits}f}' for one in values)})" if len(values) > 1 else mean


def draw(results: Results, path: Path) -> None:
    """Write samples of each system, of its first seed, as a PNG: a row of grids for each mark."""
    first = min(job.seed for job, _ in results)
    jobs = list(dict.fromkeys(job for job, _ in results if job.seed == first))
    marks = list(dict.fromkeys(mark for _, mark in results))
    canvas = new_canvas(_INCHES * len(jobs), (_INCHES + _TITLE) * len(marks), dpi=_DPI)
    every = canvas.subplots(len(marks), len(jobs), squeeze=False).flat
    for axes, (mark, job) in zip(every, product(marks, jobs), strict=True):
        result = results[job, mark]
        about = f"{result.kimg:.0f} kimg, half-size KID {result.figures.kid.half.mean:,.0f}"
        axes.set_title(f"{job.system}, {mark:g} CPU minutes\n{about}", loc="left", fontsize=10)
        pictures = job.moment(mark).floats()[: _SIDE**2]
        axes.imshow(np.asarray(grid_image(pictures, _SIDE)), interpolation="antialiased")
        axes.axis("off")
    data = encode(Figure.from_canvas(canvas, "", _DPI).image().convert("RGB"), optimize=True)
    write_atomically(path, lambda part: part.write_bytes(data))


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.peers", description=__doc__, formatter_class=about)
    add = parser.add_argument
    add("--only", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="train only these")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="the seeds to train with (0 1 2)")
    add("--minutes", type=float, nargs="+", default=_MINUTES, help="the marks, in CPU minutes (10 40)")
    add("--precision", choices=PRECISIONS, help="ganlib's (the device's own)")
    add("--extractor", default="lite0", help="what looks at the pictures: lite0, lite2 or inception (lite0)")
    add("--runs", type=expand_home, default=Path("runs/peers"), help="the run folders (runs/peers)")
    add("--out", type=Path, help="the picture (benchmarks/peers.png; of other minutes, below --runs)")
    return parser


def _compare(options: argparse.Namespace) -> int:
    if "ddpm" in options.only and not find_spec("diffusers"):
        raise GanlibError("'ddpm' needs diffusers: pip install diffusers, or name the others after --only.")
    art = load_art("portraits", 64)
    gauge = Gauge(art, options.extractor)
    own = {"modern64-cpu": options.precision}
    jobs = [Job(name, seed, own.get(name), options.runs) for seed in options.seeds for name in options.only]
    for job in jobs:
        train(job, art, options.minutes)
    pairs = list(product(jobs, sorted(options.minutes)))
    results = {pair: gauge.result(*pair) for pair in tqdm(pairs, desc="measuring", disable=None)}
    of = cast(Quality, results[pairs[0]].figures)
    print(
        f"{of.pictures} at {of.resolution} px. KID times 1,000 by {of.extractor}: {of.count} samples next to "
        f"{of.real} {of.real_are}, neighbours among {of.train} training pictures. In brackets: seeds "
        f"{', '.join(map(str, options.seeds))}. {describe('cpu', options.precision)}.\n"
    )
    print(report(results, Result(of.baseline, gauge.sliced_of_real)))
    usual = Path(__file__).with_name("peers.png")
    path = options.out or (usual if options.minutes == _MINUTES else options.runs / "peers.png")
    draw(results, path)
    print(f"\nThe pictures are in {path}.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; exit code 0, 2 for a mistake, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    return exit_status(lambda: _compare(options))


if __name__ == "__main__":
    sys.exit(main())

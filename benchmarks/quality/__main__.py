"""How good the pictures of five ways to train a GAN are, at equal kimg and at equal minutes.

Every system trains on the same prepared bytes, with seeds 0 to 2, in a folder of its own below --runs, until
it has passed all marks; what it paints there is compared with the same held-out pictures, or with all where
fewer than 64 are held out. It can be stopped at any time: the same command goes on where it stood. At the end
it prints tables and writes one picture.

  cpu    five systems at 32 px on the bundled portraits, about an hour on two cores
  claim  portraits64 against modern64-cpu at 64 px, after 10 and 40 CPU minutes, about two hours on two cores
  parts  modern64-cpu at 64 px with one thing changed at a time, about two hours on two cores
  hard   modern64-cpu and what may take its place at 64 px, on three sets, after 10 and 40 CPU minutes, eight
         hours a seed on two cores; beforehand: python data/render.py travellers --out runs/sets/travellers,
         and the same for voxels; --extractor lite2, since some look through lite0 as they train
  rates  the residual nets of modern64, a quarter as wide, at four rates, half an hour a seed on two cores
  batches  modern64-cpu in batches of 16 to 128 at rates to go with them, an hour a seed on two cores
  gpu    five systems at 64 px (portraits) and at 512 px (patchwork), 15 minutes or more for each of 30 runs

Minutes are those that one process has computed where it trains on a CPU, whatever else runs there, and those
of the clock on a GPU. A run whose minutes are over goes on until its kimg are reached, too.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.machine import exit_status
from benchmarks.quality.job import Job, begun
from benchmarks.quality.measuring import Gauge, Result
from benchmarks.quality.picture import draw
from benchmarks.quality.running import Workers, run_all
from benchmarks.quality.systems import SIZES, Stage
from benchmarks.quality.table import report
from benchmarks.quality.training import train
from ganlib.errors import GanlibError
from ganlib.runtime.device import detect
from ganlib.runtime.files import expand_home

_UNFINISHED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; exit code 0, 1 if a run broke down, 2 for a mistake, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _train_one(options) if options.train else _compare(options))


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.quality", description=__doc__, formatter_class=about)
    add = parser.add_argument
    add("--size", choices=SIZES, default="cpu", help="what to compare (cpu)")
    names = "; ".join(
        f"{size}: {' '.join(one.name for one in stages[0].systems)}" for size, stages in SIZES.items()
    )
    add("--only", nargs="+", metavar="SYSTEM", help=f"train only these: {names}")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="the seeds to train with (0 1 2)")
    add("--kimg", type=float, help="another budget, to try it out; such runs have folders of their own")
    add("--minutes", type=float, help="the same for minutes")
    add("--report", action="store_true", help="train nothing; measure and show what is there")
    add("--runs", type=expand_home, default=Path("runs/quality"), help="the run folders (runs/quality)")
    add("--out", type=Path, help="the picture (benchmarks/quality-SIZE.png; of a trial, below --runs)")
    add("--extractor", default="lite0", help="what looks at the pictures: lite0, lite2 or inception (lite0)")
    add("--device", help="where to train and measure (the size's own)")
    add("--parallel", type=int, help="how many train at a time (2 on a CPU, else 1)")
    add("--threads", type=int, default=1, help="threads of each process on a CPU (1)")
    add("--train", metavar="STAGE/SYSTEM-SEED", help=argparse.SUPPRESS)  # be the process that trains this one
    return parser


def _stages(options: argparse.Namespace) -> list[Stage]:
    """Those of the size, on a device that is there."""
    stages = [stage.shortened(options.kimg, options.minutes) for stage in SIZES[options.size]]
    device = detect(options.device or stages[0].device).device.type
    return [replace(stage, device=device) for stage in stages]


def _train_one(options: argparse.Namespace) -> int:
    name, _, run = options.train.partition("/")
    system, _, seed = run.rpartition("-")
    stage = next(stage for stage in _stages(options) if stage.name == name)
    job = Job(stage, stage.system(system), int(seed), options.runs)
    return 0 if train(job) else _UNFINISHED


def _compare(options: argparse.Namespace) -> int:
    broken: list[Job] = []
    found = []
    for stage in _stages(options):
        if stage.device == "cpu":
            torch.set_num_threads(options.threads)
        gauge = Gauge(stage, options.extractor)
        if not options.report:
            broken += run_all(_jobs(stage, options), _workers(stage, options), gauge.measure)
        results = {job: gauge.measure(job) for job in begun(stage, options.runs)}
        found.append((stage, {job: result for job, result in results.items() if result.has_figures}))
    _show([(stage, results) for stage, results in found if results], _picture_file(options))
    print(*(f"{job.name} did not come to its end: {job.last_words()}" for job in broken), sep="\n", end="")
    return _UNFINISHED if broken else 0


def _jobs(stage: Stage, options: argparse.Namespace) -> list[Job]:
    names = options.only or [system.name for system in stage.systems]
    chosen = [stage.system(name) for name in names]
    return [Job(stage, system, seed, options.runs) for seed in options.seeds for system in chosen]


def _workers(stage: Stage, options: argparse.Namespace) -> Workers:
    on_cpu = stage.device == "cpu"
    common = ["--size", options.size, "--device", stage.device, "--runs", str(options.runs.resolve())]
    common += [f"--{name}={getattr(options, name)}" for name in ("kimg", "minutes") if getattr(options, name)]
    return Workers(
        lambda job: ["-m", "benchmarks.quality", *common, "--train", f"{job.stage.name}/{job.name}"],
        options.parallel or (2 if on_cpu else 1),
        options.threads if on_cpu else None,
    )


def _picture_file(options: argparse.Namespace) -> Path:
    is_trial = options.kimg is not None or options.minutes is not None
    folder = options.runs if is_trial else Path(__file__).parents[1]
    return options.out or folder / f"quality-{options.size}.png"


def _show(found: Sequence[tuple[Stage, dict[Job, Result]]], path: Path) -> None:
    if not found:
        raise GanlibError("No run has reached a budget yet: train first, without --report.")
    print(*(report(stage, list(results.values())) for stage, results in found), sep="\n\n")
    draw(found, path)
    print(f"\nThe pictures and curves are in {path}.")


if __name__ == "__main__":
    sys.exit(main())

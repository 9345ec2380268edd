"""What it brings to start from a trained model, at equal CPU minutes.

`python -m benchmarks.transfer SET [SET ...]` trains `modern64-cpu` on 100 and on 2,000 pictures of each set,
with three seeds, anew and from the bundled portraits, and prints KID (times 1,000, at half size), recall and
how near generated pictures come to training ones; the comparison is with held-out pictures of the whole set.
Stopped, it goes on with the same command. A set is a folder, such as those that `data/render.py` draws, or
"blueprints": the portraits in white and blue.
"""

import argparse
import json
import re
import shutil
import time
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from ganlib.data.dataset import ImageDataset, load_art
from ganlib.evaluation.quality import measure_quality
from ganlib.recipes import get_recipe
from ganlib.run import Run
from ganlib.runtime.device import detect
from ganlib.runtime.files import make_folder
from ganlib.training.callbacks import Callback, Training
from ganlib.training.trainer import Trainer
from ganlib.weights import find_weights, load_generator

FROZEN = "G and D, freeze_d=2"
STARTS = ("anew", "G alone", "G and D", FROZEN)
COUNTS = (100, 2000)
BLUEPRINTS = "blueprints"


def blueprints() -> ImageDataset:
    """Return the portraits in white and blue: the same shapes in other colours."""
    grey = load_art("portraits").images @ np.array([0.299, 0.587, 0.114])  # (N, 64, 64), from 0 to 255
    blue, white = np.array([20, 40, 110]), np.array([240, 245, 255])
    return ImageDataset((blue + grey[..., None] / 255 * (white - blue)).round().astype(np.uint8), BLUEPRINTS)


class CpuMinutes(Callback):
    """End training after so many minutes that this process has computed."""

    def __init__(self, minutes: float) -> None:
        """Count from now."""
        self._end = time.process_time() + 60 * minutes

    def on_step(self, trainer: Training) -> None:
        """Look at the clock."""
        if time.process_time() > self._end:
            trainer.stop()


@dataclass(frozen=True)
class Job:
    """One training: a set, how many of its pictures, where it starts, and a seed."""

    art: ImageDataset
    count: int
    start: str
    seed: int

    def run(self, runs: Path) -> Run:
        """Return its run folder below `runs`."""
        start = re.sub(r"\W+", "-", self.start)
        return Run(runs / f"{self.art.name}-{self.count}-{start}-{self.seed}")


def figures(job: Job, runs: Path, minutes: float) -> dict[str, Any]:
    """Train and measure, unless that was done before."""
    run = job.run(runs)
    file = run.folder / "transfer.json"
    if not file.is_file():
        chosen = job.art.images[job.art.train[: job.count]]
        recipe = replace(get_recipe("modern64-cpu"), seed=job.seed, freeze_d=2 if job.start == FROZEN else 0)
        few = ImageDataset(np.ascontiguousarray(chosen), job.art.name)
        trainer = Trainer(
            recipe, few, run.folder, start_from=_model(job.start, runs), device="cpu", precision="fp32",
            callbacks=[CpuMinutes(minutes)], save_minutes=10_000,
        )  # fmt: skip
        trainer.fit(kimg=10_000)
        quality = measure_quality(load_generator(run.folder)[0], job.art)
        found = {
            "kimg": trainer.state.kimg,
            "kid": quality.kid.half.mean,
            "recall": quality.manifold.half.recall,
            "neighbours": quality.neighbour_ratio,
        }
        file.write_text(json.dumps(found), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def _model(start: str, runs: Path) -> str | Path | None:
    """Where the weights come from; away from their D those of G are alone."""
    if start == "G alone":
        return Path(shutil.copy(find_weights("portraits"), make_folder(runs)))
    return None if start == "anew" else "portraits"


def main() -> None:
    """Read the command line, train what is missing, print a table."""
    parser = argparse.ArgumentParser("benchmarks.transfer", description=__doc__)
    parser.add_argument("sets", nargs="+", help="folders of pictures, or blueprints")
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU minutes of each training (5)")
    parser.add_argument("--runs", type=Path, default=Path("runs/transfer"), help="the run folders")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="to train with (0 1 2)")
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=STARTS, help="where to start from")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = [blueprints() if name == BLUEPRINTS else load_art(name) for name in options.sets]
    print(f"{detect('cpu', 'fp32')}, one thread, {options.minutes:g} CPU minutes each\n")
    print("| pictures | start | kimg | KID/2 | of each seed | recall/2 | nearest neighbour |")
    print("|---|---|---|---|---|---|---|")
    for art, count, start in product(sets, COUNTS, options.starts):
        jobs = [Job(art, count, start, seed) for seed in options.seeds]
        rows = [figures(job, options.runs, options.minutes) for job in jobs]
        print(_row(f"{count} {art.name}", start, rows), flush=True)


def _row(what: str, start: str, rows: list[dict[str, Any]]) -> str:
    mean = {name: fmean(row[name] for row in rows) for name in rows[0]}
    each = ", ".join(f"{row['kid']:,.0f}" for row in rows)
    return (
        f"| {what} | {start} | {mean['kimg']:.0f} | {mean['kid']:,.0f} | {each} | {mean['recall']:.2f} "
        f"| {mean['neighbours']:.2f} |"
    )


if __name__ == "__main__":
    main()

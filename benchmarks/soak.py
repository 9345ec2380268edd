"""Does anything grow, and is anything lost? A long run, a studio that is moved for long, and kills.

`python -m benchmarks.soak` kills `prepare` in the middle a hundred times, gives the same command again, and
compares the files to the byte. Then it trains a tiny recipe for 20,000 steps, moves the studio 5,000 times,
and prints memory and open files after the first tenth and at the end. It fails if a byte differs, if memory
has grown by more than 2 %, or if a file was left open. It runs on Linux and macOS.
"""

import argparse
import gc
import hashlib
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import psutil
import torch

from benchmarks.machine import describe, table
from benchmarks.throughput import make_jpegs
from ganlib.data.dataset import ImageDataset
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.recipes import Recipe
from ganlib.runtime.device import detect
from ganlib.studio.app import LatentStudio
from ganlib.training.callbacks import Callback, Training
from ganlib.training.trainer import Trainer

_RECIPE = Recipe("tiny", size=32, latent_dim=8, width=2, batch_size=4)
_GROWTH = 0.02
_HEADINGS = ("work", "MB after a tenth", "MB at the end", "grown by", "open files", "at the end")


class Meter:
    """Take memory and open files after a tenth of `total` and at the end."""

    def __init__(self, work: str, total: int) -> None:
        """Wait for the first tenth."""
        self._work = work
        self._moments = max(1, total // 10), total
        self._taken: list[tuple[float, int]] = []

    def __call__(self, done: int) -> None:
        """Take them if `done` is one of the two moments."""
        if done in self._moments:
            gc.collect()
            process = psutil.Process()
            self._taken.append((process.memory_info().rss / 1e6, process.num_fds()))

    def result(self) -> tuple[list[str], bool]:
        """Return the row of the table, and whether all is as it was after the tenth."""
        (memory, files), (later, more) = self._taken
        growth = later / memory - 1
        row = [self._work, f"{memory:.1f}", f"{later:.1f}", f"{growth:+.2%}", str(files), str(more)]
        return row, growth <= _GROWTH and more <= files


class _Watch(Callback):
    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def on_step(self, trainer: Training) -> None:
        self._meter(trainer.state.step)


def train(steps: int, folder: Path) -> Meter:
    """Train a tiny recipe on random pictures."""
    meter = Meter(f"{steps:,} steps", steps)
    pictures = np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    trainer = Trainer(_RECIPE, ImageDataset(pictures, "noise"), folder, callbacks=[_Watch(meter)])
    trainer.fit(kimg=steps * _RECIPE.batch_size / 1000)
    return meter


def move(moves: int, folder: Path) -> Meter:
    """Move the sliders of the studio in turn, its panels open in turn, and now and then go elsewhere."""
    meter, studio = Meter(f"{moves:,} moves", moves), LatentStudio(folder)
    sliders = [slider.widget for panel in studio._panels for slider in getattr(panel, "sliders", ())]
    for number in range(1, moves + 1):
        studio._views.value = number // len(sliders) % len(studio._panels)
        sliders[number % len(sliders)].value = -3 + 6 * (number * 0.37 % 1)
        if number % len(sliders) == 0:
            studio._seeds.seed.value = number
        meter(number)
    return meter


def started(art: Path, out: Path) -> multiprocessing.process.BaseProcess:
    """Begin to prepare in a process of its own, with everything imported."""
    process = multiprocessing.get_context("fork").Process(target=prepare, args=(art, Settings(64), out))
    process.start()
    return process


def undisturbed(art: Path, out: Path) -> float:
    """Prepare a set and return the seconds that it took."""
    began = time.perf_counter()
    started(art, out).join()
    return time.perf_counter() - began


def contents(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a set."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}


def killed(kills: int, place: Path) -> int:
    """Kill `prepare` in the middle, each time in another set, and count the sets that then come to differ."""
    make_jpegs(place, 64)
    art, random, differing = place / "art", Random(0), 0
    seconds = min(undisturbed(art, place / f"whole-{turn}") for turn in range(3))
    for out in (place / f"killed-{number}" for number in range(kills)):
        exit_code: int | None = 0
        while exit_code == 0:  # it was quicker than the kill
            shutil.rmtree(out, ignore_errors=True)
            process = started(art, out)
            time.sleep(random.uniform(0, seconds))
            process.kill()
            process.join()
            exit_code = process.exitcode
        undisturbed(art, out)
        differing += contents(out) != contents(place / "whole-0")
    return differing


def main(arguments: Sequence[str] | None = None) -> int:
    """Do all three, print the tables, and return 1 if something has grown or differs."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.soak", description=__doc__, formatter_class=about)
    parser.add_argument("--steps", type=int, default=20_000, help="of training (20000)")
    parser.add_argument("--moves", type=int, default=5_000, help="of the studio (5000)")
    parser.add_argument("--kills", type=int, default=100, help="of prepare (100)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # nets as narrow as these only wait for a second one
    print(describe(detect("cpu").device.type), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        differing = killed(options.kills, place)  # first, as a process with threads is no good to fork
        print(f"prepare killed {options.kills} times, and run again: {differing} sets differ\n", flush=True)
        meters = train(options.steps, place / "run"), move(options.moves, place / "run")
    rows, are_flat = zip(*(meter.result() for meter in meters), strict=True)
    print(*table(_HEADINGS, rows), sep="\n")
    return int(differing > 0 or not all(are_flat))


if __name__ == "__main__":
    sys.exit(main())

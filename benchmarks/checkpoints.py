"""How much a run leaves on the disk each time it saves, and how long that takes.

`python -m benchmarks.checkpoints` takes two steps with every recipe of 64 px, in batches of two, and saves.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.machine import describe
from ganlib.data.dataset import load_art
from ganlib.recipes import get_recipe, recipe_names
from ganlib.runtime.device import detect
from ganlib.training.checkpoint import read_checkpoint, save_checkpoint
from ganlib.training.trainer import Trainer

_SIZE = 64  # px
_BATCH = 2


class Measured(NamedTuple):
    """A checkpoint's bytes, and the seconds to write and to read it."""

    name: str
    size: int
    writing: float
    reading: float

    def row(self) -> str:
        """One line of the table."""
        return f"| {self.name} | {self.size / 1e6:.1f} | {self.writing:.2f} | {self.reading:.2f} |"


def measure(name: str, folder: Path, times: int) -> Measured:
    """The quickest of some saves of a recipe's whole state."""
    recipe = replace(get_recipe(name), batch_size=_BATCH)
    art = load_art(recipe.art, recipe.size)
    trainer = Trainer(recipe, art, folder / name, callbacks=[])
    run = trainer.fit(kimg=2 * _BATCH / 1000)
    writing, reading = [], []
    for _ in range(times):
        start = time.perf_counter()
        save_checkpoint(trainer.state, run)
        written = time.perf_counter()
        read_checkpoint(run.checkpoint_file)
        writing.append(written - start)
        reading.append(time.perf_counter() - written)
    return Measured(name, run.checkpoint_file.stat().st_size, min(writing), min(reading))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    print(f"{describe(detect().device.type)}\n\n| recipe | MB | s to save | s to read |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name in recipe_names():
            if get_recipe(name).size == _SIZE:
                print(measure(name, Path(folder), times).row())


if __name__ == "__main__":
    main()

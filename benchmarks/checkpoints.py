"""How much a run leaves on the disk each time it saves, and how long that takes.

`python -m benchmarks.checkpoints` takes two steps with every recipe of 64 px, in batches of two, and saves.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import describe, table
from ganlib.data.dataset import load_art
from ganlib.recipes import get_recipe, recipe_names
from ganlib.runtime.device import detect
from ganlib.training.checkpoint import read_checkpoint, save_checkpoint
from ganlib.training.trainer import Trainer

_SIZE = 64  # px
_BATCH = 2


def row(name: str, folder: Path, times: int) -> list[str]:
    """Save and read a recipe's whole state so often, and say how large it is and what the quickest took."""
    recipe = replace(get_recipe(name), batch_size=_BATCH)
    trainer = Trainer(recipe, load_art(recipe.art, recipe.size), folder / name, callbacks=[])
    run = trainer.fit(kimg=2 * _BATCH / 1000)
    writing, reading = [], []
    for _ in range(times):
        start = time.perf_counter()
        save_checkpoint(trainer.state, run)
        written = time.perf_counter()
        read_checkpoint(run.checkpoint_file)
        writing.append(written - start)
        reading.append(time.perf_counter() - written)
    size = run.checkpoint_file.stat().st_size
    return [name, f"{size / 1e6:.1f}", f"{min(writing):.2f}", f"{min(reading):.2f}"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    times = parser.parse_args().times
    print(describe(detect().device.type), end="\n\n")
    names = [name for name in recipe_names() if get_recipe(name).size == _SIZE]
    with TemporaryDirectory() as folder:
        rows = (row(name, Path(folder), times) for name in names)
        for line in table(["recipe", "MB", "s to save", "s to read"], rows):
            print(line, flush=True)


if __name__ == "__main__":
    main()

"""Pictures a second, end to end: the loop every tutorial has against ganlib's, same nets, same batch.

`python -m benchmarks.throughput` makes a folder of 512 JPEGs of 1000x1200 px, then lets each loop train on it
in a process of its own, one after the other in turn, and prints a table. The first epoch, in which
ganlib's pictures have just been prepared and everything is warming up, does not count.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.machine import describe
from benchmarks.tutorial_loop import decoding_loader, epoch_rates
from ganlib.data.imageset import ImageSet
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.machine import detect
from ganlib.recipes import get_recipe
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer

LOOPS = ("tutorial", "tutorial, decoded", "ganlib")


class EpochClock(Callback):
    """Note when each epoch ends, with the device's queue emptied."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.times: list[float] = []

    def on_start(self, trainer: Trainer) -> None:
        """Start the clock."""
        self.times.append(time.perf_counter())

    def on_step(self, trainer: Trainer) -> None:
        """Note the time if the epoch is over."""
        if trainer.state.batches.position >= len(trainer.state.batches):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())


def make_jpegs(folder: Path, count: int, grain: int = 12, quality: int = 90) -> None:
    """Write `count` JPEGs of 1000x1200 px, smooth colours with `grain` levels of noise, in a class folder."""
    random = np.random.default_rng(0)
    (folder / "art").mkdir(parents=True)
    for index in tqdm(range(count), desc="pictures", disable=None):
        colours = Image.fromarray(random.integers(0, 256, (15, 12, 3), dtype=np.uint8))
        smooth = np.asarray(colours.resize((1000, 1200), Image.Resampling.BICUBIC), dtype=np.int16)
        noise = random.integers(-grain, grain + 1, (1200, 1000, 1), dtype=np.int16)
        picture = Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))
        picture.save(folder / "art" / f"{index:04d}.jpg", quality=quality)


def rates_of(loop: str, folder: Path, device: str, epochs: int) -> list[float]:
    """Pictures a second of each epoch of one loop."""
    recipe = get_recipe("portraits64")
    torch.manual_seed(0)
    if loop == "tutorial":
        return epoch_rates(decoding_loader(folder, recipe), recipe, device, epochs)
    images = ImageSet.open(prepare(folder, Settings(recipe.size, at_least=1), folder.parent / "prepared"))
    if loop == "ganlib":
        return _rates_of_ganlib(images, folder, device, epochs)
    batches = images.tensor().to(memory_format=torch.contiguous_format).split(recipe.batch_size)
    return epoch_rates([(batch, torch.empty(0)) for batch in batches], recipe, device, epochs)


def _rates_of_ganlib(images: ImageSet, folder: Path, device: str, epochs: int) -> list[float]:
    with tempfile.TemporaryDirectory(dir=folder.parent) as run:
        clock = EpochClock()
        trainer = Trainer("portraits64", images, run, device=device, callbacks=[clock])
        trainer.fit(epochs=epochs)
        return [len(trainer.state.batches) / seconds for seconds in np.diff(clock.times)]


def measure(folder: Path, device: str, epochs: int, rounds: int) -> dict[str, list[float]]:
    """The rates of every loop from the second epoch on, in processes that take turns."""
    rates: dict[str, list[float]] = {loop: [] for loop in LOOPS}
    for _ in range(rounds):
        for loop in LOOPS:
            command = [sys.executable, "-m", "benchmarks.throughput", "--loop", loop, "--folder", str(folder)]
            command += ["--device", device, "--epochs", str(epochs)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rates[loop] += json.loads(done.stdout.splitlines()[-1])[1:]
    return rates


def table(rates: dict[str, list[float]]) -> str:
    """The median of each loop and its ratio to the first, as Markdown."""
    base = statistics.median(rates["tutorial"])
    lines = ["| loop | pictures a second (median, lowest to highest epoch) | ratio |", "|---|---|---|"]
    for loop, values in rates.items():
        median = statistics.median(values)
        spread = f"{median:.1f} ({min(values):.1f} to {max(values):.1f})"
        lines.append(f"| {loop} | {spread} | {median / base:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, or be the process that runs one loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default=detect().device.type)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=LOOPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        print(json.dumps(rates_of(options.loop, options.folder, options.device, options.epochs)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "jpegs"
        make_jpegs(folder, 512)
        rates = measure(folder, options.device, options.epochs, options.rounds)
    print(describe(options.device), table(rates), sep="\n\n")


if __name__ == "__main__":
    main()

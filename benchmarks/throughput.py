"""Pictures a second, end to end: the loop every tutorial has against ganlib's, same nets, same batch.

`python -m benchmarks.throughput` makes a folder of 512 JPEGs of 1000x1200 px, then lets each loop train on it
in a process of its own, one after the other in turn, and prints a table. The first tenth of the epochs, one
at the least, in which ganlib's pictures have just been prepared and everything is warming up, does not count.
The tutorial's loop plays plain BCE in fp32, whatever the recipe, on the recipe's nets.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.machine import describe
from benchmarks.matrix import matrix_rate
from benchmarks.tutorial_loop import decoding_loader, epoch_rates
from ganlib.costs import cost
from ganlib.data.dataset import ImageDataset
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.recipes import Recipe, get_recipe
from ganlib.runtime.device import PRECISIONS, detect
from ganlib.training.callbacks import Callback, Training
from ganlib.training.trainer import Trainer

LOOPS = ("tutorial", "tutorial, decoded", "ganlib")
COMPILED = "ganlib, compiled"
WANTED_ON_A_GPU = 3.0  # times the tutorial's loop, both on pictures in memory
_EPOCHS_OF_DECODING = 4


@dataclass(frozen=True)
class Race:
    """What all loops train: the recipe's name, where, in which precision (the device's own), and how long."""

    recipe: str = "portraits64"
    device: str = "cpu"
    precision: str | None = None
    epochs: int = 4

    def arguments(self) -> list[str]:
        """What `main` makes of it again."""
        words = ["--recipe", self.recipe, "--device", self.device, "--epochs", str(self.epochs)]
        return words + (["--precision", self.precision] if self.precision else [])

    def warming_up(self) -> int:
        """So many of the first epochs do not count."""
        return max(1, self.epochs // 10)


class EpochClock(Callback):
    """Note when each epoch ends, with the device's queue emptied."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.times: list[float] = []
        self._epoch = -1

    def on_start(self, trainer: Training) -> None:
        """Start the clock."""
        self.times.append(time.perf_counter())

    def on_step(self, trainer: Training) -> None:
        """Note the time if the epoch is over."""
        batches = trainer.state.batches
        if batches.at_end() and batches.epoch > self._epoch:  # where G plays alone it stays at the end
            self._epoch = batches.epoch
            if trainer.machine.device.type == "cuda":
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


def rates_of(loop: str, folder: Path, race: Race) -> list[float]:
    """Pictures a second of each epoch of one loop."""
    recipe = get_recipe(race.recipe)
    torch.manual_seed(0)
    if loop == "tutorial":
        few = min(race.epochs, _EPOCHS_OF_DECODING)
        return epoch_rates(decoding_loader(folder, recipe), recipe, race.device, few)
    images = ImageDataset.open(prepare(folder, Settings(recipe.size, at_least=1), folder.parent / "prepared"))
    if loop in {"ganlib", COMPILED}:
        return _rates_of_ganlib(recipe, images, folder, race, loop == COMPILED)
    batches = images.tensor().to(memory_format=torch.contiguous_format).split(recipe.batch_size)
    return epoch_rates([(batch, torch.empty(0)) for batch in batches], recipe, race.device, race.epochs)


def _rates_of_ganlib(
    recipe: Recipe, images: ImageDataset, folder: Path, race: Race, compiled: bool
) -> list[float]:
    with tempfile.TemporaryDirectory(dir=folder.parent) as run:
        clock = EpochClock()
        trainer = Trainer(
            recipe,
            images,
            run,
            device=race.device,
            precision=race.precision,
            callbacks=[clock],
            compiled=compiled,
        )
        trainer.fit(epochs=race.epochs)
        return [len(trainer.state.batches) / seconds for seconds in np.diff(clock.times)]


def measure(folder: Path, race: Race, rounds: int, loops: tuple[str, ...] = LOOPS) -> dict[str, list[float]]:
    """The rates of every loop in the epochs that count, in processes that take turns."""
    rates: dict[str, list[float]] = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop in loops:
            command = [sys.executable, "-m", "benchmarks.throughput", "--loop", loop, "--folder", str(folder)]
            done = subprocess.run(command + race.arguments(), check=True, stdout=subprocess.PIPE, text=True)
            every = json.loads(done.stdout.splitlines()[-1])
            rates[loop] += every[1 if loop == "tutorial" else race.warming_up() :]
    return rates


def arithmetic(loop: str, recipe: Recipe) -> int:
    """Floating-point operations a picture; the tutorial has BCE, no penalties, and paints once for both."""
    if loop.startswith("tutorial"):
        recipe = replace(recipe, loss="bce", penalty=(0.0, 0.0), fakes="shared")
    return cost(recipe).flops


def table(rates: dict[str, list[float]], recipe: Recipe, peaks: dict[str, float]) -> str:
    """The median of each loop, its ratio to the first, and its share of the device's peak, as Markdown.

    `peaks` are the operations a second of a large matrix product in each loop's precision. "With all" is the
    mean over all epochs, those in which samples, scores and log are written among them.
    """
    base = statistics.median(rates["tutorial"])
    lines = [
        "| loop | pictures a second (median, lowest to highest epoch) | with all | ratio | GFLOP/s "
        "| share of matrix products |",
        "|---|---|---|---|---|---|",
    ]
    for loop, values in rates.items():
        median = statistics.median(values)
        spread = f"{median:.1f} ({min(values):.1f} to {max(values):.1f})"
        done = median * arithmetic(loop, recipe)
        lines.append(
            f"| {loop} | {spread} | {statistics.harmonic_mean(values):.1f} | {median / base:.2f} "
            f"| {done / 1e9:.0f} | {done / peaks[loop]:.0%} |"
        )
    return "\n".join(lines)


def verdict(rates: dict[str, list[float]], device: str) -> str:
    """How much faster ganlib is than the tutorial's loop in memory; on a GPU, whether that will do."""
    base = statistics.median(rates["tutorial, decoded"])
    return "\n".join(
        _verdict(loop, statistics.median(values) / base, device)
        for loop, values in rates.items()
        if loop not in LOOPS[:2]
    )


def _verdict(loop: str, ratio: float, device: str) -> str:
    said = f"In memory {loop} makes {ratio:.2f} times the steps of the tutorial's loop"
    if device != "cuda":
        return f"{said}."
    reached = "reached" if ratio >= WANTED_ON_A_GPU else "NOT reached"
    return f"{said}; on a GPU {WANTED_ON_A_GPU:.0f} are wanted: {reached}."


def peaks_of(rates: dict[str, list[float]], race: Race) -> tuple[dict[str, float], str]:
    """For each loop what matrix products reach in its precision, and that as a sentence."""
    own = detect(race.device, race.precision).precision
    precisions = {loop: "no" if loop.startswith("tutorial") else own for loop in rates}
    measured = {word: matrix_rate(race.device, word) for word in dict.fromkeys(precisions.values())}
    said = ", ".join(
        f"{'fp32' if word == 'no' else word} {rate / 1e9:,.0f}" for word, rate in measured.items()
    )
    sentence = f"Large matrix products here, in GFLOP/s: {said}."
    return {loop: measured[word] for loop, word in precisions.items()}, sentence


def report(race: Race, rates: dict[str, list[float]]) -> str:
    """Machine, table, what was divided by, and the verdict."""
    recipe = get_recipe(race.recipe)
    peaks, products = peaks_of(rates, race)
    nets = (
        f"Recipe {recipe.name}, {recipe.size} px, batches of {recipe.batch_size}, "
        f"{arithmetic('ganlib', recipe) / 1e9:.1f} GFLOP a picture. {products}"
    )
    machine = describe(race.device, race.precision)
    return "\n\n".join([machine, nets, table(rates, recipe, peaks), verdict(rates, race.device)])


def main() -> None:
    """Measure, or be the process that runs one loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default=Race.recipe, help="whose nets (portraits64)")
    parser.add_argument("--device", default=detect().device.type)
    parser.add_argument("--precision", choices=PRECISIONS, help="ganlib's (the device's own)")
    parser.add_argument("--compile", action="store_true", help="train with torch.compile, too")
    parser.add_argument("--epochs", type=int, help="of the loops in memory (4, on a GPU 100)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=(*LOOPS, COMPILED), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    epochs = options.epochs or (100 if options.device == "cuda" else Race.epochs)
    race = Race(options.recipe, options.device, options.precision, epochs)
    if options.loop:
        print(json.dumps(rates_of(options.loop, options.folder, race)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "jpegs"
        make_jpegs(folder, 512)
        rates = measure(folder, race, options.rounds, (*LOOPS, COMPILED) if options.compile else LOOPS)
    print(report(race, rates))


if __name__ == "__main__":
    main()

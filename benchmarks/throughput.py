"""Pictures a second, end to end: the loop every tutorial has against ganlib's, same nets, same batch.

`python -m benchmarks.throughput` makes a folder of 512 JPEGs of 1000x1200 px, then lets each loop train on it
in a process of its own, one after the other in turn, and prints a table. The first tenth of the epochs, one
at the least, in which ganlib's pictures have just been prepared and everything is warming up, does not count.
The tutorial's loop plays plain BCE in fp32, whatever the recipe, on the recipe's nets.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor
from tqdm import tqdm

from benchmarks.machine import describe, matrix_rate, spread, table
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
_WANTED_ON_A_GPU = 3.0  # times the tutorial's loop, both on pictures in memory
_EPOCHS_OF_DECODING = 4
_WORDS = {"no": "fp32"}
_HEADINGS = (
    "loop",
    "pictures a second (median, lowest to highest epoch)",
    "with all",
    "ratio",
    "GFLOP/s",
    "share of matrix products",
)

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Race:
    """What all loops train: the recipe's name, where, in which precision (the device's own), and how long."""

    recipe: str = "portraits64"
    device: str = "cpu"
    precision: str | None = None
    epochs: int = 4

    def warming_up(self) -> int:
        """So many of the first epochs do not count."""
        return max(1, self.epochs // 10)


def decoding_loader(folder: Path, recipe: Recipe) -> DataLoader[Batch]:
    """Load from an `ImageFolder` with two workers: every picture is decoded in every epoch."""
    centre = Normalize([0.5] * 3, [0.5] * 3)
    transform = Compose([Resize(recipe.size), CenterCrop(recipe.size), ToTensor(), centre])
    pictures = ImageFolder(str(folder), transform)
    return DataLoader(pictures, recipe.batch_size, shuffle=True, num_workers=2)


def epoch_rates(loader: Iterable[Batch], recipe: Recipe, device: str, epochs: int) -> list[float]:
    """Train with the loop of every DCGAN tutorial, as it is found; return pictures a second of each epoch."""
    generator = recipe.generator().to(device)
    discriminator = nn.Sequential(recipe.discriminator(), nn.Sigmoid()).to(device)
    criterion = nn.BCELoss()
    g_optimizer = torch.optim.Adam(generator.parameters(), recipe.g_lr, recipe.betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), recipe.d_lr, recipe.betas)
    rates = []
    for _ in range(epochs):
        began = time.perf_counter()
        shown = 0
        for batch, _ in loader:
            real = batch.to(device)
            ones = torch.ones(len(real), device=device)
            zeros = torch.zeros(len(real), device=device)

            discriminator.zero_grad()
            d_loss_real = criterion(discriminator(real).view(-1), ones)
            d_loss_real.backward()
            fake = generator(torch.randn(len(real), recipe.latent_dim, 1, 1, device=device))
            d_loss_fake = criterion(discriminator(fake.detach()).view(-1), zeros)
            d_loss_fake.backward()
            d_optimizer.step()

            generator.zero_grad()
            g_loss = criterion(discriminator(fake).view(-1), ones)
            g_loss.backward()
            g_optimizer.step()

            (d_loss_real + d_loss_fake).item(), g_loss.item()  # printed or stored by every tutorial
            shown += len(real)
        rates.append(shown / (time.perf_counter() - began))
    return rates


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
    (folder / "art").mkdir(parents=True)

    def make(index: int) -> None:
        random = np.random.default_rng(index)
        colours = Image.fromarray(random.integers(0, 256, (15, 12, 3), dtype=np.uint8))
        smooth = np.asarray(colours.resize((1000, 1200), Image.Resampling.BICUBIC), dtype=np.int16)
        noise = random.integers(-grain, grain + 1, (1200, 1000, 1), dtype=np.int16)
        picture = Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))
        picture.save(folder / "art" / f"{index:04d}.jpg", quality=quality)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(tqdm(threads.map(make, range(count)), desc="pictures", total=count, disable=None))


def rates_of(loop: str, folder: Path, race: Race) -> list[float]:
    """Train one loop, and return the pictures a second of each epoch."""
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
    """Measure every loop in the epochs that count, in processes that take turns."""
    rates: dict[str, list[float]] = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop in loops:
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                every = process.submit(rates_of, loop, folder, race).result()
            rates[loop] += every[1 if loop == "tutorial" else race.warming_up() :]
    return rates


def arithmetic(loop: str, recipe: Recipe) -> int:
    """Count the operations a picture; the tutorial has BCE, no penalties, and paints once for both."""
    if loop.startswith("tutorial"):
        recipe = replace(recipe, loss="bce", penalty=(0.0, 0.0), fakes="shared")
    return cost(recipe).flops


def report(race: Race, rates: dict[str, list[float]]) -> str:
    """Write down the machine, the table, what was divided by, and the verdict."""
    recipe = get_recipe(race.recipe)
    own = detect(race.device, race.precision).precision
    precisions = {loop: "no" if loop.startswith("tutorial") else own for loop in rates}
    peaks = {word: matrix_rate(race.device, word) for word in dict.fromkeys(precisions.values())}
    products = ", ".join(f"{_WORDS.get(word, word)} {rate / 1e9:,.0f}" for word, rate in peaks.items())
    nets = (
        f"Recipe {recipe.name}, {recipe.size} px, batches of {recipe.batch_size}, "
        f"{arithmetic('ganlib', recipe) / 1e9:.1f} GFLOP a picture. "
        f"Large matrix products here, in GFLOP/s: {products}."
    )
    rows = comparison(rates, recipe, {loop: peaks[word] for loop, word in precisions.items()})
    machine = describe(race.device, race.precision)
    return "\n\n".join([machine, nets, "\n".join(table(_HEADINGS, rows)), verdict(rates, race.device)])


def comparison(rates: dict[str, list[float]], recipe: Recipe, peaks: dict[str, float]) -> Iterator[list[str]]:
    """Give the median of each loop, its ratio to the first, and its share of the device's peak.

    `peaks` are the operations a second of a large matrix product in each loop's precision. "With all" is the
    mean over all epochs, those in which samples, scores and log are written among them.
    """
    base = statistics.median(rates["tutorial"])
    for loop, values in rates.items():
        median, mean = statistics.median(values), statistics.harmonic_mean(values)
        done = median * arithmetic(loop, recipe)
        figures = [f"{mean:.1f}", f"{median / base:.2f}", f"{done / 1e9:.0f}", f"{done / peaks[loop]:.0%}"]
        yield [loop, spread(values), *figures]


def verdict(rates: dict[str, list[float]], device: str) -> str:
    """Say how much faster ganlib is than the tutorial's loop in memory; on a GPU, whether that will do."""
    base = statistics.median(rates["tutorial, decoded"])
    lines = []
    for loop in [loop for loop in rates if loop not in LOOPS[:2]]:
        ratio = statistics.median(rates[loop]) / base
        reached = "reached" if ratio >= _WANTED_ON_A_GPU else "NOT reached"
        wanted = f"; on a GPU {_WANTED_ON_A_GPU:.0f} are wanted: {reached}" if device == "cuda" else ""
        lines.append(f"In memory {loop} makes {ratio:.2f} times the steps of the tutorial's loop{wanted}.")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default=Race.recipe, help="whose nets (portraits64)")
    parser.add_argument("--device", default=detect().device.type)
    parser.add_argument("--precision", choices=PRECISIONS, help="ganlib's (the device's own)")
    parser.add_argument("--compile", action="store_true", help="train with torch.compile, too")
    parser.add_argument("--epochs", type=int, help="of the loops in memory (4, on a GPU 100)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    epochs = options.epochs or (100 if options.device == "cuda" else Race.epochs)
    race = Race(options.recipe, options.device, options.precision, epochs)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "jpegs"
        make_jpegs(folder, 512)
        rates = measure(folder, race, options.rounds, (*LOOPS, COMPILED) if options.compile else LOOPS)
    print(report(race, rates))


if __name__ == "__main__":
    main()

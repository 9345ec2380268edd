"""What a GPU will do, counted without one: pictures a second of a recipe's training, and what binds them.

The operators of a training step in half precision are recorded on the CPU, each with the floating-point
operations it does and the bytes it reads and writes, in batches of 2 and of 4: both numbers are lines in the
size of a batch, so that any other follows. An operator then takes a GPU as long as its arithmetic, its bytes
or its launch does, whichever is longest (the roofline model of Williams et al. 2009), and a step as long as
all operators, or as the host needs to hand them over.

  python -m benchmarks.roofline                 every recipe on every GPU, in batches of its own
  python -m benchmarks.roofline --sweep RECIPE  larger batches, wider nets, CUDA graphs, compiled
  python -m benchmarks.roofline --json          what `benchmarks.gpu` compares with, into its predicted.json

What is assumed, until a GPU has been measured (`python -m benchmarks.gpu`): convolutions reach 40 % of the
arithmetic of a data sheet, everything 80 % of its memory bandwidth, a kernel lasts 5 µs or more, and Python
hands over an operator in 15 µs.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from unittest.mock import patch

import numpy as np

from benchmarks.gpu.report import PREDICTED
from benchmarks.gpu.scale import real
from benchmarks.gpu.steps import Trial, trials
from benchmarks.machine import describe, table
from benchmarks.operators import Operator, Recorder
from ganlib import augment
from ganlib.data.dataset import ImageDataset
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.training.trainer import Trainer

_SHARE_OF_ARITHMETIC, _SHARE_OF_BANDWIDTH = 0.4, 0.8
_LAUNCH = 5e-6  # seconds of a kernel of next to no work
HOST = 15e-6  # seconds from one operator to the next, as Python hands them to the GPU
_BATCHES = 2, 4  # that are recorded
PLAIN, GRAPH, FUSED = HOWS = ("as it is", "one CUDA graph", "compiled")


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet: operations a second in half precision and in fp32, bytes a second."""

    name: str
    half: float
    single: float  # in TF32 where it has it, since torch's convolutions are done in it
    bandwidth: float


GPUS = (
    Gpu("T4", 65e12, 8.1e12, 320e9),
    Gpu("L4", 121e12, 60e12, 300e9),
    Gpu("A100", 312e12, 156e12, 1555e9),
    Gpu("H200", 989e12, 494e12, 4800e9),
)


def seconds_on(gpu: Gpu, operator: Operator) -> tuple[float, str]:
    """Return how long a GPU takes for an operator, and for what."""
    peak = gpu.half if operator.is_half else gpu.single
    return max(
        (operator.kernels * _LAUNCH, "launches"),
        (operator.flops / (_SHARE_OF_ARITHMETIC * peak), "arithmetic"),
        (operator.bytes / (_SHARE_OF_BANDWIDTH * gpu.bandwidth), "memory"),
    )


class Recording:
    """The operators of the steps of one whole round of a recipe's penalties, for any batch size."""

    def __init__(self, recipe: Recipe) -> None:
        """Take the steps, on the CPU, twice."""
        self.recipe = recipe
        self._few, self._more = (_recorded(replace(recipe, batch_size=size)) for size in _BATCHES)
        if [one.kernels for one in self._few] != [one.kernels for one in self._more]:
            raise ValueError(f"The operators of {recipe.name} depend on the size of a batch.")

    def operators(self, batch_size: int) -> Iterator[Operator]:
        """Give those of a batch of any size."""
        for few, more in zip(self._few, self._more, strict=True):
            yield few._replace(
                flops=_line(few.flops, more.flops, batch_size), bytes=_line(few.bytes, more.bytes, batch_size)
            )

    @property
    def per_step(self) -> float:
        """The kernels of a step."""
        return sum(one.kernels for one in self._few) / self.recipe.penalty_every

    def rate(self, gpu: Gpu, batch_size: int, how: str = PLAIN) -> tuple[float, str]:
        """Return pictures a second on a GPU, and what binds them."""
        operators = list(self.operators(batch_size))
        if how == FUSED:
            operators = list(_fused(operators))
        spent = {"launches": 0.0, "arithmetic": 0.0, "memory": 0.0}
        for operator in operators:
            seconds, why = seconds_on(gpu, operator)
            spent[why] += seconds
        device = sum(spent.values())
        handing = 0.0 if how == GRAPH else HOST * len(operators)
        binds = "the host" if handing > device else max(spent, key=lambda why: spent[why])
        return batch_size * self.recipe.penalty_every / max(device, handing), binds


def _fused(operators: Iterable[Operator]) -> Iterator[Operator]:
    """Make one kernel of what lies between two convolutions: it moves the bytes of its largest operator."""
    for convolves, group in itertools.groupby(operators, lambda operator: operator.flops > 0):
        members = list(group)
        yield from members if convolves else [max(members, key=lambda operator: operator.bytes)]


def _line(few: float, more: float, batch_size: int) -> float:
    return few + (more - few) * (batch_size - _BATCHES[0]) / (_BATCHES[1] - _BATCHES[0])


def _recorded(recipe: Recipe) -> list[Operator]:
    with tempfile.TemporaryDirectory() as folder, patch.object(augment, "_sliced", augment._gathered):
        trainer = Trainer(recipe, _pictures(recipe), folder, device="cpu", precision="bf16", callbacks=[])
        with trainer.state.rng.used():
            trainer.train_step()  # Adam makes its moments in the first
            trainer.state.step = 0
            with Recorder() as recorder:
                for _ in range(recipe.penalty_every):
                    trainer.train_step()
    return recorder.operators


def _pictures(recipe: Recipe) -> ImageDataset:
    noise = np.random.default_rng(0).integers(0, 256, (80, *recipe.shape, 3), dtype=np.uint8)
    return ImageDataset(noise, "noise")


def _of_recipe(name: str) -> list[str]:
    recording = Recording(get_recipe(name))
    size = recording.recipe.batch_size
    rates = (recording.rate(gpu, size) for gpu in GPUS)
    pictures = size * recording.recipe.penalty_every
    operators = list(recording.operators(size))
    flops, moved = (
        sum(column) / pictures for column in ([o.flops for o in operators], [o.bytes for o in operators])
    )
    counts = [f"{recording.per_step:.0f}", f"{flops / 1e9:.2f}", f"{moved / 1e6:.0f}"]
    return [name, str(size), *counts, *(f"{rate:,.0f} ({why})" for rate, why in rates)]


def _sweep(name: str) -> Iterator[list[str]]:
    recipe = get_recipe(name)
    for width in (recipe.width, 2 * recipe.width, 3 * recipe.width):
        recording = Recording(replace(recipe, width=width))
        for size in (16, 64, 128, 256):
            for how in HOWS:
                rates = (recording.rate(gpu, size, how) for gpu in GPUS)
                yield [str(width), str(size), how, *(f"{rate:,.0f} ({why})" for rate, why in rates)]


def predicted(wanted: Iterable[Trial]) -> dict[str, dict[str, tuple[int, str]]]:
    """Predict trials of `benchmarks.gpu` in half precision: by GPU and name, the rate and what binds it."""
    found: dict[str, dict[str, tuple[int, str]]] = {gpu.name: {} for gpu in GPUS}
    recordings: dict[Recipe, Recording] = {}
    for trial in wanted:
        alike = replace(trial.recipe, batch_size=_BATCHES[0])
        recording = recordings.get(alike) or recordings.setdefault(alike, Recording(alike))
        for gpu in GPUS:
            how = FUSED if trial.compiled else PLAIN
            rate, binds = recording.rate(gpu, trial.recipe.batch_size, how)
            found[gpu.name][trial.name] = round(rate), binds
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of all recipes, or of one with larger batches and wider nets."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.roofline", description=__doc__, formatter_class=about)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="all of them, unless told")
    parser.add_argument(
        "--sweep", action="store_true", help="larger batches, wider nets, a CUDA graph a step"
    )
    parser.add_argument("--json", action="store_true", help="write benchmarks/gpu/predicted.json anew")
    options = parser.parse_args(arguments)
    if options.json:
        found = predicted(trial for trial in trials(real("bf16")) if trial.precision == "bf16")
        PREDICTED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return
    print(describe("cpu", "bf16"), end="\n\n")
    names = [gpu.name for gpu in GPUS]
    if options.sweep:
        lines = (line for name in options.recipes for line in _sweep(name))
        headings = ["width", "batch", "step", *names]
    else:
        lines = (_of_recipe(name) for name in options.recipes or recipe_names())
        headings = ["recipe", "batch", "kernels a step", "GFLOP a picture", "MB a picture", *names]
    for line in table(headings, lines):
        print(line, flush=True)


if __name__ == "__main__":
    main()

"""Pictures a second of training steps: in every precision, compiled, in larger batches, with wider nets."""

import gc
import itertools
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate.state import AcceleratorState

from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import Scale
from benchmarks.layout import LAYOUTS, rate
from benchmarks.machine import matrix_rate
from ganlib.costs import cost
from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.runtime.device import detect
from ganlib.training.trainer import Trainer

_WORDS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
_SWEPT = "modern64-cpu"
_LAID_OUT = ("portraits64", "modern64-cpu")
_AT_ONCE = 16  # steps from one look at the clock to the next, for which the host waits for the device
_STEPS_OF_LAYOUTS = 24
_FAILURES = (RuntimeError, ValueError, GanlibError)


@dataclass(frozen=True)
class Trial:
    """One thing to measure."""

    name: str
    recipe: Recipe
    precision: str
    compiled: bool = False


def trials(scale: Scale) -> Iterator[Trial]:
    """List what is measured, the most valuable first."""
    half, *others = scale.precisions
    recipes = {name: scale.recipe(get_recipe(name)) for name in recipe_names()}
    for name, recipe in recipes.items():
        yield Trial(name, recipe, half)
    for name in scale.compiled:
        yield Trial(f"{name}, compiled", recipes[name], half, compiled=True)
    for width in (1, 2, 3):
        for size in scale.batches:
            swept = recipes[_SWEPT]
            wide = replace(swept, width=width * swept.width, batch_size=size)
            yield Trial(f"{_SWEPT}, width {wide.width}, batches of {size}", wide, half)
    for precision in others:
        for name, recipe in recipes.items():
            yield Trial(f"{name}, {precision}", recipe, precision)


def measure(scale: Scale, results: Results, ends: float) -> None:
    """Measure what has not been measured yet, until `time.time()` says `ends`."""
    for precision in scale.precisions:
        if not results.has("products", precision):
            flops = matrix_rate(scale.device, _WORDS[precision], side=256 if scale.shrinks else None)
            results.add("products", precision, flops=flops)
    for number, trial in enumerate(trials(scale)):
        if number == len(recipe_names()):
            _compare_layouts(scale, results)
        takes = scale.compiling if trial.compiled else 3 * scale.seconds
        if time.time() + takes > ends or results.has("steps", trial.name):
            continue
        try:
            results.add("steps", trial.name, **_measured(trial, scale))
        except _FAILURES as error:  # the others are measured all the same
            results.add("steps", trial.name, error=str(error).partition("\n")[0])
            if "CUDA error" in str(error):  # after which nothing works any more in this process
                return


def _compare_layouts(scale: Scale, results: Results) -> None:
    for name, precision in itertools.product(_LAID_OUT, ("fp32", scale.precisions[0])):
        for layout, memory_format in LAYOUTS.items():
            what = f"{name} {precision}, {layout}"
            if not results.has("layouts", what):
                machine = detect(scale.device, precision)
                steps = 1 if scale.shrinks else _STEPS_OF_LAYOUTS
                found = rate(scale.recipe(get_recipe(name)), memory_format, machine, steps)
                results.add("layouts", what, rate=found)


def _measured(trial: Trial, scale: Scale) -> dict[str, float | int | str]:
    recipe = trial.recipe
    AcceleratorState._reset_state(reset_partial_state=True)
    gc.collect()  # the trainer before is held by circles of references
    if scale.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            recipe,
            whole_batches(recipe),
            folder,
            device=scale.device,
            precision=trial.precision,
            callbacks=[],
            compiled=trial.compiled,
        )
        with trainer.state.rng.used():
            found = _rate(trainer, scale)
    return {
        "recipe": recipe.name,
        "batch": recipe.batch_size,
        "width": recipe.width,
        "precision": trial.precision,
        "rate": found,
        "flops": cost(recipe).flops,
        "memory": torch.cuda.max_memory_allocated() if scale.device == "cuda" else 0,
    }


def whole_batches(recipe: Recipe) -> ImageDataset:
    """Make noise for two batches to train on: no batch of an epoch is shorter than the others."""
    wanted = 2 * recipe.batch_size
    noise = np.random.default_rng(0).integers(0, 256, (2 * wanted + 40, *recipe.shape, 3), dtype=np.uint8)
    images = ImageDataset(noise, "noise")
    return ImageDataset(images.images[images.train[:wanted]], "noise")


def _rate(trainer: Trainer, scale: Scale) -> float:
    """Pictures a second over whole rounds of penalties."""
    every = trainer.recipe.penalty_every
    chunk = every if scale.shrinks else every * -(-_AT_ONCE // every)
    for _ in range(chunk):
        trainer.train_step()
    scale.synchronise()
    shown, began = trainer.state.shown, time.perf_counter()
    while time.perf_counter() - began < scale.seconds or trainer.state.shown == shown:
        for _ in range(chunk):
            trainer.train_step()
        scale.synchronise()
    return (trainer.state.shown - shown) / (time.perf_counter() - began)

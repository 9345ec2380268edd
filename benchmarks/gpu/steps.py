"""Pictures a second of training steps: in every precision, compiled, in larger batches, with wider nets."""

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
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.runtime.device import detect
from ganlib.training.trainer import Trainer

_WORDS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
_SWEPT = "modern64-cpu"
_LAID_OUT = ("portraits64", "modern64-cpu")


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
        yield Trial(f"{name} {half}", recipe, half)
    for width in (1, 2, 3):
        for size in scale.batches:
            swept = recipes[_SWEPT]
            wide = replace(swept, width=width * swept.width, batch_size=size)
            yield Trial(f"{_SWEPT} {half} width {wide.width} batch {size}", wide, half)
    for precision in others:
        for name, recipe in recipes.items():
            yield Trial(f"{name} {precision}", recipe, precision)
    for name in scale.compiled:
        yield Trial(f"{name} {half} compiled", recipes[name], half, compiled=True)


def measure(scale: Scale, results: Results, ends: float) -> None:
    """Measure what has not been measured yet, until `time.monotonic()` says `ends`."""
    for precision in scale.precisions:
        if not results.has("products", precision):
            rate = matrix_rate(scale.device, _WORDS[precision], side=256 if scale.shrinks else None)
            results.add("products", precision, flops=rate)
    for trial in trials(scale):
        if time.monotonic() > ends:
            return
        if not results.has("steps", trial.name):
            try:
                results.add("steps", trial.name, **_measured(trial, scale))
            except (RuntimeError, ValueError) as error:  # the others are measured all the same
                results.add("steps", trial.name, error=str(error).partition("\n")[0])


def compare_layouts(scale: Scale, results: Results) -> None:
    """Measure channels first and last with `benchmarks.layout`, in half precision and in fp32."""
    for name, precision in itertools.product(_LAID_OUT, ("fp32", scale.precisions[0])):
        for layout, memory_format in LAYOUTS.items():
            what = f"{name} {precision}, {layout}"
            if not results.has("layouts", what):
                machine = detect(scale.device, precision)
                value = rate(scale.recipe(get_recipe(name)), memory_format, machine, scale.warm_up)
                results.add("layouts", what, rate=value)


def _measured(trial: Trial, scale: Scale) -> dict[str, float | int | str]:
    recipe = trial.recipe
    AcceleratorState._reset_state(reset_partial_state=True)
    noise = np.random.default_rng(0).integers(0, 256, (400, *recipe.shape, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            recipe,
            ImageDataset(noise, "noise"),
            folder,
            device=scale.device,
            precision=trial.precision,
            callbacks=[],
            compiled=trial.compiled,
        )
        if scale.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        with trainer.state.rng.used():
            rate = _rate(trainer, scale)
    return {
        "recipe": recipe.name,
        "batch": recipe.batch_size,
        "width": recipe.width,
        "precision": trial.precision,
        "rate": rate,
        "flops": cost(recipe).flops,
        "memory": torch.cuda.max_memory_allocated() if scale.device == "cuda" else 0,
    }


def _rate(trainer: Trainer, scale: Scale) -> float:
    """Pictures a second over whole rounds of penalties."""
    recipe = trainer.recipe
    for _ in range(max(scale.warm_up, recipe.penalty_every + 1)):
        trainer.train_step()
    scale.synchronise()
    steps, began = 0, time.perf_counter()
    while steps == 0 or time.perf_counter() - began < scale.seconds:
        for _ in range(recipe.penalty_every):
            trainer.train_step()
        steps += recipe.penalty_every
        scale.synchronise()
    return steps * recipe.batch_size / (time.perf_counter() - began)

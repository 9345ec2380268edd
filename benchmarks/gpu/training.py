"""What a GPU learns in the same seconds: KID and pictures of recipes at several rates and batches."""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from accelerate.state import AcceleratorState
from PIL import Image, ImageDraw

from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import Scale
from ganlib.data.dataset import load_art
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import Reference
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import Recipe, get_recipe
from ganlib.show.grids import grid_image
from ganlib.training.trainer import Trainer

_HALF = 2
_SHARE = 0.8  # of a part's time that is training
_GRID, _LARGEST = 16, 512  # pictures, and px of a grid's side
_LINE = 16  # px of a caption


class Contestant(NamedTuple):
    """A recipe, and what tells it from the others."""

    name: str
    recipe: Recipe


def of_quality() -> list[Contestant]:
    """`modern64` at three rates and batches, the strided nets that a GPU is given by default, and a DCGAN."""
    modern, strided = get_recipe("modern64"), get_recipe("modern64-cpu")

    def at(recipe: Recipe, batch_size: int, rate: float) -> Recipe:
        return replace(recipe, batch_size=batch_size, g_lr=rate, d_lr=rate)

    return [
        Contestant("strided, width 96, 64 at 8e-4", at(replace(strided, width=96), 64, 8e-4)),
        Contestant("modern64, 64 at 8e-4", at(modern, 64, 8e-4)),
        Contestant("portraits64", get_recipe("portraits64")),
        Contestant("modern64, 128 at 8e-4", at(modern, 128, 8e-4)),
        Contestant("modern64, 64 at 2e-4", at(modern, 64, 2e-4)),
    ]


def of_canvas() -> list[Contestant]:
    """The recipes for 512 px."""
    return [Contestant(name, get_recipe(name)) for name in ("modern512", "gallery512")]


def measure(
    part: str, contestants: Iterable[Contestant], scale: Scale, results: Results, folder: Path, ends: float
) -> None:
    """Train each for an equal share of the seconds left, measure it, and add its pictures to a PNG."""
    left = [one for one in contestants if not results.has(part, one.name)]
    for place, contestant in enumerate(left):
        seconds = min(_SHARE * (ends - time.monotonic()) / (len(left) - place), scale.training)
        if seconds > 0:
            values, grid = _trained(scale.recipe(contestant.recipe), scale, seconds)
            _append(folder / f"{part}.png", f"{contestant.name}, {values['kimg']:.0f} kimg", grid)
            results.add(part, contestant.name, **values)


def _trained(recipe: Recipe, scale: Scale, seconds: float) -> tuple[dict[str, float], Image.Image]:
    AcceleratorState._reset_state(reset_partial_state=True)
    art = load_art(recipe.art, recipe.size)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            recipe, art, folder, device=scale.device, precision=scale.precisions[0], callbacks=[]
        )
        trainer.fit(minutes=seconds / 60)
    reference = Reference.of(art, get_extractor("lite0", scale.device), scale.samples)
    generator = trainer.state.ema.generator
    samples = generate(generator, sample_latent(max(reference.count, _GRID), recipe.latent_dim))
    quality = reference.quality(samples.split(64))
    manifold = quality.manifold.half
    columns = max(1, min(4, _LARGEST // recipe.shape[1]))
    grid = grid_image(samples[: min(_GRID, columns**2)], columns)
    return {
        "seconds": seconds,
        "kimg": trainer.state.kimg,
        "kid": quality.kid.half.mean,
        "precision": manifold.precision,
        "recall": manifold.recall,
        "neighbour_ratio": quality.neighbour_ratio,
        "finite": float(all(torch.isfinite(w).all() for w in generator.parameters())),
    }, grid


def _append(path: Path, caption: str, grid: Image.Image) -> None:
    """Put a grid with its caption to the right of what the file holds."""
    before = Image.open(path).convert("RGB") if path.exists() else Image.new("RGB", (0, 0))
    size = before.width + grid.width + 8, max(before.height, grid.height + _LINE)
    whole = Image.new("RGB", size, "white")
    whole.paste(before, (0, 0))
    whole.paste(grid, (before.width, _LINE))
    ImageDraw.Draw(whole).text((before.width + 2, 2), caption, fill="black")
    whole.save(path)

"""What a GPU learns in the same seconds: KID and pictures of recipes at several rates and batches."""

import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from accelerate.state import AcceleratorState
from PIL import Image, ImageDraw

from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import Scale
from ganlib.data.dataset import load_art
from ganlib.errors import GanlibError
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import Reference
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import Recipe, get_recipe
from ganlib.runtime.files import write_atomically
from ganlib.show.grids import grid_image, open_sample
from ganlib.training.trainer import Trainer

_MEASURING = 5  # seconds from the end of a training to its figures, more or less
_LARGEST = 1024  # px of a grid's side
_COLUMNS = 4
_LINE = 16  # px of a caption


class Contestant(NamedTuple):
    """A recipe, and what tells it from the others."""

    name: str
    recipe: Recipe


def of_quality() -> list[Contestant]:
    """`modern64` at three rates and batches, the recipe that `auto` takes on a GPU, and a DCGAN."""
    modern = get_recipe("modern64")

    def at(batch_size: int, rate: float) -> Contestant:
        changed = replace(modern, batch_size=batch_size, g_lr=rate, d_lr=rate)
        return Contestant(f"modern64, batches of {batch_size} at {rate:g}", changed)

    others = [Contestant(name, get_recipe(name)) for name in ("modern64-wide", "portraits64")]
    return [*others, at(64, 8e-4), at(128, 8e-4), at(64, 2e-4)]


def of_canvas() -> list[Contestant]:
    """The recipes for 512 px."""
    return [Contestant(name, get_recipe(name)) for name in ("modern512", "gallery512")]


def measure(
    part: str, contestants: Iterable[Contestant], scale: Scale, results: Results, folder: Path, ends: float
) -> None:
    """Train each for the same seconds if they are left, measure it, and add its pictures to a PNG."""
    seconds = scale.training[part]
    for contestant in contestants:
        if time.time() + seconds + _MEASURING > ends or results.has(part, contestant.name):
            continue
        try:
            values, grid = _trained(scale.recipe(contestant.recipe), scale, seconds)
        except (RuntimeError, GanlibError) as error:
            results.add(part, contestant.name, error=str(error).partition("\n")[0])
            continue
        _append(folder / f"{part}.png", f"{contestant.name}: {values['kimg']:.0f} kimg", grid)
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
    columns = max(1, min(_COLUMNS, _LARGEST // recipe.shape[1]))
    samples = generate(generator, sample_latent(max(reference.count, columns**2), recipe.latent_dim))
    quality = reference.quality(samples.split(64))
    manifold = quality.manifold.half
    return {
        "seconds": seconds,
        "kimg": trainer.state.kimg,
        "kid": quality.kid.half.mean,
        "precision": manifold.precision,
        "recall": manifold.recall,
        "neighbour_ratio": quality.neighbour_ratio,
    }, grid_image(samples[: columns**2], columns)


def _append(path: Path, caption: str, grid: Image.Image) -> None:
    """Put a grid with its caption to the right of what the file holds."""
    before = open_sample(path) if path.exists() else Image.new("RGB", (0, 0))
    size = before.width + grid.width + 8, max(before.height, grid.height + _LINE)
    whole = Image.new("RGB", size, "white")
    whole.paste(before, (0, 0))
    whole.paste(grid, (before.width, _LINE))
    ImageDraw.Draw(whole).text((before.width + 2, 2), caption, fill="black")
    write_atomically(path, lambda part: whole.save(part, "PNG"))

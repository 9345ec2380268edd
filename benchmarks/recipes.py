"""Train the four reference recipes on the bundled art, and put their pictures and curves side by side.

`python -m benchmarks.recipes` trains each for `--kimg`, or until `--minutes` are over, in a run folder of its
own below `--runs`, where it goes on if it is called again; then it writes one PNG and prints a table.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import describe, table
from ganlib.costs import cost
from ganlib.data.dataset import load_art
from ganlib.recipes import get_recipe
from ganlib.run import Run
from ganlib.runtime.device import detect
from ganlib.show.curves import curves
from ganlib.show.figure import Figure
from ganlib.show.grids import open_sample
from ganlib.training.trainer import Trainer

REFERENCES = ("portraits64", "artportraits64", "artgan64", "gallery512")
_COLUMNS = (
    "recipe",
    "parameters, G + D",
    "batch",
    "GFLOP a picture",
    "memory counted, GiB",
    "kimg",
    "minutes",
    "pictures/s",
    "losses of D / G",
)
_INCHES, _DPI = 4.8, 100  # of a column


def train(name: str, runs: Path, kimg: float, minutes: float, device: str) -> Run:
    """Train one recipe on the art that stands in for its own pictures."""
    recipe = get_recipe(name)
    art = load_art(recipe.art, recipe.size)
    trainer = Trainer(recipe, art, runs / name, device=device)
    if trainer.state.kimg < kimg:
        trainer.fit(kimg=kimg, minutes=minutes)
    return trainer.run


def row(run: Run) -> list[str]:
    """Say what was computed, how far it came, at which speed."""
    recipe, last = run.recipe(), run.log()[-1]
    counted = cost(recipe)
    return [
        recipe.name,
        f"{counted.generator_parameters:,} + {counted.discriminator_parameters:,}",
        str(recipe.batch_size),
        f"{counted.flops / 1e9:.1f}",
        f"{counted.memory(recipe.batch_size) / 2**30:.2f}",
        f"{last['kimg']:.0f}",
        f"{last['seconds'] / 60:.1f}",
        f"{1000 * last['kimg'] / last['seconds']:.1f}",
        f"{last['d_loss']:.2f} / {last['g_loss']:.2f}",
    ]


def picture(runs: list[Run]) -> Image.Image:
    """Draw the newest grid of each run, and its curves below."""
    from matplotlib.figure import Figure as Canvas

    size = (_INCHES * len(runs), 2 * _INCHES)
    canvas = Canvas(size, dpi=_DPI, layout="constrained", facecolor="white")
    for column, run in zip(canvas.subplots(2, len(runs), squeeze=False).T, runs, strict=True):
        last = run.log()[-1]
        title = f"{run.recipe().name}: {last['kimg']:.0f} kimg, {last['seconds'] / 60:.0f} minutes"
        column[0].set_title(title, loc="left")
        for axes, shown in zip(column, (open_sample(run.samples()[-1]), curves(run).image()), strict=True):
            axes.imshow(np.asarray(shown.convert("RGB")))
            axes.axis("off")
    return Figure.from_canvas(canvas, "", _DPI).image()


def main() -> None:
    """Train, draw, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kimg", type=float, default=40)
    parser.add_argument("--minutes", type=float, default=60, help="for each recipe, if kimg take longer")
    parser.add_argument("--device", default=detect().device.type)
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--only", choices=REFERENCES, nargs="+", default=list(REFERENCES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/recipes.png"))
    options = parser.parse_args()
    runs = [train(name, options.runs, options.kimg, options.minutes, options.device) for name in options.only]
    picture(runs).save(options.out, optimize=True)
    print(describe(options.device), "", *table(_COLUMNS, map(row, runs)), sep="\n")


if __name__ == "__main__":
    main()

"""Milliseconds of Python that one move of a slider in the latent studio takes, until its picture is sent.

`python -m benchmarks.studio` moves a slider of the 64 px portraits, and one of a generator of 512 px with
random weights, so many times, and prints a table.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.machine import describe
from ganlib.recipes import get_recipe
from ganlib.run import load_generator, save_generator
from ganlib.runtime.device import detect
from ganlib.studio.app import LatentStudio
from ganlib.studio.panels import DirectionsPanel

LARGE = "gallery512"


def large_weights(folder: Path) -> Path:
    """A weights file of a 512 px generator that was not trained, but whose pictures have contrast."""
    recipe = get_recipe(LARGE)
    generator = recipe.generator()
    for layer in generator.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0  # it takes its statistics from the one batch that follows
    generator(torch.randn(8, recipe.latent_dim))
    path = folder / f"{LARGE}.safetensors"
    save_generator(generator, recipe, 0.0, path)
    return path


def milliseconds_a_move(source: str | Path, moves: int) -> list[float]:
    """What each of `moves` moves takes, after three to warm up: from the new value to the picture's bytes."""
    studio = LatentStudio(source)
    directions = studio._page.panels[0]
    assert isinstance(directions, DirectionsPanel)
    slider = directions.sliders[0].widget
    times = []
    for move in range(moves + 3):
        began = time.perf_counter()
        slider.value = -3 + 6 * move / (moves + 3)
        times.append(1000 * (time.perf_counter() - began))
    return times[3:]


def main() -> None:
    """Measure both sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=100)
    options = parser.parse_args()
    print(
        describe(detect().device.type),
        "",
        "| generator | size | ms a move (median, lowest to highest) |",
        "|---|---|---|",
        sep="\n",
    )
    with tempfile.TemporaryDirectory() as folder:
        for source in ("portraits", large_weights(Path(folder))):
            times = milliseconds_a_move(source, options.moves)
            recipe = load_generator(source)[1]
            spread = f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"
            print(f"| {recipe.name} | {recipe.size} | {spread} |")


if __name__ == "__main__":
    main()

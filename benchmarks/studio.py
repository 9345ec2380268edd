"""Milliseconds that the latent studio takes for a move of a slider, in Python or up to a browser's screen.

`python -m benchmarks.studio` moves a slider of the 64 px portraits, and one of a generator of 512 px with
random weights, scrubs through a timeline, turns pages of the wall, and prints a table of the time until the
picture is sent. With --browser it opens lesson 07 in
JupyterLab, in Chromium without a window, presses keys on a slider in some rounds, and fails if the median of
a round is above what people feel as at once.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import torch
from torch import nn

from benchmarks.machine import describe, spread, table
from ganlib.latent.sampling import sample_latent
from ganlib.recipes import get_recipe
from ganlib.runtime.device import detect
from ganlib.studio.app import LatentStudio
from ganlib.studio.directions import DirectionsPanel
from ganlib.studio.timeline import TimelinePanel
from ganlib.studio.wall import WallPanel
from ganlib.weights import load_generator, save_generator

_LARGE = "gallery512"
_AT_ONCE = 300.0  # milliseconds
_WARM = 3  # moves


def large_weights(folder: Path) -> Path:
    """Write a generator of 512 px that was not trained, but whose pictures have contrast."""
    recipe = get_recipe(_LARGE)
    generator = recipe.generator()
    for layer in generator.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0  # it takes its statistics from the one batch that follows
    generator(torch.randn(8, recipe.latent_dim))
    path = folder / f"{_LARGE}.safetensors"
    save_generator(generator, recipe, 0.0, path)
    return path


def milliseconds_a_move(source: str | Path, moves: int) -> list[float]:
    """Measure each of `moves` moves, after three to warm up: from the new value to the picture's bytes."""
    panels = LatentStudio(source)._panels
    directions = next(panel for panel in panels if isinstance(panel, DirectionsPanel))
    directions._draw_soon = Mock()  # a hand that moves is not idle
    slider = directions.rows[0].slider.widget
    times = []
    for move in range(moves + _WARM):
        began = time.perf_counter()
        slider.value = -3 + 6 * move / (moves + _WARM)
        times.append(1000 * (time.perf_counter() - began))
    return times[_WARM:]


def milliseconds_of_ends(source: str | Path, places: int) -> list[float]:
    """Measure the pictures at both ends of ten sliders, at each of some places, after three to warm up."""
    panels = LatentStudio(source)._panels
    directions = next(panel for panel in panels if isinstance(panel, DirectionsPanel))
    directions.set.value = "SeFa"
    times = []
    for seed in range(places + _WARM):
        directions._state.go_to_seed(seed)
        began = time.perf_counter()
        directions.show()
        times.append(1000 * (time.perf_counter() - began))
    return times[_WARM:]


def milliseconds_a_page(source: str | Path, pages: int, count: int = 48) -> list[float]:
    """Measure pages of the wall of seeds, each of `count` pictures, after three to warm up."""
    studio = LatentStudio(source)
    wall = next(panel for panel in studio._panels if isinstance(panel, WallPanel))
    wall.count.value = count
    times = []
    for page in range(pages + _WARM):
        wall._first = page * count
        began = time.perf_counter()
        wall.show()
        times.append(1000 * (time.perf_counter() - began))
    return times[_WARM:]


def milliseconds_a_preview(source: str | Path, moves: int) -> list[float]:
    """Measure each move of the slider that scrubs through a timeline of four keyframes."""
    studio = LatentStudio(source)
    timeline = next(panel for panel in studio._panels if isinstance(panel, TimelinePanel))
    studio._views.value = studio._panels.index(timeline)
    studio._state.add_keyframes(*sample_latent(4, studio._state.latent_dim))
    times = []
    for move in range(moves + _WARM):
        began = time.perf_counter()
        timeline.moment.widget.value = round(0.01 + 0.9 * move / (moves + _WARM), 2)
        times.append(1000 * (time.perf_counter() - began))
    return times[_WARM:]


def in_python(moves: int) -> Iterator[list[str]]:
    """Measure both sizes, a row each."""
    with tempfile.TemporaryDirectory() as folder:
        for source in ("portraits", large_weights(Path(folder))):
            recipe = load_generator(source)[1]
            name, size = recipe.name, str(recipe.size)
            yield [name, size, "a move of a slider", spread(milliseconds_a_move(source, moves))]
            yield [
                name,
                size,
                "a move of the timeline's preview",
                spread(milliseconds_a_preview(source, moves)),
            ]
            yield [name, size, "both ends of ten sliders", spread(milliseconds_of_ends(source, moves // 4))]
            if source == "portraits":
                yield [
                    name,
                    size,
                    "a page of 48 on the wall",
                    spread(milliseconds_a_page(source, moves // 4)),
                ]


def in_a_browser(rounds: int, moves: int) -> list[list[float]]:
    """Measure milliseconds from key to picture, in rounds of so many moves, after one round to warm up."""
    from playwright.sync_api import sync_playwright

    from tests.browser.launching import launch
    from tests.browser.lesson import NAME, write_lesson
    from tests.browser.serving import serve_lab
    from tests.browser.studio_page import LabPage

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        write_lesson(folder)
        browser = launch(playwright)
        if browser is None:
            raise SystemExit("There is no Chromium: apt-get install chromium, or playwright install chromium")
        with serve_lab(folder, folder / "server") as server:
            page = LabPage(browser.new_page())
            page.visit(f"{server.address}/lab/tree/{NAME}?reset")
            page.run_all()
            seconds = [page.seconds_to_picture("direction-1", moves) for _ in range(rounds + 1)]
    return [[1000 * each for each in round_] for round_ in seconds[1:]]


def check(rounds: list[list[float]]) -> None:
    """End with a sentence if a round was too slow."""
    slowest = max(statistics.median(times) for times in rounds)
    if slowest > _AT_ONCE:
        raise SystemExit(f"A median of {slowest:.0f} ms is above {_AT_ONCE:.0f}: that is not at once.")


def main() -> None:
    """Measure, and judge a browser."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.studio", description=__doc__, formatter_class=about)
    parser.add_argument("--browser", action="store_true", help="measure in Chromium, not in Python")
    parser.add_argument("--rounds", type=int, default=3, help="of the browser (3)")
    parser.add_argument("--moves", type=int, default=40, help="of a slider (40)")
    options = parser.parse_args()
    print(describe(detect().device.type), end="\n\n")
    if options.browser:
        rounds = in_a_browser(options.rounds, options.moves)
        rows = [[str(number), str(len(times)), spread(times, 0)] for number, times in enumerate(rounds, 1)]
        print(
            *table(["round", "moves", "ms from key to picture (median, lowest to highest)"], rows), sep="\n"
        )
        check(rounds)
    else:
        headings = ["generator", "size", "what", "ms (median, lowest to highest)"]
        print(*table(headings, in_python(options.moves)), sep="\n")


if __name__ == "__main__":
    main()

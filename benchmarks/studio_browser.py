"""Milliseconds from a key pressed on a slider of the latent studio to the new picture in a browser.

`python -m benchmarks.studio_browser` opens lesson 07 in JupyterLab, in Chromium without a window, moves a
slider in some rounds and prints a table. It fails if a median is above what people feel as at once.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.machine import describe
from ganlib.runtime.device import detect

AT_ONCE = 300.0  # milliseconds


def milliseconds_to_picture(rounds: int, moves: int) -> list[list[float]]:
    """What each move takes, in rounds of so many, after one round to warm up."""
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


def table(rounds: list[list[float]]) -> str:
    """A row for each round."""
    rows = ["| round | moves | ms from key to picture (median, lowest to highest) |", "|---|---|---|"]
    for number, times in enumerate(rounds, 1):
        spread = f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"
        rows.append(f"| {number} | {len(times)} | {spread} |")
    return "\n".join(rows)


def check(rounds: list[list[float]]) -> None:
    """End with a sentence if a round was too slow."""
    slowest = max(statistics.median(times) for times in rounds)
    if slowest > AT_ONCE:
        raise SystemExit(f"A median of {slowest:.0f} ms is above {AT_ONCE:.0f}: that is not at once.")


def main() -> None:
    """Measure, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--moves", type=int, default=40)
    options = parser.parse_args()
    rounds = milliseconds_to_picture(options.rounds, options.moves)
    print(describe(detect().device.type), table(rounds), sep="\n\n")
    check(rounds)


if __name__ == "__main__":
    main()

"""Make the README's pictures: of a training from a run folder, and of the latent studio in a browser.

`python -m tools.pictures training RUN --kimg 50 100 400` writes `docs/training.gif`, the upper half of the
samples as a film, and `docs/expect.webp`, the samples after so many thousand pictures side by side.
`python -m tools.pictures studio [SOURCE]` writes `docs/studio.webp` of what `ganlib.LatentStudio` takes, the
bundled portraits by default. It needs the packages of the tests, and Chromium.
"""

import argparse
import io
import tempfile
from pathlib import Path

import nbformat
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.data.opening import open_picture
from ganlib.run import Run
from ganlib.show.film import film

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"
_FRAMES = 48
_SECONDS = 8.0
_HOLD_SECONDS = 2.0
_GAP = 16  # pixels between grids
_WIDTH, _HEIGHT = 1000, 1500  # of the browser's window, in CSS pixels
_MOVES = {"direction-1": 18, "direction-2": 8, "direction-3": -12}  # key presses


def training_film(run: Run, out: Path) -> None:
    """Show the upper three rows of its samples, from the first step to the last."""
    samples = run.samples()
    chosen = np.unique(np.geomspace(1, len(samples), _FRAMES).round().astype(int)) - 1
    grids = [_opened(samples[index]) for index in chosen]
    frames = [grid[: len(grid) // 2 + 1] for grid in grids]
    film(frames, out, _SECONDS, alt="samples from the first step to the last", hold=_HOLD_SECONDS)


def side_by_side(run: Run, kimg: list[float], out: Path) -> None:
    """Put the samples nearest to `kimg` beside each other, from left to right."""
    per_step = run.recipe().batch_size / 1000
    grids = [_opened(_nearest(run.samples(), one / per_step)) for one in kimg]
    gap = np.full((len(grids[0]), _GAP, 3), 255, np.uint8)
    row = [part for grid in grids for part in (gap, grid)][1:]
    Image.fromarray(np.concatenate(row, axis=1)).save(out, quality=90)


def _nearest(samples: list[Path], step: float) -> Path:
    return min(samples, key=lambda file: abs(int(file.stem) - step))


def _opened(file: Path) -> NDArray[np.uint8]:
    with open_picture(file) as image:
        return np.asarray(image.convert("RGB"))


def studio(source: str, out: Path) -> None:
    """Open the studio in a browser, move sliders, and keep what is seen."""
    from playwright.sync_api import sync_playwright

    from tests.browser.launching import launch
    from tests.browser.serving import serve_voila

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        cell = (
            f"import sys\nsys.path.insert(0, {str(_ROOT)!r})\nimport ganlib\nganlib.LatentStudio({source!r})"
        )
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        nbformat.write(notebook, folder / "studio.ipynb")
        browser = launch(playwright)
        if browser is None:
            raise SystemExit("There is no Chromium: apt-get install chromium, or playwright install chromium")
        with serve_voila(folder / "studio.ipynb", folder) as server:
            page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, device_scale_factor=1.5)
            page.goto(server.address)
            page.locator(".ganlib-status").wait_for()
            for handle, presses in _MOVES.items():
                slider = page.locator(f".ganlib-{handle} [role=slider], .ganlib-{handle} input").first
                slider.focus()
                for _ in range(abs(presses)):
                    slider.press("ArrowRight" if presses > 0 else "ArrowLeft")
            page.wait_for_timeout(2000)
            seen = page.locator(".ganlib-studio").first.screenshot()
        browser.close()
    image = open_picture(io.BytesIO(seen)).convert("RGB")
    image.thumbnail((1200, 1200))
    image.save(out, quality=85)


def main() -> None:
    """Make those of a training, or that of the studio."""
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("tools.pictures", description=__doc__, formatter_class=about)
    kinds = parser.add_subparsers(dest="kind", required=True)
    training = kinds.add_parser("training")
    training.add_argument("run", type=Path)
    training.add_argument("--kimg", type=float, nargs="+", required=True)
    kinds.add_parser("studio").add_argument("source", nargs="?", default="portraits")
    options = parser.parse_args()
    if options.kind == "studio":
        studio(options.source, _DOCS / "studio.webp")
    else:
        training_film(Run(options.run), _DOCS / "training.gif")
        side_by_side(Run(options.run), options.kimg, _DOCS / "expect.webp")


if __name__ == "__main__":
    main()

"""Take the picture of the latent studio that the README shows: `python docs/studio.py [SOURCE]`.

SOURCE is what `ganlib.LatentStudio` takes, the bundled portraits by default. It needs the packages of the
tests, and Chromium.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path

import nbformat
from PIL import Image

_ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(_ROOT))

_WIDTH, _HEIGHT = 1000, 1500  # of the window, in CSS pixels
_MOVES = {"direction-1": 3, "direction-3": -2, "direction-6": 2}  # key presses


def shoot(source: str, out: Path) -> None:
    """Open the studio in a browser, move sliders, and keep what is seen."""
    from playwright.sync_api import sync_playwright

    from tests.browser.launching import launch
    from tests.browser.serving import serve_voila

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_cell(source))])
        nbformat.write(notebook, folder / "studio.ipynb")
        browser = launch(playwright)
        if browser is None:
            raise SystemExit("There is no Chromium: apt-get install chromium, or playwright install chromium")
        with serve_voila(folder / "studio.ipynb", folder) as server:
            page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, device_scale_factor=1.5)
            page.goto(server.address)
            page.locator(".ganlib-status").wait_for()
            for handle, presses in _MOVES.items():
                _press(page.locator(f".ganlib-{handle} [role=slider], .ganlib-{handle} input").first, presses)
            page.wait_for_timeout(2000)
            seen = page.locator(".ganlib-studio").first.screenshot()
        browser.close()
    image = Image.open(io.BytesIO(seen)).convert("RGB")
    image.thumbnail((1200, 1200))
    image.save(out, quality=85)


def _cell(source: str) -> str:
    return f"import sys\nsys.path.insert(0, {str(_ROOT)!r})\nimport ganlib\nganlib.LatentStudio({source!r})"


def _press(slider, times: int) -> None:
    slider.focus()
    for _ in range(abs(times)):
        slider.press("ArrowRight" if times > 0 else "ArrowLeft")


def main() -> None:
    """Take it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="portraits")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("studio.webp"))
    options = parser.parse_args()
    shoot(options.source, options.out)


if __name__ == "__main__":
    main()

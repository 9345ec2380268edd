"""Make the README's pictures of a training from a run folder.

`python docs/pictures.py RUN --kimg 50 100 400` writes `docs/training.gif`, the upper half of its samples as a
film, and `docs/expect.webp`, the samples after so many thousand pictures side by side.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.run import Run
from ganlib.show.film import film

_FRAMES = 48
_SECONDS = 8.0
_HOLD_SECONDS = 2.0
_GAP = 16  # pixels between grids


def training_film(run: Run, out: Path) -> None:
    """The upper three rows of its samples, from the first step to the last."""
    samples = run.samples()
    chosen = np.unique(np.geomspace(1, len(samples), _FRAMES).round().astype(int)) - 1
    frames = [_upper_half(_opened(samples[index])) for index in chosen]
    film(frames, out, _SECONDS, alt="samples from the first step to the last", hold=_HOLD_SECONDS)


def side_by_side(run: Run, kimg: list[float], out: Path) -> None:
    """The samples nearest to `kimg`, from left to right."""
    per_step = run.recipe().batch_size / 1000
    grids = [_opened(_nearest(run.samples(), one / per_step)) for one in kimg]
    gap = np.full((len(grids[0]), _GAP, 3), 255, np.uint8)
    row = [part for grid in grids for part in (gap, grid)][1:]
    Image.fromarray(np.concatenate(row, axis=1)).save(out, quality=90)


def _nearest(samples: list[Path], step: float) -> Path:
    return min(samples, key=lambda file: abs(int(file.stem) - step))


def _opened(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _upper_half(grid: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return grid[: len(grid) // 2 + 1]


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--kimg", type=float, nargs="+", required=True)
    options = parser.parse_args()
    run, folder = Run(options.run), Path(__file__).parent
    training_film(run, folder / "training.gif")
    side_by_side(run, options.kimg, folder / "expect.webp")


if __name__ == "__main__":
    main()

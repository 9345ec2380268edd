"""The film of a training run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure
from ganlib.show.film import check_film, film

_MOST_FRAMES = 48
_HOLD_SECONDS = 2.0


def animate(run: Run, out: str | Path | None = None, seconds: float = 8.0) -> Figure:
    """Write the samples of a run as a film of about `seconds`, the last grid held for two more.

    `out` ends in .gif, for a film that loops, or in .mp4; it is `training.gif` in the run folder unless told.

    Raises:
        GanlibError: the run has no samples or a damaged one, `out` has another ending, or the disk is full.
    """
    samples = run.samples()
    if not samples:
        raise GanlibError(f"'{run.folder}' has no samples to animate: train there first.")
    path = Path(out) if out else run.animation_file
    check_film(path, seconds)
    frames = [_frame(sample) for sample in _evenly(samples, _MOST_FRAMES)]
    name = run.recipe().name
    alt = f"A film of {len(frames)} grids: the same {name} samples from the first step to the last."
    return film(frames, path, seconds, alt=alt, hold=_HOLD_SECONDS)


def _evenly(samples: list[Path], most: int) -> list[Path]:
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int))
    return [samples[index] for index in chosen]


def _frame(sample: Path) -> NDArray[np.uint8]:
    try:
        return np.asarray(Image.open(sample).convert("RGB"))
    except OSError as error:
        raise GanlibError(f"The sample '{sample}' is damaged: remove it ({error}).") from error

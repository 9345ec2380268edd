"""The film of a training run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.files import write_atomically
from ganlib.run import Run
from ganlib.show.figure import Figure

_MOST_FRAMES = 48
_HOLD_SECONDS = 2.0
_LONGEST = 600


def animate(run: Run, out: str | Path | None = None, seconds: float = 8.0) -> Figure:
    """Write the samples of a run as a looping GIF of about `seconds`, the last grid held for two more.

    Raises:
        GanlibError: the run has no samples or a damaged one, `out` is no .gif, or the disk is full.
    """
    samples = run.samples()
    if not samples:
        raise GanlibError(f"'{run.folder}' has no samples to animate: train there first.")
    if not 0 < seconds <= _LONGEST:
        raise GanlibError(f"A film lasts more than 0 and at most {_LONGEST} seconds, not {seconds}.")
    path = Path(out) if out else run.animation_file
    if path.suffix.lower() != ".gif":
        raise GanlibError(f"'{path}' is no GIF: end the name in .gif.")
    frames = [_frame(sample) for sample in _evenly(samples, _MOST_FRAMES)]
    write_atomically(path, lambda part: _write_gif(frames, part, seconds))
    alt = f"A film of {len(frames)} grids: the same {_name(run)} samples from the first step to the last."
    return Figure(path.read_bytes(), alt, "image/gif")


def _name(run: Run) -> str:
    return run.recipe().name


def _evenly(samples: list[Path], most: int) -> list[Path]:
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int))
    return [samples[index] for index in chosen]


def _frame(sample: Path) -> NDArray[np.uint8]:
    try:
        return np.asarray(Image.open(sample).convert("RGB"))
    except OSError as error:
        raise GanlibError(f"The sample '{sample}' is damaged: remove it ({error}).") from error


def _write_gif(frames: list[NDArray[np.uint8]], path: Path, seconds: float) -> None:
    import imageio.v3 as imageio

    durations = [1000 * seconds / len(frames)] * len(frames)  # milliseconds a frame
    durations[-1] += 1000 * _HOLD_SECONDS
    duration = durations if len(frames) > 1 else durations[0]
    imageio.imwrite(path, frames, duration=duration, loop=0)

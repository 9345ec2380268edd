"""The film of a training run."""

from pathlib import Path

import numpy as np
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.files import write_atomically
from ganlib.run import Run
from ganlib.show.figure import Figure

_MOST_FRAMES = 80
_HOLD_SECONDS = 2.0


def animate(run: Run, out: str | Path | None = None, seconds: float = 8.0) -> Figure:
    """Write the samples of a run as a looping GIF of about `seconds`, the last grid held for two more.

    Raises:
        GanlibError: the run has no samples, or the disk is full.
    """
    samples = run.samples()
    if not samples:
        raise GanlibError(f"'{run.folder}' has no samples to animate: train there first.")
    path = Path(out) if out else run.animation_file
    frames = [Image.open(sample).convert("RGB") for sample in _evenly(samples, _MOST_FRAMES)]
    write_atomically(path, lambda part: _write_gif(frames, part, seconds))
    alt = f"A film of {len(frames)} grids: the same {_name(run)} samples from the first step to the last."
    return Figure(path.read_bytes(), alt, "image/gif")


def _name(run: Run) -> str:
    return run.recipe().name


def _evenly(samples: list[Path], most: int) -> list[Path]:
    chosen = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).round().astype(int))
    return [samples[index] for index in chosen]


def _write_gif(frames: list[Image.Image], path: Path, seconds: float) -> None:
    import imageio.v3 as imageio

    durations = [1000 * seconds / len(frames)] * len(frames)  # milliseconds a frame
    durations[-1] += 1000 * _HOLD_SECONDS
    imageio.imwrite(path, np.stack([np.asarray(frame) for frame in frames]), duration=durations, loop=0)

"""The film of a training run."""

from pathlib import Path
from typing import Any

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
    """Write the samples of a run as a film of about `seconds`, the last grid held for two more.

    `out` ends in .gif, for a film that loops, or in .mp4; it is `training.gif` in the run folder unless told.

    Raises:
        GanlibError: the run has no samples or a damaged one, `out` has another ending, or the disk is full.
    """
    samples = run.samples()
    if not samples:
        raise GanlibError(f"'{run.folder}' has no samples to animate: train there first.")
    if not 0 < seconds <= _LONGEST:
        raise GanlibError(f"A film lasts more than 0 and at most {_LONGEST} seconds, not {seconds}.")
    path = Path(out) if out else run.animation_file
    kind = path.suffix.lower()
    if kind not in _WRITERS:
        raise GanlibError(f"'{path}' is no film: end the name in {' or '.join(_WRITERS)}.")
    frames = [_frame(sample) for sample in _evenly(samples, _MOST_FRAMES)]
    mimetype, write = _WRITERS[kind]
    write_atomically(path, lambda part: write(frames, part, seconds))
    alt = f"A film of {len(frames)} grids: the same {_name(run)} samples from the first step to the last."
    return Figure(path.read_bytes(), alt, mimetype)


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


def _write_mp4(frames: list[NDArray[np.uint8]], path: Path, seconds: float) -> None:
    import imageio.v3 as imageio

    fps = len(frames) / seconds
    shown = [_even(frame) for frame in [*frames, *[frames[-1]] * round(_HOLD_SECONDS * fps)]]
    look: dict[str, Any] = {"codec": "libx264", "quality": 8, "macro_block_size": 1}
    imageio.imwrite(path, np.stack(shown), plugin="FFMPEG", fps=fps, **look)


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With an even number of rows and columns, as films have: the last one is drawn twice if need be."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge")


_WRITERS = {".gif": ("image/gif", _write_gif), ".mp4": ("video/mp4", _write_mp4)}

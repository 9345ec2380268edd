"""Films: pictures one after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate
from ganlib.nets.base import Generator
from ganlib.run import Run
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure
from ganlib.show.grids import enlarge

_LONGEST = 600
_QUICKEST = 50  # frames a second: browsers slow down a GIF that asks for more
_LARGEST = 1_000_000_000  # bytes of all frames
_BROAD_ENOUGH = 256


def film(
    frames: Sequence[NDArray[np.uint8]], out: str | Path, seconds: float, *, alt: str, hold: float = 0.0
) -> Figure:
    """Write frames (H, W, 3) as a film of about `seconds`, the last one shown for `hold` seconds more.

    `out` ends in .gif, for a film that loops, or in .mp4; `alt` says what it shows.

    Raises:
        GanlibError: `out` has another ending, `seconds` is not from 0 to 600, or the disk is full.
    """
    path = Path(out)
    check_film(path, seconds)
    mimetype, write = _WRITERS[path.suffix.lower()]
    write_atomically(path, lambda part: write(frames, part, seconds, hold))
    return Figure(path.read_bytes(), alt, mimetype)


def film_of_path(
    generator: Generator,
    z: Tensor,
    out: str | Path,
    seconds: float,
    *,
    alt: str,
    scale: int | None = None,
    smooth: bool = False,
) -> Figure:
    """Paint a path z, (N, latent_dim), as a film of N frames, each enlarged `scale` times.

    A `scale` of None makes them 256 pixels wide, or leaves them as they are if they are wider.

    Raises:
        GanlibError: as for `film`; or it has more than 50 frames a second, or over a gigabyte of them.
    """
    check_film(Path(out), seconds, len(z))
    size = generate(generator, z[:1]).shape[2]
    scale = max(1, _BROAD_ENOUGH // size) if scale is None else scale
    _check_memory(len(z), size * scale)
    frames = enlarge(generate(generator, z), scale, smooth=smooth)  # (N, scale * S, scale * S, 3)
    return film(list(frames.numpy()), out, seconds, alt=alt)


def _check_memory(count: int, side: int) -> None:
    if not 0 < 3 * side**2 * count <= _LARGEST:
        raise GanlibError(
            f"A film of {count} frames of {side} px is no size for a film: ask for fewer frames, or for "
            "another scale of 1 or more."
        )


def check_film(path: Path, seconds: float, frames: int = 0) -> None:
    """Raise `GanlibError` if a film may not be called `path`, or last `seconds` with so many frames."""
    if not 0 < seconds <= _LONGEST:
        raise GanlibError(f"A film lasts more than 0 and at most {_LONGEST} seconds, not {seconds}.")
    if path.suffix.lower() not in _WRITERS:
        raise GanlibError(f"'{path}' is no film: end the name in {' or '.join(_WRITERS)}.")
    if frames > _QUICKEST * seconds:
        raise GanlibError(
            f"{frames} frames in {seconds:g} seconds are more than {_QUICKEST} a second: give fewer frames, "
            "or more seconds."
        )


def _write_gif(frames: Sequence[NDArray[np.uint8]], path: Path, seconds: float, hold: float) -> None:
    import imageio.v3 as imageio

    durations = [1000 * seconds / len(frames)] * len(frames)  # milliseconds a frame
    durations[-1] += 1000 * hold
    duration = durations if len(frames) > 1 else durations[0]
    imageio.imwrite(path, frames, duration=duration, loop=0)


def _write_mp4(frames: Sequence[NDArray[np.uint8]], path: Path, seconds: float, hold: float) -> None:
    import imageio.v3 as imageio

    fps = len(frames) / seconds
    shown = [_even(frame) for frame in [*frames, *[frames[-1]] * round(hold * fps)]]
    look: dict[str, Any] = {"codec": "libx264", "quality": 8, "macro_block_size": 1}
    imageio.imwrite(path, np.stack(shown), plugin="FFMPEG", fps=fps, **look)


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With an even number of rows and columns, as films have: the last one is drawn twice if need be."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge")


_WRITERS = {".gif": ("image/gif", _write_gif), ".mp4": ("video/mp4", _write_mp4)}


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

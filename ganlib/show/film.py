"""Films: pictures one after the other."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganlib.data.opening import GANLIB
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate
from ganlib.nets.base import Generator
from ganlib.run import Run
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure
from ganlib.show.grids import enlarge, open_sample, sample_grids
from ganlib.sizes import Size

Frame = NDArray[np.uint8]
_MIMETYPES = {".gif": "image/gif", ".mp4": "video/mp4"}
_LONGEST = 600
_QUICKEST = 50  # frames a second: browsers slow down a GIF that asks for more
_LARGEST = 1_000_000_000  # bytes of all frames
_MOST_FRAMES = 48  # of a training


def film(frames: Sequence[Frame], out: str | Path, seconds: float, *, alt: str, hold: float = 0.0) -> Figure:
    """Write frames (H, W, 3) as a film of `seconds`, the last one shown for `hold` seconds more.

    `out` ends in .gif, for a film that loops, or in .mp4; `alt` says what it shows.

    Raises:
        GanlibError: `out` has another ending, `seconds` is not from 0 to 600, or the disk is full.
    """
    path = Path(out)
    check_film(path, seconds)
    write = _write_gif if path.suffix.lower() == ".gif" else _write_mp4
    write_atomically(path, lambda part: write(frames, part, seconds, hold))
    return Figure(path.read_bytes(), alt, _MIMETYPES[path.suffix.lower()])


def _write_gif(frames: Sequence[Frame], path: Path, seconds: float, hold: float) -> None:
    import imageio.v3 as imageio

    ends = np.linspace(0, 100 * seconds, len(frames) + 1).round()  # a GIF counts in hundredths of a second
    ends[-1] += round(100 * hold)
    durations = (10 * np.diff(ends)).tolist()  # milliseconds a frame
    duration = durations if len(frames) > 1 else durations[0]
    imageio.imwrite(path, frames, duration=duration, loop=0, comment=GANLIB)


def _write_mp4(frames: Sequence[Frame], path: Path, seconds: float, hold: float) -> None:
    import imageio.v3 as imageio

    fps = len(frames) / seconds
    height, width = frames[0].shape[:2]
    to_even = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))  # the codec wants even sides
    shown = np.pad(np.stack([*frames, *[frames[-1]] * round(hold * fps)]), to_even, "edge")
    imageio.imwrite(path, shown, plugin="FFMPEG", fps=fps, codec="libx264", quality=8, macro_block_size=1)


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
    """Generate a picture for each z of a path (N, latent_dim), and write them as a film of N frames.

    Each is enlarged `scale` times, and by default to 256 pixels or a little less.

    Raises:
        GanlibError: as for `film`; or it has more than 50 frames a second, or over a gigabyte of them.
    """
    check_film(Path(out), seconds, len(z))
    size = Size(*generate(generator, z[:1]).shape[2:])
    scale = max(1, 256 // max(size)) if scale is None else scale
    if not 0 < 3 * math.prod(size.times(scale)) * len(z) <= _LARGEST:
        asked = f"{len(z)} frames of {size.times(scale)} px"
        raise GanlibError(f"{asked} make no film: ask for fewer frames, or another scale of 1 or more.")
    frames = enlarge(generate(generator, z), scale, smooth=smooth)  # (N, scale * H, scale * W, 3)
    return film(list(frames.numpy()), out, seconds, alt=alt)


def check_film(path: Path, seconds: float, frames: int = 0) -> None:
    """Raise `GanlibError` if a film may not be called `path`, or last `seconds` with so many frames."""
    if not 0 < seconds <= _LONGEST:
        raise GanlibError(f"A film lasts more than 0 and at most {_LONGEST} seconds, not {seconds}.")
    if path.suffix.lower() not in _MIMETYPES:
        raise GanlibError(f"'{path}' is no film: end the name in {' or '.join(_MIMETYPES)}.")
    if frames > _QUICKEST * seconds:
        many = f"{frames} frames in {seconds:g} seconds are more than {_QUICKEST} a second"
        raise GanlibError(f"{many}: give fewer frames, or more seconds.")


def animate(run: Run, out: str | Path | None = None, seconds: float = 8.0) -> Figure:
    """Write the samples of a run as a film of about `seconds`, the last grid held for two more.

    `out` ends in .gif, for a film that loops, or in .mp4; without it, the film is the run's `training.gif`.

    Raises:
        GanlibError: the run has no samples or a damaged one, `out` has another ending, or the disk is full.
    """
    samples = sample_grids(run)
    path = Path(out) if out else run.animation_file
    check_film(path, seconds)
    chosen = np.linspace(0, len(samples) - 1, min(_MOST_FRAMES, len(samples))).round().astype(int)
    frames = [np.asarray(open_sample(samples[index])) for index in chosen]
    alt = f"A film of {len(frames)} grids: the same {run.recipe().name} samples from first to last step."
    return film(frames, path, seconds, alt=alt, hold=2)

"""Films: pictures one after the other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.files import write_atomically
from ganlib.latent import paint
from ganlib.nets.players import Painter
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
    generator: Painter,
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
    size = paint(generator, z[:1]).shape[2]
    scale = max(1, _BROAD_ENOUGH // size) if scale is None else scale
    _check_memory(len(z), size * scale)
    frames = enlarge(paint(generator, z), scale, smooth=smooth)  # (N, scale * S, scale * S, 3)
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

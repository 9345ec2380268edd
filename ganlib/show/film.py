"""Films: pictures one after the other."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.data.opening import GANLIB
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate
from ganlib.nets.base import Generator
from ganlib.run import Run
from ganlib.runtime.files import make_folder, write_atomically
from ganlib.runtime.progress import progress
from ganlib.show.figure import Figure
from ganlib.show.grids import open_sample, resize, sample_grids
from ganlib.sizes import Size

Frame = NDArray[np.uint8]
Shown = Callable[[Iterable[Frame]], Iterable[Frame]]
_MIMETYPES = {".gif": "image/gif", ".mp4": "video/mp4"}
_LONGEST = 600
_QUICKEST = {".gif": 50, ".mp4": 60, "": 60}  # frames a second: browsers slow down a GIF that asks for more
_LARGEST = 1_000_000_000  # bytes of all frames of a GIF, which are in memory at once
_WIDEST = 4096  # px
_AT_ONCE = 32
_MOST_FRAMES = 48  # of a training


def film(frames: Sequence[Frame], out: str | Path, seconds: float, *, alt: str, hold: float = 0.0) -> Figure:
    """Write frames (H, W, 3) as a film of `seconds`, the last one shown for `hold` seconds more.

    `out` ends in .gif, for a film that loops, or in .mp4; `alt` says what it shows.

    Raises:
        GanlibError: `out` has another ending, `seconds` is not from 0 to 600, or the disk is full.
    """
    path = Path(out)
    check_film(path, seconds)
    if path.suffix.lower() == ".gif":
        write_atomically(path, lambda part: _write_gif(frames, part, seconds, hold))
    else:
        rate = len(frames) / seconds
        shown = chain(frames, repeat(frames[-1], round(hold * rate)))
        write_atomically(path, lambda part: _write_mp4(shown, part, rate))
    return Figure(path.read_bytes(), alt, _MIMETYPES[path.suffix.lower()])


def _write_gif(frames: Sequence[Frame], path: Path, seconds: float, hold: float) -> None:
    import imageio.v3 as imageio

    ends = np.linspace(0, 100 * seconds, len(frames) + 1).round()  # a GIF counts in hundredths of a second
    ends[-1] += round(100 * hold)
    durations = (10 * np.diff(ends)).tolist()  # milliseconds a frame
    duration = durations if len(frames) > 1 else durations[0]
    imageio.imwrite(path, frames, duration=duration, loop=0, comment=GANLIB)


def _write_mp4(frames: Iterable[Frame], path: Path, rate: float, sound: str | Path | None = None) -> None:
    """Write one frame after the other, so that a film may be larger than the memory."""
    from imageio_ffmpeg import write_frames

    heard = {"audio_path": str(sound), "audio_codec": "aac"} if sound else {}
    writer = None
    for frame in frames:
        height, width = frame.shape[:2]
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge")  # as the codec wants them
        if writer is None:
            options = {
                "fps": rate,
                "codec": "libx264",
                "quality": 8,
                "macro_block_size": 1,
                "ffmpeg_log_level": "error",
                **heard,
            }
            writer = write_frames(str(path), even.shape[1::-1], **options)
            writer.send(None)
        writer.send(np.ascontiguousarray(even))
    if writer is not None:
        writer.close()


def film_of_path(  # noqa: PLR0913 (all but five have a default, and are named)
    generator: Generator,
    z: Tensor,
    out: str | Path,
    seconds: float,
    *,
    alt: str,
    width: int | None = None,
    smooth: bool = False,
    sound: str | Path | None = None,
    shown: Shown | None = None,
) -> Figure:
    """Generate a picture for each z of a path (N, latent_dim), and write them as a film of N frames.

    Each is `width` pixels wide, by default 256 or a little less, and every pixel a square unless it is to be
    `smooth`. An MP4 has the `sound` of a file. Without an ending `out` is a folder of numbered PNGs. A bar
    shows how far it is, unless the frames are `shown` otherwise as they pass.

    Raises:
        GanlibError: as for `film`; or it has more frames a second than it can, or is too large.
    """
    path = Path(out)
    check_film(path, seconds, len(z))
    if not path.suffix and path.is_dir() and any(path.iterdir()):
        raise GanlibError(f"'{path}' is not empty, and pictures of two films would mix: name a new folder.")
    size = Size(*generate(generator, z[:1]).shape[2:])
    wide = size.width * max(1, 256 // max(size)) if width is None else width
    if not 0 < wide * max(size) <= _WIDEST * size.width:
        raise GanlibError(f"A film is from 1 to {_WIDEST} px wide and high, not {wide}: choose another size.")
    pictures = (generate(generator, part) for part in z.split(_AT_ONCE))
    frames = (frame for part in pictures for frame in resize(part, wide, smooth=smooth).numpy())
    passing = shown(frames) if shown else progress(frames, "generating", "frame", len(z))
    if path.suffix.lower() == ".mp4":
        write_atomically(path, lambda part: _write_mp4(passing, part, len(z) / seconds, sound))
        return Figure(path.read_bytes(), alt, _MIMETYPES[".mp4"])
    if not path.suffix:
        return _numbered(passing, make_folder(path), alt)
    if 3 * wide**2 * len(z) > _LARGEST:
        raise GanlibError(f"{len(z)} frames of {wide} px are too many for a GIF: write an MP4.")
    return film(list(passing), path, seconds, alt=alt)


def _numbered(frames: Iterable[Frame], folder: Path, alt: str) -> Figure:
    """Write each frame as a PNG; returns the first."""
    paths = []
    for number, frame in enumerate(frames, 1):
        paths.append(folder / f"frame-{number:05d}.png")
        Figure.from_image(Image.fromarray(frame), alt).save(paths[-1])
    return Figure(paths[0].read_bytes(), alt)


def check_film(path: Path, seconds: float, frames: int = 0) -> None:
    """Raise `GanlibError` if a film may not be called `path`, or last `seconds` with so many frames."""
    if not 0 < seconds <= _LONGEST:
        raise GanlibError(f"A film lasts more than 0 and at most {_LONGEST} seconds, not {seconds}.")
    if path.suffix.lower() not in _QUICKEST:
        raise GanlibError(f"'{path}' is no film: end the name in {' or '.join(_MIMETYPES)}.")
    if frames > (quickest := _QUICKEST[path.suffix.lower()]) * seconds:
        many = f"{frames} frames in {seconds:g} seconds are more than {quickest} a second"
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

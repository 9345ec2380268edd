"""Sound that drives a timeline: loudness and beats, and what they do to z."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.timeline import Timeline
from ganlib.runtime.files import expand_home

_RATE = 22_050  # samples a second that are kept
_LONGEST = 600  # seconds
_WINDOW, _HOP = 1024, 256  # samples of a spectrum, and from one to the next
_LOUDEST = 0.95  # the share of frames that are softer than what counts as loud
_AROUND = 0.4  # seconds before and after a moment that a beat stands out from
_LEAST = 0.1  # of a mean spectrum: what grows by less is no beat
_APART = 0.15  # seconds between two beats, at least
_FADING = 0.2  # seconds in which a beat falls to a third
Curve = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording: samples (N,) of one channel, `rate` of them a second."""

    samples: Curve
    rate: int = _RATE

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate

    def loudness(self, per_second: float) -> Curve:
        """Return how loud each frame is, (frames,), from 0 for silence to 1: the root of the mean square."""
        count = max(1, round(self.seconds * per_second))
        edges = np.linspace(0, len(self.samples), count + 1).astype(int)[:-1]
        width = np.diff([*edges, len(self.samples)]).clip(1)
        power = np.add.reduceat(self.samples.astype(np.float64) ** 2, edges) / width
        smoothed = np.convolve(np.sqrt(power), np.ones(3) / 3, "same")
        loud = np.quantile(smoothed, _LOUDEST)
        return (smoothed / loud if loud > 0 else smoothed).clip(0, 1).astype(np.float32)

    def beats(self) -> NDArray[np.float64]:
        """Find beats, in seconds: moments at which the spectrum grows more than around them (Dixon 2006)."""
        if len(self.samples) < 2 * _WINDOW:
            return np.zeros(0)
        windows = np.lib.stride_tricks.sliding_window_view(self.samples, _WINDOW)[::_HOP]
        spectra = np.log1p(np.abs(np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32))))
        growth = np.diff(spectra, axis=0, prepend=spectra[:1]).clip(0).sum(1)
        per_second = self.rate / _HOP
        around, apart = round(_AROUND * per_second), round(_APART * per_second)
        padded = np.pad(growth, around, "edge")
        near = np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1)
        stands_out = growth > np.maximum(near.mean(1) + 1.5 * near.std(1), _LEAST * spectra.sum(1).mean())
        highest = growth == near[:, around - apart : around + apart + 1].max(1)
        return np.flatnonzero(stands_out & highest) / per_second + _WINDOW / 2 / self.rate

    def pulses(self, per_second: float) -> Curve:
        """Return a curve (frames,) that is 1 at each beat and fades until the next."""
        moments = np.arange(max(1, round(self.seconds * per_second))) / per_second
        beats = self.beats()
        if not len(beats):
            return np.zeros(len(moments), dtype=np.float32)
        last = np.searchsorted(beats, moments + 0.5 / per_second) - 1
        since = np.where(last >= 0, moments - beats[last.clip(0)], np.inf).clip(0)
        return np.exp(-since / _FADING).astype(np.float32)


class Reaction(NamedTuple):
    """A direction (latent_dim,), along which z moves up to `strength` steps with loudness or beats."""

    direction: Tensor
    strength: float
    to: str = "beats"  # or "loudness"


def read_sound(path: str | Path) -> Sound:
    """Read a WAV, an MP3 or any other file with sound that ffmpeg knows, of ten minutes at most.

    Raises:
        GanlibError: it is not there, or holds no sound.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    path = expand_home(path)
    if not path.is_file():
        raise GanlibError(f"There is no sound '{path}': name a WAV or MP3 file.")
    source = ["-nostdin", "-v", "error", "-i", f"file:{path.resolve()}", "-t", str(_LONGEST + 1)]
    wanted = ["-vn", "-ac", "1", "-ar", str(_RATE), "-f", "f32le", "-"]
    read = subprocess.run([get_ffmpeg_exe(), *source, *wanted], capture_output=True, check=False)
    samples = np.frombuffer(read.stdout[: len(read.stdout) // 4 * 4], dtype="<f4").astype(np.float32)
    if read.returncode or not len(samples):
        reason = read.stderr.decode(errors="replace").strip().rpartition("\n")[2] or "it holds no sound"
        raise GanlibError(f"'{path}' cannot be read as sound ({reason}): name a WAV or MP3 file.")
    if len(samples) > _LONGEST * _RATE:
        raise GanlibError(f"'{path}' lasts longer than {_LONGEST} seconds: cut it first.")
    return Sound(np.nan_to_num(samples))


def driven(
    timeline: Timeline, sound: Sound, per_second: float, pace: float = 0.5, reactions: Sequence[Reaction] = ()
) -> Tensor:
    """Return z (N, latent_dim) of a film as long as the sound, in which the timeline moves with it.

    With a `pace` of 0 it moves evenly, with 1 it stands still in silence and is quickest where it is loudest.
    A loop goes round as often as comes nearest to its own seconds; anything else is stretched to fit.

    Raises:
        GanlibError: `pace` is not from 0 to 1, or a direction is of another length than z.
    """
    if not 0 <= pace <= 1:
        raise GanlibError(f"The pace goes from 0, even, to 1, all by loudness, and is not {pace}.")
    loudness = sound.loudness(per_second)
    speed = 1 - pace + pace * loudness / max(float(loudness.mean()), 1e-6)
    travelled = np.concatenate([[0], np.cumsum(speed, dtype=np.float64)])
    rounds = max(1, round(sound.seconds / timeline.seconds)) if timeline.loop else 1
    moments = travelled / max(travelled[-1], 1e-6) * rounds * timeline.seconds
    z = timeline.at(torch.from_numpy(moments[:-1] if timeline.loop else moments[1:]))
    for reaction in reactions:
        if reaction.direction.shape != z.shape[1:]:
            raise GanlibError(
                f"A direction is (latent_dim,), here ({z.shape[1]},), and has one number for each."
            )
        curve = loudness if reaction.to == "loudness" else sound.pulses(per_second)
        z = z + reaction.strength * torch.from_numpy(curve)[:, None] * reaction.direction
    return z

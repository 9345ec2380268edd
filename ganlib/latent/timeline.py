"""A timeline: keyframes in the latent space, each with its seconds and its easing on the way to the next."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.sampling import (
    check_latent,
    complete,
    fingerprint,
    lerp,
    load_latent,
    point_dim,
    sample_latent,
    slerp,
)
from ganlib.nets.base import Generator
from ganlib.runtime.files import expand_home, read_json, write_atomically

EASINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda share: share,
    "ease": lambda share: share * share * (3 - 2 * share),  # in and out
    "hold": torch.zeros_like,  # stay, and then jump
}
_LONGEST = 600  # seconds


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class Keyframe:
    """A z, (latent_dim,), and the way from it to the next: how many seconds, with which easing."""

    z: Tensor
    seconds: float = 2.0
    easing: str = "linear"

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= _LONGEST:
            raise GanlibError(f"A keyframe lasts more than 0 and at most {_LONGEST} s, not {self.seconds}.")
        if self.easing not in EASINGS:
            raise GanlibError(f"There is no easing '{self.easing}': choose one of {', '.join(EASINGS)}.")


@dataclass(frozen=True, eq=False)
class Timeline:
    """Two keyframes or more; one that is to `loop` goes on from the last to the first.

    Without a loop the last keyframe is where it ends: its own seconds do not count. The ways are arcs, or
    lines if they are to be `straight`.
    """

    keyframes: tuple[Keyframe, ...]
    loop: bool = False
    straight: bool = False

    def __post_init__(self) -> None:
        if len(self.keyframes) < 2:  # noqa: PLR2004 (from one to another)
            raise GanlibError(f"A timeline needs two keyframes or more, not {len(self.keyframes)}.")
        for keyframe in self.keyframes:
            check_latent(keyframe.z[None], self.keyframes[0].z.numel())

    @property
    def legs(self) -> tuple[Keyframe, ...]:
        """The keyframes from which a way leads on."""
        return self.keyframes if self.loop else self.keyframes[:-1]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(leg.seconds for leg in self.legs)

    def at(self, moments: Tensor) -> Tensor:
        """Return z (N, latent_dim) at `moments`, (N,) in seconds; a loop goes round and round."""
        moments = moments.double()
        moments = moments % self.seconds if self.loop else moments.clamp(0, self.seconds)
        begins = torch.tensor([0.0, *(leg.seconds for leg in self.legs)], dtype=torch.float64).cumsum(0)
        places = torch.searchsorted(begins[1:-1].contiguous(), moments, right=True)
        stops = torch.stack([keyframe.z for keyframe in self.keyframes])
        between = lerp if self.straight else slerp
        found = torch.empty(len(moments), stops.shape[1])
        for k, leg in enumerate(self.legs):
            share = ((moments[places == k] - begins[k]) / leg.seconds).clamp(0, 1)
            found[places == k] = between(stops[k], stops[(k + 1) % len(stops)], EASINGS[leg.easing](share))
        if not self.loop:
            found[moments == self.seconds] = stops[-1]  # where it jumps at the end, too
        return found

    def frames(self, count: int) -> Tensor:
        """Return z (count, latent_dim) of so many frames; those of a loop end one step before the first.

        Raises:
            GanlibError: there are fewer frames than keyframes.
        """
        if count < (fewest := len(self.keyframes)):
            raise GanlibError(f"A film of {fewest} keyframes needs {fewest} frames or more, not {count}.")
        return self.at(torch.linspace(0, self.seconds, count + self.loop, dtype=torch.float64)[:count])


def walk(stops: Tensor, frames: int, *, closed: bool = False, straight: bool = False) -> Tensor:
    """Return a path (frames, latent_dim) that visits the stops (N, latent_dim) in turn.

    Each leg takes as long as the others, along an arc, or a line if it is to be `straight`. A `closed` walk
    goes on from the last stop towards the first and ends one step before it, so that a film can be looped.

    Raises:
        GanlibError: there are fewer than two stops, or fewer frames than stops.
    """
    return Timeline(tuple(Keyframe(stop, 1.0) for stop in stops), closed, straight).frames(frames)


class _Stop(TypedDict):
    seed: NotRequired[int]
    z: NotRequired[str | list[float]]
    seconds: NotRequired[float]
    easing: NotRequired[str]


class _File(TypedDict):
    keyframes: list[_Stop]
    loop: NotRequired[bool]
    model: NotRequired[str]


def is_timeline(path: Path) -> bool:
    """Tell whether a JSON file is a timeline, and not a z."""
    try:
        return "keyframes" in read_json(path, dict)
    except GanlibError:
        return False


def read_timeline(path: str | Path, generator: Generator) -> Timeline:
    """Read a timeline, of a JSON file such as

        {"loop": true, "keyframes": [{"seed": 7, "seconds": 2, "easing": "ease"}, {"z": "smile.json"}]}

    where a `z` is a file that `save_latent` wrote, beside this one, or the numbers themselves.

    Raises:
        GanlibError: it is damaged, no timeline or another model's, or a keyframe names neither a seed nor a z
            that is there.
    """
    path = expand_home(path)
    values = read_json(path, _File)
    if values.get("model", fingerprint(generator)) != fingerprint(generator):
        raise GanlibError(f"'{path}' was made with other weights: open the model that it was made with.")
    frames = [_keyframe(stop, path.parent, generator) for stop in values["keyframes"]]
    return Timeline(tuple(frames), values.get("loop", False))


def _keyframe(stop: _Stop, folder: Path, generator: Generator) -> Keyframe:
    if ("seed" in stop) == ("z" in stop):
        raise GanlibError("Each keyframe of a timeline names a seed or a z, one of both.")
    if "seed" in stop:
        z = sample_latent(1, generator.latent_dim, stop["seed"])[0]
    elif isinstance(stop["z"], str):
        z = load_latent(folder / expand_home(stop["z"]), generator)
    else:
        z = torch.tensor(stop["z"], dtype=torch.float64).float()
    z = complete(z, generator.latent_dim, point_dim(generator) - generator.latent_dim)
    check_latent(z[None], point_dim(generator))
    return Keyframe(z, stop.get("seconds", Keyframe.seconds), stop.get("easing", Keyframe.easing))


def write_timeline(timeline: Timeline, generator: Generator, path: str | Path) -> Path:
    """Write a timeline as one JSON file, with all its z, and return the path.

    Raises:
        GanlibError: the disk is full, or the place may not be written.
    """
    path = expand_home(path)
    stops = [
        {"z": frame.z.tolist(), "seconds": frame.seconds, "easing": frame.easing}
        for frame in timeline.keyframes
    ]
    values = {"model": fingerprint(generator), "loop": timeline.loop, "keyframes": stops}
    text = json.dumps(values, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path

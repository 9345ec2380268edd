"""The verb `interpolate`."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import SOURCE_HELP, Verbs, add_upscale
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.nets.players import Painter

_SECONDS_A_LEG = 2.0
_FRAMES_A_SECOND = 20  # GIF counts in hundredths of a second: 5 of them


def add_interpolate(verbs: Verbs) -> None:
    """Add it to the command line."""
    interpolate = verbs.add_parser(
        "interpolate",
        help="make a GIF or MP4 in which one picture turns into another",
        description="Make a GIF or MP4 that goes from picture to picture along arcs in the latent space.",
    )
    interpolate.add_argument("source", help=SOURCE_HELP.removesuffix(" (portraits)"))
    interpolate.add_argument(
        "stops", nargs="+", metavar="STOP", help="two or more seeds or JSON files of z, in turn"
    )
    interpolate.add_argument(
        "--out", type=Path, default=Path("interpolation.gif"), help="the .gif or .mp4 (interpolation.gif)"
    )
    interpolate.add_argument("--loop", action="store_true", help="go back to the first picture, for ever")
    interpolate.add_argument("--straight", action="store_true", help="go along straight lines, not arcs")
    interpolate.add_argument("--seconds", type=float, help="how long it plays (2 for each leg)")
    interpolate.add_argument("--frames", type=int, help="how many pictures it has (20 a second)")
    add_upscale(interpolate, "to 256 pixels")
    interpolate.set_defaults(verb=_interpolate)


def _interpolate(options: argparse.Namespace) -> None:
    import torch

    from ganlib.latent import walk
    from ganlib.run import load_generator
    from ganlib.show.film import check_film, film_of_path

    if len(options.stops) == 1:
        raise GanlibError(f"A film needs two stops or more, and '{options.stops[0]}' is one.")
    generator, _ = load_generator(options.source)
    stops = torch.stack([_stop(text, generator) for text in options.stops])  # (N, latent_dim)
    legs = len(stops) - 1 + options.loop
    seconds = _SECONDS_A_LEG * max(legs, 1) if options.seconds is None else options.seconds
    check_film(options.out, seconds)  # before it is multiplied
    frames = max(len(stops), round(_FRAMES_A_SECOND * seconds)) if options.frames is None else options.frames
    check_film(options.out, seconds, frames)
    path = walk(stops, frames, closed=options.loop, straight=options.straight)
    alt = f"A film that goes from {' to '.join(options.stops)}."
    film_of_path(generator, path, options.out, seconds, alt=alt, scale=options.upscale, smooth=options.smooth)
    print(f"{frames} frames, {seconds:g} seconds: {options.out}")


def _stop(text: str, generator: "Painter") -> "Tensor":
    """The z, (latent_dim,), of a seed or in a file."""
    from ganlib.files import expand_home
    from ganlib.latent import sample_latent
    from ganlib.latent_file import load_latent

    if re.fullmatch(r"-?\d+", text):
        return sample_latent(1, generator.latent_dim, int(text))[0]
    if not expand_home(text).exists():
        raise GanlibError(f"'{text}' is neither a seed nor a JSON file of a z that is there.")
    return load_latent(text, generator)

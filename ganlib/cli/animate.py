"""The verb `animate`."""

import argparse
from pathlib import Path

from ganlib.cli.parts import Verbs


def add_animate(verbs: Verbs) -> None:
    """Add it to the command line."""
    animate = verbs.add_parser("animate", help="make a GIF or MP4 of a run's samples")
    animate.add_argument("run", type=Path, help="the run folder")
    animate.add_argument(
        "--out", type=Path, help="the .gif or .mp4 to write (training.gif in the run folder)"
    )
    animate.add_argument("--seconds", type=float, default=8.0, help="how long it plays (8)")
    animate.set_defaults(verb=_animate)


def _animate(options: argparse.Namespace) -> None:
    from ganlib.run import Run
    from ganlib.show.animation import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    print(options.out or run.animation_file)

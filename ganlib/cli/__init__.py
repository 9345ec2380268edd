"""The command line, one verb a file."""

import argparse
import sys
from collections.abc import Sequence

from ganlib.cli.sample import add_animate, add_evaluate, add_explore, add_interpolate, add_project, add_sample
from ganlib.cli.share import add_export, add_share
from ganlib.cli.train import add_doctor, add_prepare, add_recipes, add_runs, add_train
from ganlib.errors import GanlibError

_USER_MISTAKE = 2
_INTERRUPTED = 130
_VERBS = (
    add_prepare,
    add_recipes,
    add_train,
    add_runs,
    add_sample,
    add_evaluate,
    add_interpolate,
    add_project,
    add_explore,
    add_animate,
    add_share,
    add_export,
    add_doctor,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; exit code 0, 2 for a mistake that a sentence on stderr explains, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.verb(options)
    except GanlibError as error:
        print(f"ganlib: {error}", file=sys.stderr)
        return _USER_MISTAKE
    except KeyboardInterrupt:
        print("ganlib: interrupted; nothing half-written was left behind", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ganlib", description="Train a GAN on pictures, and paint with it.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for add in _VERBS:
        add(verbs)
    return parser

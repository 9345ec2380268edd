"""The command line: `python -m ganlib VERB`."""

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from ganlib.cli import sample, share, train
from ganlib.errors import GanlibError

_USER_MISTAKE = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return 0, 2 for a mistake that a sentence on stderr explains, or 130 for Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a notebook has streams of its own
            stream.reconfigure(errors="replace")  # names of files need not be text, nor fit the terminal
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
    parser = argparse.ArgumentParser(
        prog="ganlib", description="Train a GAN on pictures, and generate new ones with it."
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for declare in (*train.VERBS, *sample.VERBS, *share.VERBS):
        declare(verbs)
    return parser

"""The verb `doctor`."""

import argparse

from ganlib.cli.parts import Verbs


def add_doctor(verbs: Verbs) -> None:
    """Add it to the command line."""
    doctor = verbs.add_parser("doctor", help="say what this machine has and what is missing")
    doctor.set_defaults(verb=_doctor)


def _doctor(_: argparse.Namespace) -> None:
    from ganlib.doctor import report

    print(report())

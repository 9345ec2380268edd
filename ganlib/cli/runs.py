"""The verb `runs`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ganlib.cli.parts import Verbs
from ganlib.errors import GanlibError

_COMPARE = "compare"


def add_runs(verbs: Verbs) -> None:
    """Add it to the command line."""
    runs = verbs.add_parser(
        "runs",
        help="list the runs, or draw a few of them together",
        usage="ganlib runs [FOLDER]\n       ganlib runs compare RUN RUN [RUN ...] [--out FILE]",
        description="List the runs in FOLDER and up to three levels below it, with recipe, kimg, minutes, "
        "last warning and best score; the one that was trained last stands at the end. 'runs compare' draws "
        "the curves and the newest samples of two to four of them into one picture.",
    )
    runs.add_argument(
        "words",
        nargs="*",
        default=["runs"],
        metavar="FOLDER",
        help="the folder to look in (runs; one called compare is ./compare), or 'compare' and the folders of "
        "runs, or their names below runs",
    )
    runs.add_argument("--out", type=Path, help="the picture that 'compare' writes (compare.png)")
    runs.set_defaults(verb=_runs)


def _runs(options: argparse.Namespace) -> None:
    from ganlib.show.runs import find_runs, runs_table

    first, *others = options.words
    if first == _COMPARE:
        _compare(others, options.out or Path("compare.png"))
    elif others or options.out:
        raise GanlibError("Name one folder to list its runs, or 'runs compare' and the runs to compare.")
    else:
        print(runs_table(find_runs(first)))


def _compare(names: Sequence[str], out: Path) -> None:
    from ganlib.show.comparison import compare, find_run

    print(compare([find_run(name) for name in names]).save(out))

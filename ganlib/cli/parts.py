"""What every verb is declared with, and how it speaks."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from ganlib.errors import printable

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run: TypeAlias = Callable[[argparse.Namespace], None]
Option: TypeAlias = Callable[[argparse.ArgumentParser], object]
SOURCE = "a run folder, a shared folder, a weights file or the name of bundled weights"
EXTRACTOR = "lite0, lite2, or inception, downloaded once (lite0, or lite2 if D has learnt through lite0)"


def verb(*options: Option, **words: Any) -> Callable[[Run], Callable[[Verbs], None]]:
    """Make a verb of the function below: its name without the underscore, and its docstring as the help."""

    def declare(run: Run, verbs: Verbs) -> None:
        name, about = run.__name__.strip("_"), run.__doc__ or ""
        parser = verbs.add_parser(name, help=about.partition("\n")[0], description=about, **words)
        parser.set_defaults(verb=run)
        for add in options:
            add(parser)

    return lambda run: partial(declare, run)


def option(names: str, help: str, value: object = str, **settings: Any) -> Option:
    """Make an option by its default `value`, which the help repeats, or by a type if it has none.

    `names` are one or more, and in capitals what stands for the value, as in "--out FILE". A default of False
    makes a flag; an argument without dashes may be left out if it has a default.
    """
    words = names.split()
    if words[-1].isupper():
        settings["metavar"] = words.pop()
    if value is False:
        settings["action"] = "store_true"
    elif isinstance(value, type):
        settings["type"] = value
    else:
        settings |= {"type": type(value), "default": value}
        help += f" ({value})"
        if not names.startswith("-"):
            settings["nargs"] = "?"
    return lambda parser: parser.add_argument(*words, help=help, **settings)


def say(*lines: object) -> None:
    """Print lines without anything in them that a terminal would obey, whoever named the files in them."""
    print(*map(printable, lines), sep="\n")

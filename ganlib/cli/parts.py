"""What every verb is declared with."""

import argparse
from collections.abc import Callable
from typing import Any, TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
SOURCE = "a run folder, a shared folder, a weights file or the name of bundled weights"


class Verb:
    """A verb of the command line, to which options are added one by one."""

    def __init__(
        self, verbs: Verbs, run: Callable[[argparse.Namespace], None], help: str, **words: Any
    ) -> None:
        """Declare a verb that is called like the function `run` without its underscore, and calls it."""
        self.parser = verbs.add_parser(run.__name__.strip("_"), help=help, **words)
        self.parser.set_defaults(verb=run)

    def option(self, names: str, help: str, value: object = str, **settings: Any) -> None:
        """Add an option by its default `value`, which the help repeats, or by a type if it has none.

        `names` are one or more, and in capitals what stands for the value, as in "--out FILE". A default of
        False makes a flag; an argument without dashes may be left out if it has a default.
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
        self.parser.add_argument(*words, help=help, **settings)

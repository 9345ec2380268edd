"""The verb `explore`."""

import argparse

from ganlib.cli.parts import SOURCE_HELP, Verbs


def add_explore(verbs: Verbs) -> None:
    """Add it to the command line."""
    explore = verbs.add_parser(
        "explore",
        help="open the latent studio: sliders that change a picture",
        description="Open the latent studio in the browser, with Voila or JupyterLab, until Ctrl-C.",
    )
    explore.add_argument("source", nargs="?", default="portraits", help=SOURCE_HELP)
    explore.set_defaults(verb=_explore)


def _explore(options: argparse.Namespace) -> None:
    from ganlib.show.explore import explore

    explore(options.source)

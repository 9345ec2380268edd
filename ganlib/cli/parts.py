"""What several verbs share."""

import argparse
from typing import TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
SOURCE_HELP = "a run folder, a weights file or the name of bundled weights (portraits)"


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `--set`, which changes fields of a recipe."""
    parser.add_argument(
        "--set",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="change fields of the recipe, such as width=32 batch_size=16",
    )


def add_upscale(parser: argparse.ArgumentParser, usual: str) -> None:
    """Add `--upscale`, for which `usual` says what is done unless told, and `--smooth`."""
    parser.add_argument(
        "--upscale",
        "--scale",
        type=int,
        metavar="TIMES",
        help=f"how many times as wide each picture is drawn, every pixel a square ({usual})",
    )
    parser.add_argument("--smooth", action="store_true", help="enlarge by Lanczos's filter, without squares")

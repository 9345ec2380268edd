"""The verb `prepare`."""

import argparse
from pathlib import Path

from ganlib.cli.parts import Verbs


def add_prepare(verbs: Verbs) -> None:
    """Add it to the command line."""
    prepare = verbs.add_parser(
        "prepare",
        help="turn pictures into a set to train on, each file decoded once",
        description="Turn pictures into a set to train on: each file is decoded once, turned upright, put on "
        "white, cropped and resized; what cannot be used is named with its reason. Run again, it only looks "
        "for changes.",
    )
    prepare.add_argument(
        "source",
        help="a folder, a zip or tar file, 'patchwork', or a Kaggle data set: 'owner/name' or its address",
    )
    prepare.add_argument("--size", type=int, default=64, help="height and width in pixels (64)")
    prepare.add_argument(
        "--crop",
        default="centre",
        help="'centre', 'pad' (white borders), 'stretch', or 'tiles' for few large pictures (centre)",
    )
    prepare.add_argument(
        "--out", type=Path, metavar="SET", help="the folder to write (one in the cache; it is printed)"
    )
    prepare.add_argument(
        "--via", metavar="WAY", help="'opendatasets' or 'huggingface': fetch the source in this way"
    )
    prepare.add_argument("--drop-duplicates", action="store_true", help="keep one of pictures that are equal")
    prepare.add_argument(
        "--drop-near-duplicates", action="store_true", help="keep one of pictures that are nearly equal"
    )
    prepare.add_argument(
        "--report", action="store_true", help="write report.html, a page to look at, into SET"
    )
    prepare.set_defaults(verb=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    from ganlib.data.manifest import Settings, read_manifest
    from ganlib.data.prepare import default_place, is_prepared, prepare
    from ganlib.data.sources import find_pictures
    from ganlib.files import expand_home
    from ganlib.show.report import report

    pictures = find_pictures(options.source, options.via)
    settings = Settings(options.size, options.crop, options.drop_duplicates, options.drop_near_duplicates)
    out = expand_home(options.out) if options.out else default_place(pictures.name, pictures.place, settings)
    try:
        prepare(pictures, settings, out)
        print(read_manifest(out).summary())
        print(f"prepared set  {out}")
    finally:  # too few pictures: now the page is needed most
        if options.report and is_prepared(out):
            print(f"report        {report(out, pictures)}")

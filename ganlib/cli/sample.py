"""The verb `sample`."""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import SOURCE_HELP, Verbs, add_upscale
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.nets.players import Painter

_FORMATS = ("png", "webp", "jpg")
_AT_ONCE = 64
_MOST_FILES = 100_000


def add_sample(verbs: Verbs) -> None:
    """Add it to the command line."""
    sample = verbs.add_parser(
        "sample",
        help="paint pictures with a trained generator",
        description="Paint pictures with a trained generator: a grid, or by --files single pictures in a "
        "folder. One seed is one picture, whatever the count.",
    )
    sample.add_argument("source", nargs="?", default="portraits", help=SOURCE_HELP)
    sample.add_argument("--count", type=int, default=16, help="how many pictures (16)")
    sample.add_argument("--seed", type=int, default=0, help="the first picture's seed; the next has seed + 1")
    sample.add_argument(
        "--truncation",
        type=float,
        default=1.0,
        metavar="AMOUNT",
        help="bring z nearer to the mean, such as 0.7: safer pictures, and more alike (1)",
    )
    sample.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="the PNG, WebP or JPEG to write (samples.png), or with --files the folder (samples)",
    )
    sample.add_argument("--files", action="store_true", help="one file a picture, named by its seed")
    sample.add_argument("--format", choices=_FORMATS, default="png", help="of the files (png)")
    add_upscale(sample, "2 in a grid, 1 in files")
    sample.set_defaults(verb=_sample)


def _sample(options: argparse.Namespace) -> None:
    from ganlib.run import load_generator

    generator, recipe = load_generator(options.source)
    write = _write_files if options.files else _write_grid
    where = write(generator, recipe.size, options)
    last = options.seed + options.count - 1
    print(f"{options.count} pictures, seeds {options.seed} to {last}: {where}")


def _write_grid(generator: "Painter", size: int, options: argparse.Namespace) -> Path:
    from ganlib.show.grids import check_grid, grid, square

    scale = 2 if options.upscale is None else options.upscale
    check_grid(options.count, size, square(max(options.count, 1)), scale)
    pictures = _painted(generator, options, 0, options.count)
    return grid(pictures, scale=scale, smooth=options.smooth).save(options.out or Path("samples.png"))


def _write_files(generator: "Painter", size: int, options: argparse.Namespace) -> Path:
    from ganlib.files import make_folder
    from ganlib.progress import progress
    from ganlib.show.grids import check_grid, grid

    if options.count > _MOST_FILES:
        raise GanlibError(f"{options.count} files are too many: ask for at most {_MOST_FILES}.")
    scale = 1 if options.upscale is None else options.upscale
    check_grid(1, size, 1, scale)
    pictures = _one_by_one(generator, options)
    first = next(pictures)  # what is wrong shows before there is a folder
    folder = make_folder(options.out or Path("samples"))
    pictures = itertools.chain([first], pictures)
    for k, picture in enumerate(progress(pictures, "painting", "picture", options.count)):
        figure = grid(picture[None], scale=scale, smooth=options.smooth)
        figure.save(folder / f"seed-{options.seed + k:06d}.{options.format}")
    return folder


def _one_by_one(generator: "Painter", options: argparse.Namespace) -> Iterator["Tensor"]:
    """Each picture (3, S, S), painted in batches so that few are in memory at a time."""
    for start in range(0, max(options.count, 1), _AT_ONCE):
        yield from _painted(generator, options, start, min(_AT_ONCE, options.count - start))


def _painted(generator: "Painter", options: argparse.Namespace, start: int, count: int) -> "Tensor":
    from ganlib.latent import paint, sample_latent, truncate

    z = sample_latent(count, generator.latent_dim, options.seed + start)
    return paint(generator, truncate(z, options.truncation))

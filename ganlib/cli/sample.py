"""The verbs for a trained generator: sample, evaluate, interpolate, project, explore, animate."""

import argparse
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import SOURCE_HELP, Verbs, add_upscale
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.data.dataset import ImageDataset
    from ganlib.nets.base import Generator
    from ganlib.run import Run

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


def _write_grid(generator: "Generator", size: int, options: argparse.Namespace) -> Path:
    from ganlib.show.grids import check_grid, grid, square

    scale = 2 if options.upscale is None else options.upscale
    check_grid(options.count, size, square(max(options.count, 1)), scale)
    pictures = _painted(generator, options, 0, options.count)
    return grid(pictures, scale=scale, smooth=options.smooth).save(options.out or Path("samples.png"))


def _write_files(generator: "Generator", size: int, options: argparse.Namespace) -> Path:
    from ganlib.runtime.files import make_folder
    from ganlib.runtime.progress import progress
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


def _one_by_one(generator: "Generator", options: argparse.Namespace) -> Iterator["Tensor"]:
    """Each picture (3, S, S), painted in batches so that few are in memory at a time."""
    for start in range(0, max(options.count, 1), _AT_ONCE):
        yield from _painted(generator, options, start, min(_AT_ONCE, options.count - start))


def _painted(generator: "Generator", options: argparse.Namespace, start: int, count: int) -> "Tensor":
    from ganlib.latent.sampling import generate, sample_latent, truncate

    z = sample_latent(count, generator.latent_dim, options.seed + start)
    return generate(generator, truncate(z, options.truncation))


def add_evaluate(verbs: Verbs) -> None:
    """Add it to the command line."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="measure how good, varied and new a generator's pictures are",
        description="Measure a generator's pictures next to held-out ones: KID at three sizes, precision, "
        "recall, density, coverage, distinct pictures and nearest neighbours. It prints a table and writes "
        "quality.json and quality.png into the run folder.",
    )
    evaluate.add_argument("source", metavar="RUN", help=SOURCE_HELP.removesuffix(" (portraits)"))
    evaluate.add_argument(
        "--extractor",
        default="lite0",
        metavar="NAME",
        help="the net that looks at them: lite0, or inception and dinov2, which are fetched once (lite0)",
    )
    evaluate.add_argument(
        "--count", type=int, help="how many pictures (as many as are held out, at most 1,000)"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="the first picture's seed (0)")
    evaluate.add_argument(
        "--data", metavar="ART", help="the pictures it was trained on, as for 'train' (the recipe's own)"
    )
    evaluate.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write (the run folder, else the current one)"
    )
    evaluate.add_argument(
        "--best", action="store_true", help="measure best.safetensors, and write quality-best.json and .png"
    )
    evaluate.set_defaults(verb=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from ganlib.data.dataset import load_art
    from ganlib.evaluation.quality import measure_quality
    from ganlib.run import Run, load_generator
    from ganlib.runtime.device import detect
    from ganlib.runtime.files import make_folder, write_atomically
    from ganlib.show.quality import quality_figure, quality_page

    run = Run(options.source)
    generator, recipe = load_generator(run.weights_file(best=True) if options.best else options.source)
    images = load_art(options.data or recipe.art, recipe.size)
    _check_data(run, images)
    folder = options.out or (run.folder if run.recipe_file.is_file() else Path())
    out = make_folder(folder) / ("quality-best" if options.best else "quality")  # before the work is done
    quality = measure_quality(
        generator.to(detect().device),
        images,
        extractor=options.extractor,
        count=options.count,
        seed=options.seed,
    )
    text = json.dumps(quality.to_json(), indent=2) + "\n"
    write_atomically(out.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
    figure = quality_figure(quality, generator, images, recipe.name).save(out.with_suffix(".png"))
    print(quality_page(quality))
    print(f"\nfigures  {out.with_suffix('.json')}\npicture  {figure}")


def _check_data(run: "Run", images: "ImageDataset") -> None:
    """Raise `GanlibError` if a checkpoint says that the run was trained on other pictures."""
    from ganlib.hub.card import trained_on

    data = trained_on(run)
    if data and data["fingerprint"] != images.content_hash:
        raise GanlibError(
            f"'{run.folder}' was trained on {data['pictures']} other pictures than those of '{images.name}': "
            "name them by --data."
        )


_SECONDS_A_LEG = 2.0
_FRAMES_A_SECOND = 20  # GIF counts in hundredths of a second: 5 of them


def add_interpolate(verbs: Verbs) -> None:
    """Add it to the command line."""
    interpolate = verbs.add_parser(
        "interpolate",
        help="make a GIF or MP4 in which one picture turns into another",
        description="Make a GIF or MP4 that goes from picture to picture along arcs in the latent space.",
    )
    interpolate.add_argument("source", help=SOURCE_HELP.removesuffix(" (portraits)"))
    interpolate.add_argument(
        "stops", nargs="+", metavar="STOP", help="two or more seeds or JSON files of z, in turn"
    )
    interpolate.add_argument(
        "--out", type=Path, default=Path("interpolation.gif"), help="the .gif or .mp4 (interpolation.gif)"
    )
    interpolate.add_argument("--loop", action="store_true", help="go back to the first picture, for ever")
    interpolate.add_argument("--straight", action="store_true", help="go along straight lines, not arcs")
    interpolate.add_argument("--seconds", type=float, help="how long it plays (2 for each leg)")
    interpolate.add_argument("--frames", type=int, help="how many pictures it has (20 a second)")
    add_upscale(interpolate, "to 256 pixels")
    interpolate.set_defaults(verb=_interpolate)


def _interpolate(options: argparse.Namespace) -> None:
    import torch

    from ganlib.latent.sampling import walk
    from ganlib.run import load_generator
    from ganlib.show.film import check_film, film_of_path

    if len(options.stops) == 1:
        raise GanlibError(f"A film needs two stops or more, and '{options.stops[0]}' is one.")
    generator, _ = load_generator(options.source)
    stops = torch.stack([_stop(text, generator) for text in options.stops])  # (N, latent_dim)
    legs = len(stops) - 1 + options.loop
    seconds = _SECONDS_A_LEG * max(legs, 1) if options.seconds is None else options.seconds
    check_film(options.out, seconds)  # before it is multiplied
    frames = max(len(stops), round(_FRAMES_A_SECOND * seconds)) if options.frames is None else options.frames
    check_film(options.out, seconds, frames)
    path = walk(stops, frames, closed=options.loop, straight=options.straight)
    alt = f"A film that goes from {' to '.join(options.stops)}."
    film_of_path(generator, path, options.out, seconds, alt=alt, scale=options.upscale, smooth=options.smooth)
    print(f"{frames} frames, {seconds:g} seconds: {options.out}")


def _stop(text: str, generator: "Generator") -> "Tensor":
    """The z, (latent_dim,), of a seed or in a file."""
    from ganlib.latent.sampling import load_latent, sample_latent
    from ganlib.runtime.files import expand_home

    if re.fullmatch(r"-?\d+", text):
        return sample_latent(1, generator.latent_dim, int(text))[0]
    if not expand_home(text).exists():
        raise GanlibError(f"'{text}' is neither a seed nor a JSON file of a z that is there.")
    return load_latent(text, generator)


def add_project(verbs: Verbs) -> None:
    """Add it to the command line."""
    project = verbs.add_parser(
        "project",
        help="find the z whose picture comes nearest to a photo",
        description="Find the z whose picture comes nearest to a photo. The picture is written beside the "
        "photo as PNG, and the z as JSON, which 'interpolate' takes as a stop.",
    )
    project.add_argument("photo", type=Path, help="a picture of any format and size")
    project.add_argument("source", nargs="?", default="portraits", help=SOURCE_HELP)
    project.add_argument(
        "--crop", default="centre", help="'centre', 'pad' (white borders) or 'stretch' (centre)"
    )
    project.add_argument("--starts", type=int, default=4, help="how many searches go on together (4)")
    project.add_argument("--steps", type=int, default=200, help="how many steps each takes (200)")
    project.add_argument(
        "--out",
        type=Path,
        metavar="PICTURE",
        help="the picture to write, with the JSON beside it (PHOTO-projected.png)",
    )
    add_upscale(project, "1")
    project.set_defaults(verb=_project)


def _project(options: argparse.Namespace) -> None:
    from ganlib.data.dataset import read_photo
    from ganlib.latent.projection import project
    from ganlib.latent.sampling import save_latent
    from ganlib.run import load_generator
    from ganlib.runtime.files import expand_home
    from ganlib.show.figure import check_picture_name
    from ganlib.show.grids import check_grid, grid

    photo = expand_home(options.photo)
    out = options.out or photo.with_name(f"{photo.stem}-projected.png")
    scale = 1 if options.upscale is None else options.upscale
    check_picture_name(out)
    generator, recipe = load_generator(options.source)
    check_grid(1, recipe.size, 1, scale)
    wanted = read_photo(photo, recipe.size, options.crop)
    found = project(generator, wanted, starts=options.starts, steps=options.steps)
    print(found)
    print(f"picture  {grid(found.picture[None], scale=scale, smooth=options.smooth).save(out)}")
    print(f"z        {save_latent(found.z, generator, recipe, out.with_suffix('.json'))}")


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
    from ganlib.studio.app import explore

    explore(options.source)


def add_animate(verbs: Verbs) -> None:
    """Add it to the command line."""
    animate = verbs.add_parser("animate", help="make a GIF or MP4 of a run's samples")
    animate.add_argument("run", type=Path, help="the run folder")
    animate.add_argument(
        "--out", type=Path, help="the .gif or .mp4 to write (training.gif in the run folder)"
    )
    animate.add_argument("--seconds", type=float, default=8.0, help="how long it plays (8)")
    animate.set_defaults(verb=_animate)


def _animate(options: argparse.Namespace) -> None:
    from ganlib.run import Run
    from ganlib.show.film import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    print(options.out or run.animation_file)

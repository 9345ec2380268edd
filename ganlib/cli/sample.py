"""The verbs for a trained generator: sample, evaluate, interpolate, project, explore, animate."""

import argparse
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import SOURCE, Verb, Verbs
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.data.dataset import ImageDataset
    from ganlib.nets.base import Generator
    from ganlib.run import Run

_FORMATS = ("png", "webp", "jpg")
_AT_ONCE = 64
_MOST_FILES = 100_000


def _add_upscale(verb: Verb, usual: str) -> None:
    """Add `--upscale`, for which `usual` says what is done unless told, and `--smooth`."""
    verb.option(
        "--upscale --scale TIMES",
        f"how many times as wide each picture is drawn, every pixel a square ({usual})",
        int,
    )
    verb.option("--smooth", "enlarge by Lanczos's filter, without squares", False)


def _declare_sample(verbs: Verbs) -> None:
    sample = Verb(
        verbs,
        _sample,
        "generate pictures with a trained generator",
        description="Generate pictures with a trained generator: a grid, or by --files single pictures in a "
        "folder. One seed is one picture, whatever the count.",
    )
    sample.option("source", SOURCE, "portraits")
    sample.option("--count", "how many pictures", 16)
    sample.option("--seed", "the first picture's seed; the next has seed + 1", 0)
    sample.option(
        "--truncation AMOUNT", "bring z nearer to the mean, such as 0.7: safer pictures, and more alike", 1.0
    )
    sample.option(
        "--out PATH",
        "the PNG, WebP or JPEG to write (samples.png), or with --files the folder (samples)",
        Path,
    )
    sample.option("--files", "one file a picture, named by its seed", False)
    sample.option("--format", "of the files", "png", choices=_FORMATS)
    _add_upscale(sample, "2 in a grid, 1 in files")


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
    pictures = _generated(generator, options, 0, options.count)
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
    for k, picture in enumerate(progress(pictures, "generating", "picture", options.count)):
        figure = grid(picture[None], scale=scale, smooth=options.smooth)
        figure.save(folder / f"seed-{options.seed + k:06d}.{options.format}")
    return folder


def _one_by_one(generator: "Generator", options: argparse.Namespace) -> Iterator["Tensor"]:
    """Each picture (3, S, S), generated in batches so that few are in memory at a time."""
    for start in range(0, max(options.count, 1), _AT_ONCE):
        yield from _generated(generator, options, start, min(_AT_ONCE, options.count - start))


def _generated(generator: "Generator", options: argparse.Namespace, start: int, count: int) -> "Tensor":
    from ganlib.latent.sampling import generate, sample_latent, truncate

    z = sample_latent(count, generator.latent_dim, options.seed + start)
    return generate(generator, truncate(z, options.truncation))


def _declare_evaluate(verbs: Verbs) -> None:
    evaluate = Verb(
        verbs,
        _evaluate,
        "measure how good, varied and new a generator's pictures are",
        description="Measure a generator's pictures next to held-out ones: KID at three sizes, precision, "
        "recall, density, coverage, distinct pictures and nearest neighbours. It prints a table and writes "
        "quality.json and quality.png into the run folder.",
    )
    evaluate.option("source RUN", SOURCE)
    evaluate.option(
        "--extractor NAME",
        "the net that looks at them: lite0, or inception and dinov2, which are fetched once",
        "lite0",
    )
    evaluate.option("--count", "how many pictures (as many as are held out, at most 1,000)", int)
    evaluate.option("--seed", "the first picture's seed", 0)
    evaluate.option("--data ART", "the pictures it was trained on, as for 'train' (the recipe's own)")
    evaluate.option("--out FOLDER", "where to write (the run folder, else the current one)", Path)
    evaluate.option("--best", "measure best.safetensors, and write quality-best.json and .png", False)


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


def _declare_interpolate(verbs: Verbs) -> None:
    interpolate = Verb(
        verbs,
        _interpolate,
        "make a GIF or MP4 in which one picture turns into another",
        description="Make a GIF or MP4 that goes from picture to picture along arcs in the latent space.",
    )
    interpolate.option("source", SOURCE)
    interpolate.option("stops STOP", "two or more seeds or JSON files of z, in turn", nargs="+")
    interpolate.option("--out", "the .gif or .mp4", Path("interpolation.gif"))
    interpolate.option("--loop", "go back to the first picture, for ever", False)
    interpolate.option("--straight", "go along straight lines, not arcs", False)
    interpolate.option("--seconds", "how long it plays (2 for each leg)", float)
    interpolate.option("--frames", "how many pictures it has (20 a second)", int)
    _add_upscale(interpolate, "to 256 pixels")


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
    seconds = _SECONDS_A_LEG * legs if options.seconds is None else options.seconds
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


def _declare_project(verbs: Verbs) -> None:
    project = Verb(
        verbs,
        _project,
        "find the z whose picture comes nearest to a photo",
        description="Find the z whose picture comes nearest to a photo. The picture is written beside the "
        "photo as PNG, and the z as JSON, which 'interpolate' takes as a stop.",
    )
    project.option("photo", "a picture of any format and size", Path)
    project.option("source", SOURCE, "portraits")
    project.option("--crop", "'centre', 'pad' (white borders) or 'stretch'", "centre")
    project.option("--starts", "how many searches go on together", 4)
    project.option("--steps", "how many steps each takes", 200)
    project.option(
        "--out PICTURE", "the picture to write, with the JSON beside it (PHOTO-projected.png)", Path
    )
    _add_upscale(project, "1")


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


def _declare_explore(verbs: Verbs) -> None:
    explore = Verb(
        verbs,
        _explore,
        "open the latent studio: sliders that change a picture",
        description="Open the latent studio in the browser, with Voila or JupyterLab, until Ctrl-C.",
    )
    explore.option("source", SOURCE, "portraits")


def _explore(options: argparse.Namespace) -> None:
    from ganlib.studio.app import explore

    explore(options.source)


def _declare_animate(verbs: Verbs) -> None:
    animate = Verb(verbs, _animate, "make a GIF or MP4 of a run's samples")
    animate.option("run", "the run folder", Path)
    animate.option("--out", "the .gif or .mp4 to write (training.gif in the run folder)", Path)
    animate.option("--seconds", "how long it plays", 8.0)


def _animate(options: argparse.Namespace) -> None:
    from ganlib.run import Run
    from ganlib.show.film import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    print(options.out or run.animation_file)


VERBS = (
    _declare_sample,
    _declare_evaluate,
    _declare_interpolate,
    _declare_project,
    _declare_explore,
    _declare_animate,
)

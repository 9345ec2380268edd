"""The verbs for a trained generator: sample, evaluate, interpolate, project, explore, animate."""

import argparse
import json
import os
import re
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import EXTRACTOR, SOURCE, Option, option, say, verb
from ganlib.errors import GanlibError
from ganlib.runtime.files import expand_home, make_folder, write_atomically

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.nets.base import Generator

_AT_ONCE = 64
_MOST_FILES = 100_000
_SEEDS = re.compile(r"(-?\d{1,19})(?:-(\d{1,18}))?")


def _upscale(usual: str) -> tuple[Option, Option]:
    """`--upscale`, for which `usual` says what is done unless told, and `--smooth`."""
    words = f"how many times as wide each picture is drawn, every pixel a square ({usual})"
    smooth = option("--smooth", "enlarge by Lanczos's filter, without squares", False)
    return option("--upscale --scale TIMES", words, int), smooth


@verb(
    option("source", SOURCE, "portraits"),
    option("--count", "how many pictures", 16),
    option("--seed --seeds", "the first picture's seed; the next has seed + 1; or a list: 1,5,9-12", "0"),
    option("--class NAME", "one of the classes that it was trained with (all, as often as they were there)"),
    option("--truncation AMOUNT", "bring z nearer to the mean, such as 0.7: safer pictures, more alike", 1.0),
    option("--out PATH", "the PNG, WebP or JPEG (samples.png), or with --files the folder (samples)", Path),
    option("--files", "one file a picture, named by its seed", False),
    option("--format", "of the files", "png", choices=["png", "webp", "jpg"]),
    *_upscale("2 in a grid, 1 in files"),
)
def _sample(options: argparse.Namespace) -> None:
    """Generate pictures with a trained generator.

    They come as a grid, or by --files as single pictures in a folder. One seed is one picture, whatever the
    count.
    """
    import torch

    from ganlib.latent.sampling import choose_class, generate, sample_latent, truncate
    from ganlib.runtime.progress import progress
    from ganlib.show.grids import check_grid, grid, square
    from ganlib.weights import load_generator

    generator, recipe = load_generator(options.source)
    if (name := getattr(options, "class")) is not None:
        choose_class(generator, recipe.classes, **{name: 1.0})
    seeds = _seeds(options.seed, options.count)
    count = sum(map(len, seeds))
    if options.files and count > _MOST_FILES:
        raise GanlibError(f"{count} files are too many: ask for at most {_MOST_FILES}.")
    together, usual = (1, 1) if options.files else (count, 2)
    scale = usual if options.upscale is None else options.upscale
    check_grid(together, recipe.shape, square(max(together, 1)), scale)
    drawn = torch.cat([sample_latent(len(part), recipe.latent_dim, part.start) for part in seeds])
    z = truncate(drawn, options.truncation)
    draw = partial(grid, scale=scale, smooth=options.smooth)
    if options.files:
        where = make_folder(options.out or Path("samples"))
        batches = z.split(_AT_ONCE)  # so that few pictures are in memory at a time
        pictures = (picture for part in batches for picture in generate(generator, part))
        shown = progress(pictures, "generating", "picture", count)
        for seed, picture in zip(chain.from_iterable(seeds), shown, strict=True):
            draw(picture[None]).save(where / f"seed-{seed:06d}.{options.format}")
    else:
        where = draw(generate(generator, z)).save(options.out or Path("samples.png"))
    told = ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0]) for part in seeds)
    say(f"{count} picture{'s'[: count > 1]}, seed{'s'[: count > 1]} {told}: {where}")


def _seeds(text: str, count: int) -> list[range]:
    """Read "7" as `count` seeds from 7 on, and "1,5,9-12" as these seeds alone."""
    parts = [_SEEDS.fullmatch(part.strip()) for part in text.split(",")]
    found = [range(int(part[1]), int(part[2] or part[1]) + 1) for part in parts if part]
    if len(found) < len(parts) or not all(found):
        raise GanlibError(f"'{text}' names no seeds: write one, such as 7, or several, such as 1,5,9-12.")
    one = len(found) == 1 and len(found[0]) == 1
    return [range(found[0].start, found[0].start + max(count, 0))] if one else found


@verb(
    option("source RUN", SOURCE),
    option("--extractor NAME", f"the net: {EXTRACTOR}", ""),
    option("--count", "how many pictures (as many as are held out, at most 1,000)", int),
    option("--seed", "the first picture's seed", 0),
    option("--data ART", "the pictures it was trained on, as for 'train' (the recipe's own)"),
    option("--out FOLDER", "where to write (the run folder, else the current one)", Path),
    option("--best", "measure best.safetensors, and write quality-best.json and .png", False),
)
def _evaluate(options: argparse.Namespace) -> None:
    """Measure how good, varied and new a generator's pictures are.

    They are compared with held-out ones: KID at three sizes, precision, recall, density, coverage, distinct
    pictures and nearest neighbours. It prints a table and writes quality.json and quality.png into the run
    folder.
    """
    from ganlib.data.dataset import load_art
    from ganlib.evaluation.quality import measure_quality
    from ganlib.run import Run
    from ganlib.runtime.device import detect
    from ganlib.show.quality import quality_figure, quality_page
    from ganlib.training.checkpoint import trained_on
    from ganlib.weights import load_generator

    run = Run(options.source)
    generator, recipe = load_generator(run.weights_file(best=True) if options.best else options.source)
    if not (pictures := options.data or recipe.art):
        raise GanlibError(f"'{options.source}' says nothing of its pictures: name them by --data.")
    images = load_art(pictures, recipe.size)
    if (data := trained_on(run)) and data["fingerprint"] != images.content_hash:
        raise GanlibError(
            f"'{run.folder}' was trained on {data['pictures']} other pictures than those of '{images.name}': "
            "name them by --data."
        )
    folder = options.out or (run.folder if run.recipe_file.is_file() else Path())
    out = make_folder(folder) / ("quality-best" if options.best else "quality")  # before the work is done
    settings = {
        "count": options.count,
        "seed": options.seed,
        "extractor": recipe.extractor(options.extractor),
    }
    quality = measure_quality(generator.to(detect().device), images, **settings)
    text = json.dumps(quality.to_json(), indent=2) + "\n"
    write_atomically(out.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
    figure = quality_figure(quality, generator, images, recipe.name).save(out.with_suffix(".png"))
    say(*quality_page(quality).split("\n"), "")
    say(f"figures  {out.with_suffix('.json')}", f"picture  {figure}")


_SECONDS_A_LEG = 2.0
_FRAMES_A_SECOND = 20  # GIF counts in hundredths of a second: 5 of them


@verb(
    option("source", SOURCE),
    option("stops STOP", "two or more seeds or JSON files of z, in turn", nargs="+"),
    option("--out", "the .gif or .mp4", Path("interpolation.gif")),
    option("--loop", "go back to the first picture, for ever", False),
    option("--straight", "go along straight lines, not arcs", False),
    option("--seconds", "how long it plays (2 for each leg)", float),
    option("--frames", "how many pictures it has (20 a second)", int),
    *_upscale("to 256 pixels"),
)
def _interpolate(options: argparse.Namespace) -> None:
    """Make a GIF or MP4 that goes from picture to picture along arcs in the latent space."""
    import torch

    from ganlib.latent.sampling import complete, walk
    from ganlib.show.film import check_film, film_of_path
    from ganlib.weights import load_generator

    if len(options.stops) == 1:
        raise GanlibError(f"A film needs two stops or more, and '{options.stops[0]}' is one.")
    generator, _ = load_generator(options.source)
    shape = generator.latent_dim, getattr(generator, "classes", 0)
    stops = torch.stack([complete(_stop(text, generator), *shape) for text in options.stops])
    legs = len(stops) - 1 + options.loop
    seconds = _SECONDS_A_LEG * legs if options.seconds is None else options.seconds
    check_film(options.out, seconds)  # before it is multiplied
    frames = max(len(stops), round(_FRAMES_A_SECOND * seconds)) if options.frames is None else options.frames
    check_film(options.out, seconds, frames)
    path = walk(stops, frames, closed=options.loop, straight=options.straight)
    alt = f"A film that goes from {' to '.join(options.stops)}."
    film_of_path(generator, path, options.out, seconds, alt=alt, scale=options.upscale, smooth=options.smooth)
    say(f"{frames} frames, {seconds:g} seconds: {options.out}")


def _stop(text: str, generator: "Generator") -> "Tensor":
    """The z, (latent_dim,), of a seed or in a file."""
    from ganlib.latent.sampling import load_latent, sample_latent

    if re.fullmatch(r"-?\d+", text):
        return sample_latent(1, generator.latent_dim, int(text))[0]
    if not os.path.exists(expand_home(text)):  # noqa: PTH110 (Path's own raises if the name is too long)
        raise GanlibError(f"'{text}' is neither a seed nor a JSON file of a z that is there.")
    return load_latent(text, generator)


@verb(
    option("photo", "a picture of any format and size", Path),
    option("source", SOURCE, "portraits"),
    option("--crop", "'centre', 'pad' (white borders) or 'stretch'", "centre"),
    option("--starts", "how many searches go on together", 4),
    option("--steps", "how many steps each takes", 200),
    option("--out PICTURE", "the picture to write, JSON goes beside it (PHOTO-projected.png)", Path),
    *_upscale("1"),
)
def _project(options: argparse.Namespace) -> None:
    """Find the z whose picture comes nearest to a photo.

    The picture is written beside the photo as PNG, and the z as JSON, which 'interpolate' takes as a stop.
    """
    from ganlib.data.dataset import read_photo
    from ganlib.latent.projection import project
    from ganlib.latent.sampling import save_latent
    from ganlib.show.figure import check_picture_name
    from ganlib.show.grids import check_grid, grid
    from ganlib.weights import load_generator

    photo = expand_home(options.photo)
    out = options.out or photo.with_name(f"{photo.stem}-projected.png")
    scale = 1 if options.upscale is None else options.upscale
    check_picture_name(out)
    generator, recipe = load_generator(options.source)
    check_grid(1, recipe.shape, 1, scale)
    wanted = read_photo(photo, recipe.size, options.crop)
    found = project(generator, wanted, starts=options.starts, steps=options.steps)
    say(found)
    say(f"picture  {grid(found.picture[None], scale=scale, smooth=options.smooth).save(out)}")
    say(f"z        {save_latent(found.z, generator, recipe, out.with_suffix('.json'))}")


@verb(option("source", SOURCE, "portraits"))
def _explore(options: argparse.Namespace) -> None:
    """Open the latent studio in the browser, with Voila or JupyterLab, until Ctrl-C."""
    from ganlib.studio.app import explore

    explore(options.source)


@verb(
    option("run", "the run folder", Path),
    option("--out", "the .gif or .mp4 to write (training.gif in the run folder)", Path),
    option("--seconds", "how long it plays", 8.0),
)
def _animate(options: argparse.Namespace) -> None:
    """Make a GIF or MP4 of a run's samples."""
    from ganlib.run import Run
    from ganlib.show.film import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    say(options.out or run.animation_file)


VERBS = (_sample, _evaluate, _interpolate, _project, _explore, _animate)

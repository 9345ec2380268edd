"""The verbs for a trained generator: sample, evaluate, interpolate, project, explore, animate."""

import argparse
import json
import os
import re
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import EXTRACTOR, SOURCE, Option, option, say, verb
from ganlib.errors import GanlibError
from ganlib.runtime.files import expand_home, make_folder, write_atomically

if TYPE_CHECKING:
    from torch import Tensor

    from ganlib.latent.audio import Reaction
    from ganlib.latent.timeline import Timeline
    from ganlib.nets.base import Generator

_AT_ONCE = 64
_MOST_FILES = 100_000
_DOUBLED = 128  # px; a grid of larger pictures shows them as they are
_SEEDS = re.compile(r"(-?\d{1,19})(?:-(\d{1,18}))?")


def _upscale(usual: str) -> tuple[Option, Option]:
    """`--upscale`, for which `usual` says what is done unless told, and `--smooth`."""
    words = f"how many times as wide each picture is drawn, every pixel a square ({usual})"
    smooth = option("--smooth", "enlarge with a Lanczos filter instead of squares", False)
    return option("--upscale --scale TIMES", words, int), smooth


@verb(
    option("source", SOURCE, "portraits"),
    option("--count", "how many pictures", 16),
    option("--seed --seeds", "the first picture's seed; the next has seed + 1; or a list: 1,5,9-12", "0"),
    option("--class NAME", "one of the classes that it was trained with (all, as often as in training)"),
    option(
        "--truncation AMOUNT", "multiply z by this: at 0.9 samples are more alike, and hardly better", 1.0
    ),
    option("--out PATH", "the PNG, WebP or JPEG (samples.png), or with --files the folder (samples)", Path),
    option("--files", "write one file per picture, named by its seed", False),
    option("--format", "the format of these files", "png", choices=["png", "webp", "jpg"]),
    *_upscale("2 in a grid of pictures of up to 128 px, otherwise 1"),
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
    together = 1 if options.files else count
    usual = 2 if not options.files and max(recipe.shape) <= _DOUBLED else 1
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
    option("--extractor NAME", f"the network to measure with: {EXTRACTOR}", ""),
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
    extractor, net = recipe.extractor(options.extractor), generator.to(detect().device)
    quality = measure_quality(net, images, count=options.count, seed=options.seed, extractor=extractor)
    text = json.dumps(quality.to_json(), indent=2) + "\n"
    write_atomically(out.with_suffix(".json"), lambda part: part.write_text(text, encoding="utf-8"))
    figure = quality_figure(quality, generator, images, recipe.name).save(out.with_suffix(".png"))
    say(*quality_page(quality).split("\n"), "")
    say(f"figures  {out.with_suffix('.json')}", f"picture  {figure}")


_SECONDS_A_LEG = 2.0
_USUAL_RATE = {".gif": 20}  # frames a second: GIF counts in hundredths of a second
_REACTION = re.compile(r"(\d{1,4})=([+-]?\d+(?:\.\d+)?)(?::(beats|loudness))?")


@verb(
    option("source", SOURCE),
    option("stops STOP", "seeds or JSON files of z, in turn; or one JSON file of a timeline", nargs="+"),
    option("--out", "the .gif or .mp4, or a folder for numbered PNGs", Path("interpolation.gif")),
    option("--loop", "return to the first picture, to play for ever", False),
    option("--straight", "move along straight lines instead of arcs", False),
    option("--seconds", "its length (2 for each leg, or that of the timeline or the sound)", float),
    option("--frames", "its number of frames", int),
    option("--fps", "frames per second (20 in a GIF, else 30)", int),
    option("--size PX", "its width (256 or a little less)", int),
    *_upscale("to 256 pixels"),
    option("--audio SOUND", "a WAV or MP3 file that drives the film, and is heard in an MP4"),
    option("--pace", "how strongly loudness drives the pace, from 0 to 1", 0.5),
    option(
        "--react DIRECTION=STRENGTH",
        "strongest directions that move with the sound: 1=2 with its beats, 3=-1.5:loudness",
        default=[],
        nargs="+",
    ),
)
def _interpolate(options: argparse.Namespace) -> None:
    """Make a GIF or MP4 that goes from picture to picture along arcs in the latent space.

    A timeline is a JSON file: {"loop": true, "keyframes": [{"seed": 7, "seconds": 2, "easing": "ease"}, {"z":
    "smile.json"}]}, with the easings linear, ease and hold.
    """
    from ganlib.latent.audio import driven, read_sound
    from ganlib.show.film import check_film, film_of_path
    from ganlib.weights import load_generator

    generator, recipe = load_generator(options.source)
    timeline = _timeline(options, generator)
    if options.react and options.audio is None:
        raise GanlibError("--react moves with a sound: name one by --audio.")
    sound = None if options.audio is None else read_sound(options.audio)
    asked = timeline.seconds if options.seconds is None else options.seconds
    seconds = sound.seconds if sound else asked
    check_film(options.out, seconds)  # before it is multiplied
    rate = options.fps or _USUAL_RATE.get(options.out.suffix.lower(), 30)
    usual = max(len(timeline.keyframes), round(rate * seconds))
    frames = usual if options.frames is None or sound else options.frames
    check_film(options.out, seconds, frames)
    if sound:
        z = driven(timeline, sound, rate, options.pace, _reactions(options.react, generator))
    else:
        z = timeline.frames(frames)
    width = options.size or (None if options.upscale is None else options.upscale * recipe.shape[1])
    alt = f"A film that goes from {' to '.join(options.stops)}."
    settings = {"alt": alt, "width": width, "smooth": options.smooth, "sound": options.audio}
    film_of_path(generator, z, options.out, seconds, **settings)
    say(f"{len(z)} frames, {seconds:g} seconds: {options.out}")


def _timeline(options: argparse.Namespace, generator: "Generator") -> "Timeline":
    """Read a timeline, or make one of seeds and files of z."""
    from ganlib.latent.sampling import complete
    from ganlib.latent.timeline import Keyframe, Timeline, is_timeline, read_timeline

    if len(options.stops) == 1:
        path = expand_home(options.stops[0])
        if path.suffix == ".json" and is_timeline(path):
            found = read_timeline(path, generator)
            return replace(found, loop=found.loop or options.loop, straight=options.straight)
        raise GanlibError(f"A film needs two stops or more, or a timeline: '{options.stops[0]}' is one stop.")
    shape = generator.latent_dim, getattr(generator, "classes", 0)
    stops = [complete(_stop(text, generator), *shape) for text in options.stops]
    return Timeline(tuple(Keyframe(z, _SECONDS_A_LEG) for z in stops), options.loop, options.straight)


def _reactions(texts: list[str], generator: "Generator") -> "list[Reaction]":
    """Read "1=2.5" and "3=-1:loudness": which of the strongest directions moves how far, with what."""
    from ganlib.latent.audio import Reaction
    from ganlib.latent.directions import sefa_directions
    from ganlib.latent.sampling import complete

    found = [_REACTION.fullmatch(text) for text in texts]
    if wrong := [text for text, match in zip(texts, found, strict=True) if not match]:
        raise GanlibError(f"'{wrong[0]}' is no reaction: write one such as 1=2 or 3=-1.5:loudness.")
    parts = [(int(match[1]), float(match[2]), match[3] or "beats") for match in found if match]
    if not parts:
        return []
    directions = sefa_directions(generator, max(number for number, _, _ in parts)).vectors
    vectors = complete(directions, generator.latent_dim, getattr(generator, "classes", 0))
    return [Reaction(vectors[number - 1], strength, to) for number, strength, to in parts]


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
    option("--starts", "the number of searches, made together", 4),
    option("--steps", "the number of steps of each", 200),
    option("--out PICTURE", "the picture to write; the JSON goes beside it (PHOTO-projected.png)", Path),
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
    option("--seconds", "its length", 8.0),
)
def _animate(options: argparse.Namespace) -> None:
    """Make a GIF or MP4 of a run's samples."""
    from ganlib.run import Run
    from ganlib.show.film import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    say(options.out or run.animation_file)


VERBS = (_sample, _evaluate, _interpolate, _project, _explore, _animate)

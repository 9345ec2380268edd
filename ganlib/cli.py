"""The command line: prepare, recipes, train, sample, animate, doctor."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ganlib.errors import GanlibError

_USER_MISTAKE = 2
_INTERRUPTED = 130
_AUTO = "auto"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; exit code 0, 2 for a mistake that a sentence on stderr explains, 130 for Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        options.verb(options)
    except GanlibError as error:
        print(f"ganlib: {error}", file=sys.stderr)
        return _USER_MISTAKE
    except KeyboardInterrupt:
        print("ganlib: interrupted; nothing half-written was left behind", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ganlib", description="Train a GAN on pictures, and paint with it.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_prepare(verbs)
    _add_recipes(verbs)
    _add_train(verbs)
    _add_sample(verbs)
    _add_animate(verbs)
    doctor = verbs.add_parser("doctor", help="say what this machine has and what is missing")
    doctor.set_defaults(verb=_doctor)
    return parser


def _add_prepare(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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


def _add_recipes(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    recipes = verbs.add_parser(
        "recipes",
        help="list the recipes, or show one with a sentence for every choice",
        description="List the recipes and what each costs; the time is foretold for this machine and the "
        "bundled pictures, from a short measurement. 'recipes show NAME' explains one.",
    )
    recipes.set_defaults(verb=_recipes)
    actions = recipes.add_subparsers(metavar="ACTION")
    show = actions.add_parser("show", help="explain one recipe")
    show.add_argument("recipe", help="its name")
    _add_settings(show)
    show.set_defaults(verb=_show_recipe)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="change fields of the recipe, such as width=32 batch_size=16",
    )


def _add_train(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = verbs.add_parser(
        "train",
        help="train a recipe, or go on where the run folder stands",
        description="Train a recipe on pictures. Run again with the same folder, it goes on where it stood. "
        "Epochs and kimg count from the start of the run, minutes from now.",
    )
    train.add_argument("recipe", help="a recipe's name, or 'auto': what suits this machine")
    train.add_argument(
        "--data", help="'portraits', 'patchwork', or whatever 'prepare' takes or wrote (the recipe's own)"
    )
    train.add_argument(
        "--run", type=Path, required=True, metavar="FOLDER", help="where everything is written"
    )
    train.add_argument("--epochs", type=float, help="stop after so many passes over the pictures")
    train.add_argument("--kimg", type=float, help="stop after so many thousand pictures")
    train.add_argument("--minutes", type=float, help="stop after so many minutes")
    train.add_argument("--device", choices=["cpu", "cuda", "mps"], help="the best there is, unless told")
    _add_settings(train)
    train.set_defaults(verb=_train)


def _add_sample(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sample = verbs.add_parser("sample", help="paint pictures with a trained generator")
    sample.add_argument(
        "source", nargs="?", default="portraits", help="a run folder, a weights file or bundled weights"
    )
    sample.add_argument("--count", type=int, default=16, help="how many pictures (16)")
    sample.add_argument("--seed", type=int, default=0, help="the first picture's seed; the next has seed + 1")
    sample.add_argument("--scale", type=int, default=2, help="how many pixels wide each pixel is drawn (2)")
    sample.add_argument("--out", type=Path, default=Path("samples.png"), help="PNG, WebP or JPEG to write")
    sample.set_defaults(verb=_sample)


def _add_animate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    animate = verbs.add_parser("animate", help="make a GIF or MP4 of a run's samples")
    animate.add_argument("run", type=Path, help="the run folder")
    animate.add_argument(
        "--out", type=Path, help="the .gif or .mp4 to write (training.gif in the run folder)"
    )
    animate.add_argument("--seconds", type=float, default=8.0, help="how long it plays (8)")
    animate.set_defaults(verb=_animate)


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


def _recipes(_: argparse.Namespace) -> None:
    from ganlib.data.art import load_art
    from ganlib.machine import detect
    from ganlib.recipes import get_recipe, recipe_names
    from ganlib.show.recipes import recipe_table
    from ganlib.training.speed import arithmetic_rate, foretold_minutes

    recipes = [get_recipe(name) for name in recipe_names()]
    pictures = {art: len(load_art(art).train) for art in {recipe.art for recipe in recipes}}
    rate = arithmetic_rate(detect())
    minutes = {recipe.name: foretold_minutes(recipe, pictures[recipe.art], rate) for recipe in recipes}
    print(recipe_table(recipes, minutes))


def _show_recipe(options: argparse.Namespace) -> None:
    from ganlib.recipes import get_recipe, override
    from ganlib.show.recipes import recipe_page

    print(recipe_page(override(get_recipe(options.recipe), options.settings)))


def _train(options: argparse.Namespace) -> None:
    from ganlib.machine import detect
    from ganlib.recipes import default_recipe, get_recipe, override
    from ganlib.run import Run
    from ganlib.show.summary import show_run
    from ganlib.training.trainer import Trainer

    if options.recipe != _AUTO:
        recipe = get_recipe(options.recipe)
    elif Run(options.run).recipe_file.exists():
        recipe = Run(options.run).recipe()
    else:
        recipe = default_recipe(detect(options.device))
    recipe = override(recipe, options.settings)
    trainer = Trainer(recipe, options.data or recipe.art, options.run, device=options.device)
    run = trainer.fit(epochs=options.epochs, kimg=options.kimg, minutes=options.minutes)
    for what, path in show_run(run):
        print(f"{what:<12} {path}")


def _sample(options: argparse.Namespace) -> None:
    from ganlib.latent import paint, sample_latent
    from ganlib.run import load_generator
    from ganlib.show.grids import check_grid, grid, square

    generator, recipe = load_generator(options.source)
    count, seed = options.count, options.seed
    check_grid(count, recipe.size, square(max(count, 1)), options.scale)
    z = sample_latent(count, recipe.latent_dim, seed)
    path = grid(paint(generator, z), scale=options.scale).save(options.out)
    print(f"{count} pictures, seeds {seed} to {seed + count - 1}: {path}")


def _animate(options: argparse.Namespace) -> None:
    from ganlib.run import Run
    from ganlib.show.animation import animate

    run = Run(options.run)
    animate(run, options.out, options.seconds)
    print(options.out or run.animation_file)


def _doctor(_: argparse.Namespace) -> None:
    from ganlib.doctor import report

    print(report())

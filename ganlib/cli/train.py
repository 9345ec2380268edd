"""The verb `train`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import Verbs, add_settings

if TYPE_CHECKING:
    from ganlib.recipes import Recipe
    from ganlib.training.callbacks import Callback
    from ganlib.training.pace import Evaluation

_AUTO = "auto"


def add_train(verbs: Verbs) -> None:
    """Add it to the command line."""
    train = verbs.add_parser(
        "train",
        help="train a recipe, or go on where the run folder stands",
        description="Train a recipe on pictures. Run again with the same folder, it goes on where it stood. "
        "Epochs and kimg count from the start of the run, minutes from now. Several GPUs share the work if "
        "it is started by 'accelerate launch -m ganlib train' or torchrun.",
    )
    train.add_argument(
        "recipe", help="a recipe's name, or 'auto': the one whose pictures were the best so far"
    )
    train.add_argument(
        "--data", help="'portraits', 'patchwork', or whatever 'prepare' takes or wrote (the recipe's own)"
    )
    train.add_argument(
        "--run", type=Path, required=True, metavar="FOLDER", help="where everything is written"
    )
    train.add_argument("--epochs", type=float, help="stop after so many passes over the pictures")
    train.add_argument("--kimg", type=float, help="stop after so many thousand pictures")
    train.add_argument("--minutes", type=float, help="stop after so many minutes")
    train.add_argument(
        "--tensorboard", action="store_true", help="write events for TensorBoard into FOLDER/tensorboard"
    )
    train.add_argument(
        "--save-minutes", type=float, default=5.0, metavar="MINUTES", help="how often all is saved (5)"
    )
    train.add_argument(
        "--evaluate-kimg",
        type=float,
        metavar="KIMG",
        help="measure KID every so many thousand pictures, and keep the best generator by it",
    )
    train.add_argument("--extractor", default="lite0", help="what KID sees pictures through (lite0)")
    train.add_argument("--device", choices=["cpu", "cuda", "mps"], help="the best there is, unless told")
    train.add_argument(
        "--precision", choices=["fp32", "bf16", "fp16"], help="what it computes with (the device's own)"
    )
    add_settings(train)
    train.add_argument(
        "--compile",
        action="store_true",
        help="make faster code of the nets first, which takes a minute or more (torch.compile)",
    )
    train.set_defaults(verb=_train)


def _train(options: argparse.Namespace) -> None:
    from ganlib.machine import detect
    from ganlib.show.summary import show_run
    from ganlib.training.team import Team
    from ganlib.training.trainer import Trainer

    machine = detect(options.device, options.precision)
    team = Team.join(machine)
    recipe = team.broadcast(_chosen_recipe(options))  # one machine alone may see the run folder
    trainer = Trainer(
        recipe,
        options.data or recipe.art,
        options.run,
        device=options.device,
        precision=options.precision,
        callbacks=_watchers(options),
        save_minutes=options.save_minutes,
        evaluation=_evaluation(options),
        compiled=options.compile,
    )
    run = trainer.fit(epochs=options.epochs, kimg=options.kimg, minutes=options.minutes)
    if team.leads:
        for what, path in show_run(run):
            print(f"{what:<12} {path}")


def _evaluation(options: argparse.Namespace) -> "Evaluation | None":
    from ganlib.training.pace import Evaluation

    every = options.evaluate_kimg
    return None if every is None else Evaluation(every, options.extractor)


def _chosen_recipe(options: argparse.Namespace) -> "Recipe":
    from ganlib.recipes import default_recipe, get_recipe, override
    from ganlib.run import Run

    if options.recipe != _AUTO:
        recipe = get_recipe(options.recipe)
    elif Run(options.run).recipe_file.exists():
        recipe = Run(options.run).recipe()
    else:
        recipe = default_recipe()
    return override(recipe, options.settings)


def _watchers(options: argparse.Namespace) -> "list[Callback]":
    from ganlib.training.callbacks import ProgressBar

    if not options.tensorboard:
        return [ProgressBar()]
    from ganlib.show.tensorboard import TensorBoard

    return [ProgressBar(), TensorBoard()]

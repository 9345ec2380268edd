"""A run as a folder to give away."""

import shutil
from functools import partial
from pathlib import Path

from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.files import expand_home, is_part, make_folder, write_atomically
from ganlib.latent import paint, sample_latent
from ganlib.run import Run, load_generator
from ganlib.sharing.card import card
from ganlib.sharing.facts import facts_of
from ganlib.sharing.hub import check_name, upload
from ganlib.show.grids import grid_image

_LARGEST_SIZE_OF_MANY = 128
_CARD = "README.md"
_SAMPLES = "samples.png"


def share(
    run: str | Path | Run,
    to: str | None = None,
    *,
    data: str | None = None,
    licence: str | None = None,
    out: str | Path | None = None,
    private: bool = False,
    best: bool = False,
) -> Path:
    """Write a folder with a run's generator, recipe, samples and a model card; returns the folder.

    `data` says what it was trained on, and `licence` under which licence the weights are given away, such as
    "CC BY 4.0"; both are known where the run was trained on bundled pictures. `best` gives away the generator
    with the best score instead of the last. `out` is the folder, `share` in the run folder unless told. `to`
    is the name of a model on the Hugging Face Hub, "owner/name": the folder is uploaded there too, for all to
    see unless it is `private`.

    Raises:
        GanlibError: there is no such run, or no such generator in it; the folder holds something else, or
            cannot be written; or the Hub does not take it.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    if to:
        check_name(to)
    name = to.rpartition("/")[2] if to else run.folder.resolve().name
    facts = facts_of(run, name, data, licence, best)
    weights = run.weights_file(best=best)
    pictures = _first_pictures(weights)
    folder = make_folder(_free(expand_home(out) if out else run.folder / "share", run))
    given = {run.generator_file.name: weights, run.recipe_file.name: run.recipe_file}
    for file, source in given.items():  # first the one by which `_free` knows its own
        write_atomically(folder / file, partial(shutil.copyfile, source))
    samples = grid_image(pictures, scale=max(1, _LARGEST_SIZE_OF_MANY // facts.recipe.size))
    write_atomically(folder / _SAMPLES, lambda part: samples.save(part, format="png"))
    text = card(facts, to or "path/to/this/folder", len(pictures))
    write_atomically(folder / _CARD, lambda part: part.write_text(text, encoding="utf-8"))
    if to:
        upload(folder, to, private)
    return folder


def _first_pictures(weights: Path) -> Tensor:
    """The pictures of the first seeds, 36 or, where they are large, 9: (N, 3, S, S) in [-1, 1]."""
    generator, recipe = load_generator(weights.resolve())  # never a bundled one of that name
    count = 36 if recipe.size <= _LARGEST_SIZE_OF_MANY else 9
    return paint(generator, sample_latent(count, recipe.latent_dim))


def _free(folder: Path, run: Run) -> Path:
    """The folder, if nothing would be lost in it: it may hold what was shared before."""
    if not folder.is_dir():
        return folder
    weights = run.generator_file.name
    ours = {_SAMPLES, _CARD, weights, run.recipe_file.name} if (folder / weights).is_file() else set()
    parts = [file for file in folder.iterdir() if is_part(file)]
    others = sorted(file.name for file in folder.iterdir() if file.name not in ours and file not in parts)
    if others:
        raise GanlibError(f"'{folder}' holds other files, such as {others[0]}: choose another folder.")
    for part in parts:  # of a share that was cut off
        part.unlink()
    return folder

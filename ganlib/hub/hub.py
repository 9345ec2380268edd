"""Generators on the Hugging Face Hub: one comes by its name, "owner/name"."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.hub.card import card, facts_of
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.recipes import Recipe
from ganlib.run import Run, load_generator
from ganlib.runtime.files import expand_home, is_part, make_folder, write_atomically
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
    return generate(generator, sample_latent(count, recipe.latent_dim))


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


_WEIGHTS = "generator.safetensors"
_NAME = re.compile(r"(?!.*(?:--|\.\.))[\w-][\w.-]*/[\w-][\w.-]*(?<!\.git)")


def load(source: str | Path) -> tuple[Generator, Recipe]:
    """Load a generator from what `share` has made: a folder, its file, or "owner/name" on the Hub.

    A run folder, a weights file and the name of bundled weights will do, too. Returns the generator in eval
    mode, on the CPU, in fp32, and its recipe. What came from the Hub is kept, for when the network is away.

    Raises:
        GanlibError: there is no such thing, it is damaged or none of ganlib's, or the network is away.
    """
    is_here = expand_home(source).exists() or not _is_name(source)
    return load_generator(source if is_here else _fetch(str(source)))


def _is_name(source: str | Path) -> bool:
    return isinstance(source, str) and _NAME.fullmatch(source) is not None


def _fetch(name: str) -> Path:
    """The path of the model's weights, downloaded once and kept."""
    from huggingface_hub import hf_hub_download

    with _fetching_explained(name):
        return Path(hf_hub_download(name, _WEIGHTS))


@contextmanager
def _fetching_explained(name: str) -> Iterator[None]:
    """Turn what the Hub answers into a sentence."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise GanlibError(f"'{name}' asks for consent: give it on the model's page, then log in.") from error
    except errors.RepositoryNotFoundError as error:
        raise GanlibError(
            f"There is neither a folder nor a model on the Hub called '{name}'; if it is private, log in by "
            "`hf auth login`."
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise GanlibError(f"'{name}' on the Hub has no {_WEIGHTS}: it is none of ganlib's.") from error
    except Exception as error:  # the client below speaks for itself: each of its versions has other errors
        raise GanlibError(
            f"There is no folder '{name}', and the Hub cannot be reached ({_first_line(error)})."
        ) from error


def check_name(name: str) -> None:
    """Raise `GanlibError` if no model on the Hub can be called so."""
    if not _is_name(name):
        raise GanlibError(f"A model on the Hub is called owner/name, not '{name}'.")


def upload(folder: Path, name: str, private: bool = False) -> None:
    """Put all files of a folder into the model `name`, which is made if need be.

    Raises:
        GanlibError: nobody is logged in, the name is not one's own, the network is away, or the model is to
            be private and is there for all to see.
    """
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise GanlibError(
            "Nobody is logged in to the Hub: type `hf auth login`, or set HF_TOKEN, then share once more. "
            f"The folder '{folder}' is whole."
        )
    api = HfApi()
    with _refusal_explained(folder, name):
        api.create_repo(name, private=private, exist_ok=True)
        if private and not api.model_info(name).private:  # one that was there stays as it was
            raise GanlibError(f"'{name}' is there already, for all to see: choose another name.")
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="A generator trained with ganlib")


@contextmanager
def _refusal_explained(folder: Path, name: str) -> Iterator[None]:
    try:
        yield
    except GanlibError:
        raise
    except Exception as error:  # whatever the client of this version raises
        raise GanlibError(
            f"The Hub did not take '{name}' ({_first_line(error)}). The folder '{folder}' is whole."
        ) from error


def page_of(name: str) -> str:
    """The address of a model's page on the Hub."""
    from huggingface_hub import HfApi

    return f"{HfApi().endpoint}/{name}"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

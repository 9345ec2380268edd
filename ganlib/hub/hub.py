"""Models to give away: a folder with a card, or a model on the Hugging Face Hub, "owner/name"."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import HfApi, PyTorchModelHubMixin, errors, get_token, hf_hub_download
from safetensors.torch import save_model
from torch import nn

from ganlib.errors import GanlibError
from ganlib.hub.card import Facts, card, facts_of
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.recipes import Recipe
from ganlib.run import SHARED_CONFIG, SHARED_WEIGHTS, Run, load_generator
from ganlib.runtime.files import expand_home, is_part, make_folder, write_atomically
from ganlib.runtime.reading import read_json
from ganlib.show.grids import grid_image

_LARGEST_SIZE_OF_MANY = 128
_SAMPLES, _CARD = "samples.png", "README.md"
_FILES = (SHARED_WEIGHTS, SHARED_CONFIG, _SAMPLES, _CARD)
_OLD_WEIGHTS = "generator.safetensors"  # what version 0.1 shared
_NAME = re.compile(r"(?!.*(?:--|\.\.))[\w-][\w.-]*/[\w-][\w.-]*(?<!\.git)")


def share(
    run: str | Path | Run,
    to: str | None = None,
    *,
    data: str | None = None,
    licence: str | None = None,
    out: str | Path | None = None,
    private: bool = False,
    best: bool = False,
    generator: nn.Module | None = None,
) -> Path:
    """Write a folder with a run's generator, recipe, samples and a model card, and return the folder.

    `data` says what it was trained on, and `licence` under which licence the weights are given away, such as
    "CC BY 4.0"; both are known where the run was trained on bundled pictures. `best` gives away the generator
    with the best score instead of the last. `out` is the folder, `share` in the run folder unless told. `to`
    is the name of a model on the Hugging Face Hub, "owner/name": the folder is uploaded there too, for all to
    see unless it is `private`. If the run has trained a net of your own, `generator` is one of its class.

    The folder is one of huggingface_hub, too: `from_pretrained` of the generator's class opens it.

    Raises:
        GanlibError: there is no such run, or no such generator in it; the folder holds something else, or
            cannot be written; or the Hub does not take it.
    """
    run = run if isinstance(run, Run) else Run(Path(run))
    if to and not _is_name(to):
        raise GanlibError(f"A model on the Hub is called owner/name, not '{to}'.")
    name = to.rpartition("/")[2] if to else run.folder.resolve().name
    facts = facts_of(run, name, data, licence, best)
    weights = run.weights_file(best=best).resolve()  # or it might be taken for a bundled one of that name
    net, _ = load_generator(weights, generator)
    folder = make_folder(_free(expand_home(out) if out else run.folder / "share"))
    with TemporaryDirectory() as made:
        address = to or "path/to/this/folder"
        _fill(Path(made), net, facts, address, own_class=type(net).__name__ if generator is not None else "")
        for file in _FILES:  # the weights first: by these, `_free` knows a folder of its own
            write_atomically(folder / file, partial(shutil.copyfile, Path(made) / file))
    if to:
        _upload(folder, to, private)
    return folder


def _fill(folder: Path, generator: nn.Module, facts: Facts, address: str, own_class: str) -> None:
    size = max(facts.recipe.shape)
    count = 36 if size <= _LARGEST_SIZE_OF_MANY else 9
    pictures = generate(generator, sample_latent(count, facts.recipe.latent_dim))
    grid_image(pictures, scale=max(1, _LARGEST_SIZE_OF_MANY // size)).save(folder / _SAMPLES)
    (folder / _CARD).write_text(card(facts, address, count, own_class), encoding="utf-8")
    if isinstance(generator, PyTorchModelHubMixin):
        generator.save_pretrained(folder)  # leaves the card that is there
    else:
        save_model(generator, str(folder / SHARED_WEIGHTS))
    file = folder / SHARED_CONFIG
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    config |= {"recipe": facts.recipe.to_json(), "kimg": facts.kimg, "generator": type(generator).__name__}
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _free(folder: Path) -> Path:
    """The folder, if nothing would be lost in it: it may hold what was shared before."""
    ours = _FILES if (folder / SHARED_WEIGHTS).is_file() else ()
    rest = [file for file in folder.iterdir() if file.name not in ours] if folder.is_dir() else []
    others = [file.name for file in rest if not is_part(file)]
    if others:
        raise GanlibError(f"'{folder}' holds other files, such as {min(others)}: choose another folder.")
    for part in rest:  # of a share that was cut off
        part.unlink()
    return folder


def load(source: str | Path, generator: nn.Module | None = None) -> tuple[Generator, Recipe]:
    """Load a generator from what `share` has made: a folder, its weights, or "owner/name" on the Hub.

    A run folder, a weights file and the name of bundled weights will do, too. One that was trained as a net
    of your own is loaded into `generator`, a net of the same class. Returns the generator in eval mode, on
    the CPU, in fp32, and its recipe. What came from the Hub is kept, for when the network is away.

    Raises:
        GanlibError: there is no such thing, it is damaged or none of ganlib's, or the network is away.
    """
    is_here = not _is_name(source) or Run(source).folder.exists()
    return load_generator(source if is_here else _fetch(str(source)), generator)


def _is_name(source: str | Path) -> bool:
    return isinstance(source, str) and _NAME.fullmatch(source) is not None


def _fetch(name: str) -> Path:
    """The path of the model's weights; what the Hub answers instead is turned into a sentence."""
    try:
        return _download(name)
    except GanlibError:
        raise
    except errors.GatedRepoError as error:
        raise GanlibError(f"'{name}' asks for consent: give it on the model's page, then log in.") from error
    except errors.RepositoryNotFoundError as error:
        raise GanlibError(
            f"There is neither a folder nor a model on the Hub called '{name}'; if it is private, log in by "
            "`hf auth login`."
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise GanlibError(f"'{name}' on the Hub holds no weights: it was not shared by ganlib.") from error
    except Exception as error:  # the client below speaks for itself: each of its versions has other errors
        why = _first_line(error)
        raise GanlibError(f"There is no folder '{name}', and the Hub cannot be reached ({why}).") from error


def _download(name: str) -> Path:
    """The path of the model's weights, downloaded once and kept beside its recipe."""
    try:
        config = Path(hf_hub_download(name, SHARED_CONFIG))
    except errors.EntryNotFoundError:
        return Path(hf_hub_download(name, _OLD_WEIGHTS))
    if "recipe" not in read_json(config, dict[str, Any]):  # before gigabytes come
        raise GanlibError(f"'{name}' on the Hub names no recipe: it was not shared by ganlib.")
    return Path(hf_hub_download(name, SHARED_WEIGHTS))


def _upload(folder: Path, name: str, private: bool) -> None:
    """Put all files of a folder into the model `name`, which is made if need be."""
    if get_token() is None:
        raise GanlibError(
            "Nobody is logged in to the Hub: type `hf auth login`, or set HF_TOKEN, then share once more. "
            f"The folder '{folder}' is whole."
        )
    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        if private and not api.model_info(name).private:  # one that was there stays as it was
            raise GanlibError(f"'{name}' is there already, for all to see: choose another name.")
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="A generator trained with ganlib")
    except GanlibError:
        raise
    except Exception as error:  # whatever the client of this version raises
        raise GanlibError(
            f"The Hub did not take '{name}' ({_first_line(error)}). The folder '{folder}' is whole."
        ) from error


def page_of(name: str) -> str:
    """Return the address of a model's page on the Hub."""
    return f"{HfApi().endpoint}/{name}"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

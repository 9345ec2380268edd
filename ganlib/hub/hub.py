"""Models to give away: a folder with a card, or a model on the Hugging Face Hub, "owner/name"."""

import json
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, PyTorchModelHubMixin, get_token
from safetensors.torch import save_model
from torch import nn

from ganlib.data.opening import save_picture
from ganlib.errors import GanlibError, first_line
from ganlib.hub.card import Facts, card, facts_of
from ganlib.latent.sampling import generate, sample_latent
from ganlib.run import Run
from ganlib.runtime.files import expand_home, is_part, make_folder, write_atomically
from ganlib.show.grids import grid_image
from ganlib.weights import SHARED_CONFIG, SHARED_WEIGHTS, is_hub_name, load_generator

_LARGEST_SIZE_OF_MANY = 128
_SAMPLES, _CARD = "samples.png", "README.md"
_FILES = (SHARED_WEIGHTS, SHARED_CONFIG, _SAMPLES, _CARD)


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
    if to and not is_hub_name(to):
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
    save_picture(grid_image(pictures, scale=max(1, _LARGEST_SIZE_OF_MANY // size)), folder / _SAMPLES)
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


def _upload(folder: Path, name: str, private: bool) -> None:
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
            f"The Hub did not take '{name}' ({first_line(error)}). The folder '{folder}' is whole."
        ) from error

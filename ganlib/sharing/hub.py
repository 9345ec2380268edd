"""Generators on the Hugging Face Hub: one comes by its name, "owner/name"."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ganlib.errors import GanlibError
from ganlib.files import expand_home
from ganlib.nets.players import Painter
from ganlib.recipes import Recipe
from ganlib.run import load_generator

_WEIGHTS = "generator.safetensors"
_NAME = re.compile(r"(?!.*(?:--|\.\.))[\w-][\w.-]*/[\w-][\w.-]*(?<!\.git)")


def load(source: str | Path) -> tuple[Painter, Recipe]:
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

"""Weights of generators: found by name, written so that they stand alone, and read once they fit."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from huggingface_hub import errors, hf_hub_download
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ganlib.errors import GanlibError, first_line
from ganlib.foreign import SAFETENSORS, TORCH, check_finite, kind_of, open_dcgan, read_state_dict, refused
from ganlib.nets.base import Generator, check_generator
from ganlib.recipes import Recipe
from ganlib.recipes.recipe import RecipeValues
from ganlib.run import Amount, Run
from ganlib.runtime.files import bundled_folder, decode_json, read_json, write_atomically

SHARED_WEIGHTS, SHARED_CONFIG = "model.safetensors", "config.json"  # as huggingface_hub calls them
_OLD_WEIGHTS = "generator.safetensors"  # what version 0.1 shared
_NAME = re.compile(r"(?!.*(?:--|\.\.))[\w-][\w.-]*/[\w-][\w.-]*(?<!\.git)")


class _Shared(TypedDict, total=False):
    recipe: RecipeValues
    generator: str


def save_generator(
    generator: nn.Module, recipe: Recipe, kimg: float, path: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write a generator that can be loaded with no other file, its floats as `dtype`.

    Raises:
        GanlibError: the disk is full or the place may not be written.
    """
    weights = {
        name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in generator.state_dict().items()
    }
    metadata = {
        "recipe": json.dumps(recipe.to_json()),
        "kimg": f"{kimg:.3f}",
        "generator": type(generator).__name__,
    }
    content = _with_metadata(save(weights), metadata)
    write_atomically(path, lambda part: part.write_bytes(content))


def _with_metadata(content: bytes, metadata: dict[str, str]) -> bytes:
    """Put metadata into a safetensors file; safetensors itself would do so in another order each time."""
    begin = 8 + int.from_bytes(content[:8], "little")
    head = json.dumps({"__metadata__": metadata, **json.loads(content[8:begin])}, separators=(",", ":"))
    padded = head.encode() + b" " * (-len(head) % 8)
    return len(padded).to_bytes(8, "little") + padded + content[begin:]


def load(source: str | Path, generator: nn.Module | None = None) -> tuple[Generator, Recipe]:
    """Load a generator from what `share` has made: a folder, its weights, or "owner/name" on the Hub.

    A run folder, a weights file and the name of bundled weights will do, too. One that was trained as a net
    of your own is loaded into `generator`, a net of the same class. Returns the generator in eval mode, on
    the CPU, in fp32, and its recipe. What came from the Hub is kept, for when the network is away.

    Raises:
        GanlibError: there is no such thing, it is damaged or none of ganlib's, or the network is away.
    """
    return load_generator(locate(source), generator)


def locate(source: str | Path) -> str | Path:
    """Return `source` itself if it is on this machine, or else the weights that the Hub has of this name.

    Raises:
        GanlibError: it is not on the Hub either, or the network is away.
    """
    is_here = not is_hub_name(source) or Run(source).folder.exists()
    return source if is_here else _fetch(str(source))


def load_generator(source: str | Path, generator: nn.Module | None = None) -> tuple[Generator, Recipe]:
    """Load a generator as `load` does, from this machine alone.

    Raises:
        GanlibError: there is no such thing, it is damaged or not a generator of ganlib, or `generator` has
            other weights or makes pictures of another size.
    """
    path = find_weights(source)
    if (kind := kind_of(path)) == TORCH:
        return open_dcgan(path, read_state_dict(path))
    if kind != SAFETENSORS:
        raise refused(path, kind)
    with _opened(path) as file:
        if not (facts := _facts(path, file.metadata() or {})):
            return open_dcgan(path, {name: file.get_tensor(name) for name in list(file.keys())})
        recipe = Recipe.from_json(facts["recipe"])
        weights = _read_weights(path, file, recipe, generator, facts.get("generator", ""))
    check_finite(path, weights)
    if generator is None:
        net = recipe.generator()
    else:
        check_generator(generator, recipe.latent_dim, recipe.shape)
        net = cast(Generator, generator.cpu())
    net.load_state_dict(weights)
    return net.eval(), recipe


def is_hub_name(source: str | Path) -> bool:
    """Tell whether this may be the name of a model on the Hub, "owner/name"."""
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
        raise GanlibError(
            f"There is no folder '{name}', and the Hub cannot be reached ({first_line(error)})."
        ) from error


def _download(name: str) -> Path:
    """The path of the model's weights, downloaded once and kept beside its recipe."""
    try:
        config = Path(hf_hub_download(name, SHARED_CONFIG))
    except errors.EntryNotFoundError:
        return Path(hf_hub_download(name, _OLD_WEIGHTS))
    if "recipe" not in read_json(config, dict[str, Any]):  # before gigabytes come
        raise GanlibError(f"'{name}' on the Hub names no recipe: it was not shared by ganlib.")
    return Path(hf_hub_download(name, SHARED_WEIGHTS))


def find_weights(source: str | Path) -> Path:
    """Find the weights file of a run folder, a shared folder, a weights file or a bundled name.

    Raises:
        GanlibError: there is no such thing.
    """
    run = Run(source)
    for candidate in (run.generator_file, run.folder / SHARED_WEIGHTS, run.folder):
        if candidate.is_file():
            return candidate
    bundled = bundled_weights()
    if str(source) in bundled:
        return bundled[str(source)]
    if run.folder.is_dir():
        return run.weights_file()
    raise GanlibError(
        f"There is no run folder, weights file or bundled model '{source}'; the bundled ones are: "
        f"{', '.join(sorted(bundled))}."
    )


def kimg_of(path: Path) -> float:
    """Read how long the generator in a weights file was trained, in thousand pictures.

    Raises:
        GanlibError: it is damaged.
    """
    with _opened(path) as file:
        return decode_json((file.metadata() or {}).get("kimg", "").encode(), Amount)


def bundled_weights() -> dict[str, Path]:
    """Return the files of the bundled weights by their names."""
    return {file.stem: file for file in sorted((bundled_folder() / "weights").glob("*.safetensors"))}


def _read_weights(
    path: Path, file: Any, recipe: Recipe, generator: nn.Module | None, name: str
) -> dict[str, torch.Tensor]:
    """Read weights, after a look at shapes and types: nothing is allocated for others."""
    slices = {name: file.get_slice(name) for name in list(file.keys())}
    with torch.device("meta"):  # takes no memory for the recipe's
        wanted = (recipe.generator() if generator is None else generator).state_dict()
    if {n: t.shape for n, t in wanted.items()} != {n: (*s.get_shape(),) for n, s in slices.items()}:
        raise _other_weights(path, recipe, generator, name)
    for name, tensor in wanted.items():
        _check_type(path, slices[name].get_dtype(), tensor)
    return {name: file.get_tensor(name) for name in slices}


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a weights file; safetensors takes no name that is not UTF-8, but the number of an open file."""
    is_text = str(path).encode(errors="ignore").decode() == str(path)
    try:
        with path.open("rb") as file:
            name = path if is_text else f"/dev/fd/{file.fileno()}"
            with safe_open(name, framework="pt") as opened:
                yield opened
    except (SafetensorError, ValueError) as error:
        raise GanlibError(f"'{path}' is damaged or cut short: copy or train it again ({error}).") from error


def _facts(path: Path, head: dict[str, str]) -> _Shared:
    """Read a generator's recipe and class, in config.json if it was shared, or in the head of its weights."""
    config = path.with_name(SHARED_CONFIG)
    if path.name == SHARED_WEIGHTS and config.is_file():
        shared = read_json(config, _Shared)
        return shared if "recipe" in shared else {}
    if "recipe" not in head:
        return {}
    recipe = decode_json(head["recipe"].encode(), RecipeValues)
    return {"recipe": recipe, "generator": head.get("generator", "")}


def _check_type(path: Path, found: str, wanted: torch.Tensor) -> None:
    """Raise `GanlibError` unless weights of the type `found`, in safetensors' words, open as `wanted`."""
    kind = "BOOL" if wanted.dtype == torch.bool else f"{str(wanted.dtype)[6].upper()}{8 * wanted.itemsize}"
    if found not in ({"F32", "F16", "BF16"} if wanted.is_floating_point() else {kind}):
        raise GanlibError(f"'{path}' holds weights in {found}: only fp32, fp16 and bf16 open.")


def _other_weights(path: Path, recipe: Recipe, generator: nn.Module | None, name: str) -> GanlibError:
    if generator is not None:
        return GanlibError(f"'{path}' holds other weights than those of your {type(generator).__name__}.")
    how = f"; it was trained as a {name}: in Python, pass generator={name}() to ganlib.load"
    advice = how if name.isidentifier() else ""
    return GanlibError(
        f"'{path}' does not hold the weights that its recipe '{recipe.name}' asks for{advice}."
    )

"""A z as a small JSON file that opens the same picture again, to the bit."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.files import expand_home, write_atomically
from ganlib.latent import check_latent
from ganlib.nets.players import Painter
from ganlib.recipes import Recipe

_SCHEMA = 1
_LARGEST_FILE = 10_000_000  # bytes; a z of 100 numbers takes 2,500


def fingerprint(generator: Painter) -> str:
    """SHA-256 over all weights that decide what `generator` paints, the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(generator.state_dict().items()):
        if tensor.is_floating_point():  # BatchNorm counts its batches, too: that changes no picture
            digest.update(f"{name} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def latent_to_json(z: Tensor, generator: Painter, recipe: Recipe) -> str:
    """One z, (latent_dim,), as JSON text that names the model it belongs to.

    Raises:
        GanlibError: z has another shape, or holds a NaN or an infinity.
    """
    check_latent(z[None], generator.latent_dim)
    values = {
        "schema": _SCHEMA,
        "recipe": recipe.name,
        "model": fingerprint(generator),
        "z": z.detach().float().cpu().tolist(),  # a float32 is a double without loss, and JSON keeps doubles
    }
    return json.dumps(values, indent=1) + "\n"


def latent_from_json(text: str | bytes, generator: Painter, name: str = "This file") -> Tensor:
    """The z, (latent_dim,), that `latent_to_json` wrote for this very generator; `name` is for messages.

    Raises:
        GanlibError: it is damaged, of another model or a newer ganlib, or its z has another length or a NaN.
    """
    values = _values(text, name)
    if values.get("schema") != _SCHEMA:
        raise GanlibError(
            f"{name} was written by another version of ganlib (schema {values.get('schema')!r}, not "
            f"{_SCHEMA}): open it with that one, or save it again."
        )
    z = _numbers(values.get("z"), name)
    if len(z) != generator.latent_dim:
        raise GanlibError(
            f"{name} holds a z of {len(z)} numbers, and this generator takes {generator.latent_dim}: it "
            "belongs to another model, so open that one."
        )
    if not z.isfinite().all():
        raise GanlibError(f"{name} holds a NaN or an infinity in its z: save it again.")
    if values.get("model") != fingerprint(generator):
        raise GanlibError(
            f"{name} belongs to other weights (recipe {values.get('recipe')!r}): open the model it was saved "
            "from. One that has been trained on since then paints other pictures."
        )
    return z


def save_latent(z: Tensor, generator: Painter, recipe: Recipe, path: str | Path) -> Path:
    """Write one z, (latent_dim,), as JSON, and return the path.

    Raises:
        GanlibError: z has another shape or a NaN, the disk is full, or the place may not be written.
    """
    path = expand_home(path)
    text = latent_to_json(z, generator, recipe)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def load_latent(path: str | Path, generator: Painter) -> Tensor:
    """The z, (latent_dim,), that `save_latent` wrote for this very generator, to the bit.

    Raises:
        GanlibError: there is no such file, or what `latent_from_json` says of it.
    """
    path = expand_home(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise GanlibError(f"'{path}' is too large to be a z: choose a JSON file that ganlib saved.")
        text = path.read_bytes()
    except OSError as error:
        raise GanlibError(
            f"'{path}' cannot be read ({error.strerror or error}): name a JSON file."
        ) from error
    return latent_from_json(text, generator, f"'{path}'")


def _values(text: str | bytes, name: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GanlibError(f"{name} is damaged, or no JSON: save it again.") from error
    if not isinstance(values, dict) or "schema" not in values:
        raise GanlibError(f"{name} is no z that ganlib saved: choose another file.")
    return values


def _numbers(values: object, name: str) -> Tensor:
    """A list of plain numbers as float32; what is too large for that becomes an infinity."""
    if not isinstance(values, list) or not all(type(value) in {int, float} for value in values):
        raise GanlibError(f"{name} is damaged: its z is no list of numbers. Save it again.")
    try:
        return torch.tensor([float(value) for value in values], dtype=torch.float64).float()
    except OverflowError:  # a whole number of hundreds of digits
        return torch.full((len(values),), torch.inf)

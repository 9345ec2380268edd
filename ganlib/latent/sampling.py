"""The latent space: draw z, generate pictures, walk between z, and keep a z as a file."""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypedDict, cast

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn.functional import pad

from ganlib.errors import GanlibError
from ganlib.nets.base import Generator, in_eval
from ganlib.recipes import Recipe
from ganlib.runtime.files import decode_json, expand_home, read_bytes, write_atomically

LARGEST_LATENT = 1_000_000  # bytes of a file
_LARGEST_SEED = 2**63 - 1
_SHORTEST = 1e-4  # radians: where the angle is smaller, an arc and a line are the same to seven digits


def sample_latent(count: int, latent_dim: int, seed: int = 0) -> Tensor:
    """Draw z, (count, latent_dim), from N(0, 1): row k belongs to seed plus k alone, on the CPU.

    So one seed is one picture, whatever the batch, the count or the device.

    Raises:
        GanlibError: the count or the seed is out of range.
    """
    if count < 1:
        raise GanlibError(f"A count of {count} pictures makes nothing: ask for at least 1.")
    if not 0 <= seed <= _LARGEST_SEED - count:
        raise GanlibError(f"The seed {seed} is out of range: choose one from 0 to 2**63 - 1.")
    draw = torch.Generator()
    return torch.stack([torch.randn(latent_dim, generator=draw.manual_seed(seed + k)) for k in range(count)])


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor, batch_size: int = 64) -> Tensor:
    """Generate pictures (N, 3, S, S) in [-1, 1], on the CPU, from z (N, latent_dim), in eval mode."""
    device = next(generator.parameters()).device
    with in_eval(generator):
        return torch.cat([generator(part.to(device)).float().cpu() for part in z.split(batch_size)])


def choose_class(generator: Generator, classes: Sequence[str], **shares: float) -> None:
    """Let a generator make pictures of one class from now on, or blend several by their shares.

    `classes` are the names that its recipe lists; `choose_class(net, recipe.classes, cats=0.7, dogs=0.3)`.

    Raises:
        GanlibError: there is no such class, or the generator knows none.
    """
    if unknown := [name for name in shares if name not in classes]:
        known = f"choose among {', '.join(classes)}" if classes else "this generator was trained without any"
        raise GanlibError(f"There is no class '{unknown[0]}': {known}.")
    generator.chosen = torch.tensor([shares.get(name, 0.0) for name in classes])


def point_dim(generator: nn.Module) -> int:
    """Count the numbers that decide a picture: z, and behind it the share of each class if there are any."""
    return cast(int, generator.latent_dim) + cast(int, getattr(generator, "classes", 0))


def complete(z: Tensor, latent_dim: int, classes: int) -> Tensor:
    """Put a share of 0 for each class behind z, (..., latent_dim), unless they are there: z then decides."""
    return pad(z, (0, classes)) if z.shape[-1] == latent_dim else z


def check_latent(z: Tensor, latent_dim: int) -> Tensor:
    """Return `z` itself, if it is (N, latent_dim) and finite.

    Raises:
        GanlibError: it has another shape, or holds what is no number.
    """
    if z.ndim != 2 or z.shape[1] != latent_dim:  # noqa: PLR2004 (rows and columns)
        raise GanlibError(f"This generator wants z of shape (N, {latent_dim}), not {tuple(z.shape)}.")
    if not z.isfinite().all():
        raise GanlibError("z holds a NaN or an infinity: give it plain numbers.")
    return z


def truncate(z: Tensor, amount: float) -> Tensor:
    """Bring z, (N, latent_dim), nearer to the mean of all z, which is 0: 1 leaves it, 0 is the mean itself.

    Pictures become more alike. They gain little, at about 0.9, and get worse below: in training, z lay on a
    shell, not near the mean. Brock et al. 2019 draw large numbers again; Karras et al. 2019 truncate w.

    Raises:
        GanlibError: the amount is no number of 0 or more.
    """
    if not 0 <= amount < math.inf:
        raise GanlibError(f"The truncation must be a number of 0 or more, such as 0.9, not {amount}.")
    return amount * z


def lerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Find points (N, latent_dim) on the line between two z, (latent_dim,), at each `share` (N,) of it.

    At a share of 0 and of 1 they are `start` and `end` to the bit.
    """
    return torch.lerp(start, end, share.to(start)[:, None])


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Find points (N, latent_dim) on the arc between two z, (latent_dim,), at each `share` (N,) of its angle.

    The length goes evenly from that of the one to that of the other (Shoemake 1985; White 2016), and at a
    share of 0 and of 1 they are `start` and `end` to the bit. Where there is no arc (from or to 0), or one
    in every direction (from z to -z), it is the straight line.
    """
    one, other, places = (tensor.detach().cpu().double() for tensor in (start, end, share))
    lengths = lerp(one.norm()[None], other.norm()[None], places)  # (N, 1)
    one, other = one / one.norm(), other / other.norm()
    angle = torch.acos(one @ other)  # a NaN where one of them has no length
    if not _SHORTEST < angle < math.pi - _SHORTEST:
        return lerp(start, end, share)
    weights = torch.stack([torch.sin((1 - places) * angle), torch.sin(places * angle)], 1) / torch.sin(angle)
    directions = weights @ torch.stack([one, other])  # (N, latent_dim), of length 1
    return (lengths * directions).to(start)


def mix(plus: Sequence[Tensor], minus: Sequence[Tensor] = ()) -> Tensor:
    """Add and subtract groups of z, each (N, latent_dim), by their means; the result is a z (latent_dim,).

    "With hat, minus without, plus smiling": the mean of a group keeps what its pictures share (Radford et
    al. 2016, section 6.3.2).

    Raises:
        GanlibError: there is nothing to add up, or a group is empty.
    """
    if not plus or not all(len(group) for group in (*plus, *minus)):
        raise GanlibError("A mean needs pictures: give one group or more, with one z or more in each.")
    groups = [group.mean(0) for group in plus] + [-group.mean(0) for group in minus]
    return torch.stack(groups).sum(0)


_LARGEST = torch.finfo(torch.float32).max


class _Latent(TypedDict):
    schema: Literal[1]
    recipe: str
    model: str
    z: list[Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]]


def fingerprint(generator: Generator) -> str:
    """Compute SHA-256 over all weights that decide the pictures of `generator`, the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(generator.state_dict().items()):
        if tensor.is_floating_point():  # BatchNorm counts its batches, too: that changes no picture
            digest.update(f"{name} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.detach().float().cpu().contiguous().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def save_latent(z: Tensor, generator: Generator, recipe: Recipe, path: str | Path) -> Path:
    """Write one z, (latent_dim,), as JSON that names the model it belongs to, and return the path.

    The share of each class may stand behind it, (latent_dim + classes,).

    Raises:
        GanlibError: z has another shape or a NaN, the disk is full, or the place may not be written.
    """
    path = expand_home(path)
    check_latent(z[None], len(z) if len(z) == generator.latent_dim else point_dim(generator))
    values = {
        "schema": 1,
        "recipe": recipe.name,
        "model": fingerprint(generator),
        "z": z.detach().float().cpu().tolist(),  # a float32 is a double without loss, and JSON keeps doubles
    }
    text = json.dumps(values, indent=1) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def latent_from_json(text: str | bytes, generator: Generator, name: str = "This file") -> Tensor:
    """Read the z, (latent_dim,), that `save_latent` wrote for this generator; `name` is for messages.

    Raises:
        GanlibError: it is damaged, of another model or another ganlib, or its z has another length or a NaN.
    """
    try:
        values = decode_json(text.encode() if isinstance(text, str) else text, _Latent)
    except ValueError as error:
        raise GanlibError(f"{name} is damaged, or no z of ganlib ({error}): choose another file.") from error
    if values["model"] != fingerprint(generator):
        raise GanlibError(
            f"{name} belongs to other weights (recipe {values['recipe']!r}): open the model it was saved "
            "from. One that has been trained on since then makes other pictures."
        )
    if len(values["z"]) not in {generator.latent_dim, point_dim(generator)}:
        raise GanlibError(f"{name} is damaged: its z is no list of {generator.latent_dim} numbers.")
    return torch.tensor(values["z"], dtype=torch.float64).float()


def load_latent(path: str | Path, generator: Generator) -> Tensor:
    """Read the z, (latent_dim,), that `save_latent` wrote for this very generator, to the bit.

    Raises:
        GanlibError: there is no such file, or what `latent_from_json` says of it.
    """
    path = expand_home(path)
    return latent_from_json(read_bytes(path, LARGEST_LATENT), generator, f"'{path}'")

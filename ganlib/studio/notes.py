"""What a person noted about a model: directions and favourites, as a small JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from msgspec import Meta
from torch import Tensor

from ganlib.errors import GanlibError, plain
from ganlib.runtime.files import decode_json, read_bytes, write_atomically
from ganlib.studio.state import LONGEST_NAME, MOST_NOTED

_LARGEST = 16 * 2**20  # bytes
_LONGEST_ORIGIN = 200  # letters
_ALIKE = 0.99  # the cosine of two directions that count as one: they turn a little as training goes on


class NotedDirection(NamedTuple):
    """A unit vector (latent_dim,), and what a person made of it; a `name` of "" is none."""

    name: str
    vector: Tensor
    hidden: bool = False


class Notes(NamedTuple):
    """Directions in the order of their sliders, and favourites, each a z (latent_dim,) of some origin."""

    directions: list[NotedDirection]
    favourites: list[Tensor]
    origins: Sequence[str] = ()

    def with_set(self, vectors: Tensor, noted: list[NotedDirection]) -> "Notes":
        """Note some of a set of vectors (K, latent_dim); what was noted of others stays."""
        others = [one for one in self.directions if (vectors @ one.vector).max() <= _ALIKE]
        return self._replace(directions=(noted + others)[:MOST_NOTED])

    def places(self, vectors: Tensor) -> list[int | None]:
        """Find which noted direction each vector, (K, latent_dim), nearly is, if it is one."""
        noted = [one.vector for one in self.directions]
        alike = ((torch.dot(one, vector) > _ALIKE for one in noted) for vector in vectors)
        return [next((k for k, is_alike in enumerate(row) if is_alike), None) for row in alike]


@dataclass
class _Noted:
    name: str
    vector: list[float]
    hidden: bool = False


@dataclass
class _Saved:
    schema: Literal[1]
    directions: Annotated[list[_Noted], Meta(max_length=MOST_NOTED)]
    favourites: Annotated[list[list[float]], Meta(max_length=MOST_NOTED)]
    origins: Annotated[list[str], Meta(max_length=MOST_NOTED)] = field(default_factory=list)


def read_notes(path: Path, latent_dim: int) -> Notes:
    """Read the notes at `path`, if there are any; damaged ones, or another model's, raise `GanlibError`."""
    if not path.exists():
        return Notes([], [])
    try:
        return decode_notes(read_bytes(path, _LARGEST), latent_dim)
    except (GanlibError, ValueError) as error:
        what = f"The names and favourites in '{path}' cannot be read ({error})"
        raise GanlibError(f"{what}: mend or remove it, or new ones are not kept.") from error


def decode_notes(content: bytes, latent_dim: int) -> Notes:
    """Read notes from the content of a file; damaged ones, or another model's, raise `ValueError`."""
    if len(content) > _LARGEST:
        raise ValueError("it is too large")
    saved = decode_json(content, _Saved)
    directions = [
        NotedDirection(plain(one.name, LONGEST_NAME), _vector(one.vector, latent_dim), one.hidden)
        for one in saved.directions
    ]
    favourites = [_vector(z, latent_dim) for z in saved.favourites]
    origins = [plain(origin, _LONGEST_ORIGIN) for origin in saved.origins]
    return Notes(directions, favourites, [*origins, *[""] * len(favourites)][: len(favourites)])


def write_notes(path: Path, notes: Notes) -> None:
    """Write the notes to `path`."""
    directions = [_Noted(name, vector.tolist(), hidden) for name, vector, hidden in notes.directions]
    saved = _Saved(1, directions, [z.tolist() for z in notes.favourites], list(notes.origins))
    text = json.dumps(asdict(saved)) + "\n"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _vector(values: list[float], latent_dim: int) -> Tensor:
    vector = torch.tensor(values, dtype=torch.float32)
    if vector.shape != (latent_dim,) or not vector.isfinite().all():
        raise ValueError(f"not {latent_dim} plain numbers")
    return vector

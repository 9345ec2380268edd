"""What a person noted about a model: names of directions and favourites, as a small JSON file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import torch
from msgspec import Meta
from torch import Tensor

from ganlib.errors import GanlibError, plain
from ganlib.latent.directions import Directions
from ganlib.runtime.files import write_atomically
from ganlib.runtime.reading import decode_json, read_bytes
from ganlib.studio.state import LONGEST_NAME, MOST_NOTED

_LARGEST = 16 * 2**20  # bytes
_LONGEST_ORIGIN = 200  # letters
_ALIKE = 0.99  # the cosine of two directions that count as one: they turn a little as training goes on


class Notes(NamedTuple):
    """Named unit vectors, each (latent_dim,), and favourites, each a z (latent_dim,) of some origin."""

    names: list[tuple[str, Tensor]]
    favourites: list[Tensor]
    origins: Sequence[str] = ()

    def names_for(self, directions: Directions) -> list[str]:
        """Name each direction: by the note on a vector that is nearly the same, or else by its number."""
        return [
            next((name for name, noted in self.names if torch.dot(noted, vector) > _ALIKE), f"direction {k}")
            for k, vector in enumerate(directions.vectors, 1)
        ]

    def with_names(self, directions: Directions, names: list[str]) -> "Notes":
        """Add the names that a person gave; names of other directions stay."""
        pairs = enumerate(zip(names, directions.vectors, strict=True), 1)
        given = [(name, vector) for k, (name, vector) in pairs if name != f"direction {k}"]
        others = [noted for noted in self.names if (directions.vectors @ noted[1]).max() <= _ALIKE]
        return self._replace(names=(given + others)[:MOST_NOTED])


@dataclass
class _Named:
    name: str
    vector: list[float]


@dataclass
class _Saved:
    schema: Literal[1]
    directions: Annotated[list[_Named], Meta(max_length=MOST_NOTED)]
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
    names = [(plain(one.name, LONGEST_NAME), _vector(one.vector, latent_dim)) for one in saved.directions]
    favourites = [_vector(z, latent_dim) for z in saved.favourites]
    origins = [plain(origin, _LONGEST_ORIGIN) for origin in saved.origins]
    return Notes(names, favourites, [*origins, *[""] * len(favourites)][: len(favourites)])


def write_notes(path: Path, notes: Notes) -> None:
    """Write the notes to `path`."""
    names = [_Named(name, vector.tolist()) for name, vector in notes.names]
    text = (
        json.dumps(asdict(_Saved(1, names, [z.tolist() for z in notes.favourites], list(notes.origins))))
        + "\n"
    )
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))


def _vector(values: list[float], latent_dim: int) -> Tensor:
    vector = torch.tensor(values, dtype=torch.float32)
    if vector.shape != (latent_dim,) or not vector.isfinite().all():
        raise ValueError(f"not {latent_dim} plain numbers")
    return vector

import json
from pathlib import Path

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.latent.directions import sefa_directions
from ganlib.latent.sampling import sample_latent
from ganlib.studio.notes import NotedDirection, Notes, read_notes, write_notes
from ganlib.studio.state import MOST_NOTED
from ganlib.weights import load_generator

AXES = torch.eye(4)


def noted(*rows: int, names: tuple[str, ...]) -> list[NotedDirection]:
    return [NotedDirection(name, AXES[row]) for row, name in zip(rows, names, strict=True)]


def names(notes: Notes, vectors: torch.Tensor) -> list[str]:
    return [notes.directions[place].name if place is not None else "" for place in notes.places(vectors)]


def test_there_are_none_at_first(tmp_path):
    notes = read_notes(tmp_path / "studio.json", 4)
    assert notes == Notes([], [])
    assert notes.places(AXES) == [None] * 4


def test_they_come_back_to_the_bit(tmp_path):
    z = torch.randn(4)
    directions = [NotedDirection("größer", AXES[1]), NotedDirection("", AXES[0], hidden=True)]
    write_notes(tmp_path / "sub" / "studio.json", Notes(directions, [z], ["seed 3"]))
    read = read_notes(tmp_path / "sub" / "studio.json", 4)
    assert torch.equal(read.favourites[0], z)
    assert read.origins == ["seed 3"]
    assert [(one.name, one.hidden) for one in read.directions] == [("größer", False), ("", True)]
    assert read.places(AXES) == [1, 0, None, None]


def test_a_name_stays_with_a_vector_that_turns_a_little_and_leaves_one_that_turns_round():
    notes = Notes(noted(0, names=("hair",)), [])
    near = torch.nn.functional.normalize(AXES[0] + 0.1 * AXES[1], dim=0)
    far = torch.nn.functional.normalize(AXES[0] + 0.3 * AXES[1], dim=0)
    assert notes.places(torch.stack([near, far, -AXES[0]])) == [0, None, None]


def test_notes_on_other_directions_stay_and_new_ones_replace_old():
    notes = Notes(noted(0, 1, names=("hair", "smile")), [])
    notes = notes.with_set(AXES[1:3], noted(1, 2, names=("grin", "glasses")))
    assert names(notes, AXES) == ["hair", "grin", "glasses", ""]
    assert names(notes.with_set(AXES[1:3], []), AXES) == ["hair", "", "", ""]


def test_the_oldest_of_too_many_notes_go():
    notes = Notes(noted(*[0] * MOST_NOTED, names=("old",) * MOST_NOTED), [])
    notes = notes.with_set(AXES[1:2], noted(1, names=("new",)))
    assert [one.name for one in notes.directions] == ["new"] + ["old"] * (MOST_NOTED - 1)


GOOD = {"schema": 1, "directions": [{"name": "hair", "vector": [1, 0, 0, 0]}], "favourites": [[0, 1, 2, 3]]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        json.dumps(GOOD | {"schema": 2}),
        json.dumps(GOOD | {"favourites": [[1, 2, 3]]}),
        json.dumps(GOOD | {"favourites": [[1, 2, 3, float("nan")]]}),
        json.dumps(GOOD | {"favourites": 7}),
        json.dumps(GOOD | {"directions": [{"name": "hair"}]}),
        json.dumps(GOOD | {"directions": [{"name": "hair", "vector": "long"}]}),
        "[" * 100_000,
    ],
)
def test_damaged_ones_are_explained(tmp_path, text):
    path = tmp_path / "studio.json"
    path.write_text(text)
    with pytest.raises(GanlibError, match="mend or remove it"):
        read_notes(path, 4)
    path.write_text(json.dumps(GOOD))
    assert read_notes(path, 4).directions[0].name == "hair"


def test_the_notes_of_version_0_1_open():
    folder = Path(__file__).parents[1] / "old" / "version-0.1"
    generator, recipe = load_generator(folder)
    notes = read_notes(folder / "studio" / "studio.json", recipe.latent_dim)
    assert torch.equal(notes.favourites[0], sample_latent(1, recipe.latent_dim, 9)[0])
    assert names(notes, sefa_directions(generator, 3).vectors) == ["hair", "", ""]

import json
from pathlib import Path

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.latent.directions import Directions, sefa_directions
from ganlib.latent.sampling import sample_latent
from ganlib.studio.notes import Notes, read_notes, write_notes
from ganlib.studio.state import MOST_NOTED
from ganlib.weights import load_generator

AXES = torch.eye(4)


def directions(*rows: int) -> Directions:
    return Directions(AXES[list(rows)], torch.ones(len(rows)))


def test_there_are_none_at_first(tmp_path):
    notes = read_notes(tmp_path / "studio.json", 4)
    assert notes == Notes([], [])
    assert notes.names_for(directions(0, 1)) == ["direction 1", "direction 2"]


def test_they_come_back_to_the_bit(tmp_path):
    z = torch.randn(4)
    notes = Notes([], [z]).with_names(directions(0, 1, 2), ["direction 1", "größer", "direction 3"])
    write_notes(tmp_path / "sub" / "studio.json", notes)
    read = read_notes(tmp_path / "sub" / "studio.json", 4)
    assert torch.equal(read.favourites[0], z)
    assert read.names_for(directions(0, 1, 2)) == ["direction 1", "größer", "direction 3"]


def test_a_name_belongs_to_a_vector_wherever_it_stands(tmp_path):
    notes = Notes([], []).with_names(directions(0, 1), ["hair", "smile"])
    assert notes.names_for(directions(1, 3, 0)) == ["smile", "direction 2", "hair"]


def test_a_name_stays_with_a_vector_that_turns_a_little_and_leaves_one_that_turns_round():
    notes = Notes([], []).with_names(directions(0), ["hair"])
    near = torch.nn.functional.normalize(AXES[0] + 0.1 * AXES[1], dim=0)
    far = torch.nn.functional.normalize(AXES[0] + 0.3 * AXES[1], dim=0)
    turned = Directions(torch.stack([near, far, -AXES[0]]), torch.ones(3))
    assert notes.names_for(turned) == ["hair", "direction 2", "direction 3"]


def test_names_of_other_directions_stay_and_new_ones_replace_old():
    notes = Notes([], []).with_names(directions(0, 1), ["hair", "smile"])
    notes = notes.with_names(directions(1, 2), ["grin", "glasses"])
    assert notes.names_for(directions(0, 1, 2)) == ["hair", "grin", "glasses"]
    assert len(notes.names) == 3


def test_the_oldest_of_too_many_names_go():
    notes = Notes([("old", AXES[0])] * MOST_NOTED, []).with_names(directions(1), ["new"])
    assert [name for name, _ in notes.names] == ["new"] + ["old"] * (MOST_NOTED - 1)


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
    assert read_notes(path, 4).names[0][0] == "hair"


def test_the_notes_of_version_0_1_open():
    folder = Path(__file__).parents[1] / "old" / "version-0.1"
    generator, recipe = load_generator(folder)
    notes = read_notes(folder / "studio" / "studio.json", recipe.latent_dim)
    assert torch.equal(notes.favourites[0], sample_latent(1, recipe.latent_dim, 9)[0])
    names = notes.names_for(sefa_directions(generator, 3))
    assert names == ["hair", "direction 2", "direction 3"]

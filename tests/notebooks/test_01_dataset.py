"""What notebook 01 builds by hand is what ganlib holds; its exercises can be solved; it cleans up."""

import tempfile

import numpy as np
import pytest
import torch

from ganlib.data.duplicates import look_at, near_duplicates
from ganlib.data.imageset import ImageSet, to_bytes, to_float
from tests.notebooks.lesson import cells_of, names_of

PAGE = cells_of("01_dataset")
CELLS = {name: cell.source for name, cell in PAGE.items()}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    from matplotlib import font_manager  # noqa: F401  (its cache is none of the lesson's)

    return tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def lesson(places):
    """The names that the notebook defines, after all its cells have run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(places[0]))
        patch.setenv("XDG_CACHE_HOME", str(places[1]))
        return names_of(cell.source for cell in PAGE.values() if cell.cell_type == "code")


def solutions(name):
    return CELLS[name].partition("```python\n")[2].partition("```")[0]


def soft_pictures(count=80):
    """Random pictures; every second is like the one before, less and less so: all over, or in one place."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 130, (count, 4, 4, 3)).repeat(16, 1).repeat(16, 2)
    change = np.arange(count // 4)[:, None, None, None]
    pictures[1 : count // 2 : 2] = pictures[0 : count // 2 : 2] + change * random.integers(0, 6, (64, 64, 1))
    pictures[count // 2 + 1 :: 2] = pictures[count // 2 :: 2]
    pictures[count // 2 + 1 :: 2, 24:28, 40:44] += 4 * change
    return pictures.astype(np.uint8)


def test_the_lesson_leaves_nothing_behind(lesson, places):
    assert lesson["still_open"]
    assert not list(places[0].glob("ganlib*"))
    assert not (places[1] / "ganlib").exists()


def test_bytes_and_floats_are_those_of_the_library(lesson):
    pictures = torch.from_numpy(soft_pictures())
    assert torch.equal(lesson["back_to_bytes"](to_float(pictures)), pictures)
    floats = torch.rand(4, 3, 8, 8) * 2 - 1
    assert torch.equal(lesson["back_to_bytes"](floats), to_bytes(floats))


def test_the_fingerprint_is_that_of_the_library(lesson):
    for picture in soft_pictures():
        look = look_at(picture)
        assert np.packbits(lesson["bits_of"](picture)).view(np.uint64)[0] == look.shapes
        assert np.array_equal(lesson["colours_of"](picture), look.colours)


def test_near_duplicates_are_those_of_the_library(lesson):
    pictures = soft_pictures()
    looks = [look_at(picture) for picture in pictures]
    theirs = near_duplicates(np.array([x.shapes for x in looks]), np.stack([x.colours for x in looks]))
    pairs = lesson["pairs_alike"](pictures)
    ours = lesson["first_alike"](len(pictures), pairs)
    assert ours.tolist() == theirs.tolist()
    assert 0 < (ours >= 0).sum() < len(pairs[0])  # the colours decide, too


def test_the_held_out_rule_is_that_of_the_library(lesson):
    art = ImageSet(soft_pictures(), "soft")
    by_hand = [index for index, picture in enumerate(art.images) if lesson["is_held_out"](picture)]
    assert 0 < len(by_hand) < len(art)
    assert by_hand == art.held_out.tolist()


def test_the_effective_number_counts_kinds(lesson):
    count = lesson["effective_number"]
    assert count(np.array([5, 5, 5, 5])) == pytest.approx(4)
    assert count(np.array([7, 0, 0])) == pytest.approx(1)
    assert 1 < count(np.array([90, 5, 5])) < 2


def test_a_missing_answer_is_asked_for(lesson):
    assert lesson["still_open"]({"who?": "I", "what?": " ", "where?": ""}) == ["what?", "where?"]


@pytest.mark.parametrize(
    ("solution", "check"),
    [("solution-centre-crop", "check_centre_crop"), ("solution-and-next", "check_is_blurred")],
)
def test_a_solution_passes_its_check(lesson, solution, check):
    assert lesson[check]().startswith("Not yet")
    names = dict(lesson)
    exec(solutions(solution), names)
    solved = type(lesson[check])(lesson[check].__code__, names)
    assert solved().startswith("Right")

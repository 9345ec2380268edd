"""What notebook 07 builds by hand is what ganlib holds, its claims hold, and its exercise can be solved."""

import pytest
import torch

import ganlib
from tests.notebooks.lesson import cells_of, names_of

CELLS = {name: cell.source for name, cell in cells_of("07_latent_space").items()}
RUN_HERE = (
    "setup",
    "tools",
    "lengths",
    "angles",
    "sefa",
    "pca",
    "sheet",
    "picks",
    "fit",
    "rulers",
    "effects",
    "apart",
    "apart-effects",
    "mix",
    "exercise-yours",
    "exercise-check",
)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, but with pictures enough to fit."""
    few = CELLS["rulers"].replace("tiny=150", "tiny=1200")
    assert few != CELLS["rulers"]
    random = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        names = names_of(
            (CELLS | {"rulers": "art = ganlib.load_art('portraits')\n" + few})[name] for name in RUN_HERE
        )
    torch.set_rng_state(random)
    return names


def test_a_hundred_numbers_are_ten_long(lesson):
    for d, of_length in lesson["lengths"].items():
        if d >= 10:
            assert of_length.mean().item() == pytest.approx(d**0.5, rel=0.03)
            assert of_length.std().item() == pytest.approx(0.5**0.5, rel=0.05)


def test_the_directions_by_hand_are_those_of_the_library(lesson):
    theirs = ganlib.factorised_directions(lesson["generator"], 10)
    assert ((lesson["sefa"][:10] * theirs.vectors).sum(1).abs() > 0.9999).all()
    shares = lesson["strengths"].flip(0)[:10] / lesson["strengths"].sum()
    assert shares.tolist() == pytest.approx(theirs.shares.tolist(), rel=1e-3)
    components = ganlib.pca_directions(lesson["generator"], 6, samples=lesson["count"])
    assert ((lesson["pca"] * components.vectors).sum(1).abs() > 0.999).all()


@pytest.mark.parametrize("sizes", [(1, 1), (3, 40), (300, 200)])
def test_the_fit_by_hand_is_that_of_the_library(lesson, sizes):
    one, other = (ganlib.sample_latent(size, 100, seed) for size, seed in zip(sizes, (0, 1000), strict=True))
    assert torch.allclose(lesson["fitted"](one, other), ganlib.fitted_direction(one, other), atol=1e-4)


def test_every_ruler_reads_what_it_is_named_for(lesson):
    pictures = torch.zeros(2, 3, 64, 64)
    pictures[1, 0, :8] = 1  # red above
    assert lesson["background"](pictures).tolist() == pytest.approx([0, 127.5])
    pictures[1, :, 8:40] = -1  # black in the upper part
    assert lesson["hair"](pictures).tolist() == pytest.approx([0, 80])
    pictures[1, :, 28:44, 30:46] = 0.5
    assert lesson["skin"](pictures).tolist() == pytest.approx([0, 63.75])
    pictures[1, 2, -4:] = 1  # blue below
    assert lesson["shirt"](pictures).tolist() == pytest.approx([0, -127.5])


def test_each_direction_moves_its_own_value_most_and_set_apart_drags_less(lesson):
    fresh = {**lesson, "fresh": ganlib.sample_latent(96, 100, 50_000)}
    effects = type(lesson["effects"])(lesson["effects"].__code__, fresh, argdefs=(2.0,))
    own = torch.eye(4, dtype=torch.bool)
    before, after = effects(lesson["directions"]), effects(lesson["apart"])
    assert (before[own] > 1.2).all()
    assert (after[own] > 0.8 * before[own]).all()
    assert before[~own].abs().max() > 0.5
    assert after[~own].abs().max() < 0.45
    assert after[~own].abs().mean() < 0.6 * before[~own].abs().mean()


def test_what_is_set_apart_by_hand_is_what_the_library_sets_apart(lesson):
    v, u = torch.nn.functional.normalize(torch.randn(2, 100), dim=1)
    assert torch.allclose(lesson["without"](v, u), ganlib.set_apart(v, u[None]), atol=1e-5)


def test_the_picks_lead_to_more_hair(lesson):
    people = ganlib.sample_latent(64, 100, 70_000)
    less, more = (ganlib.paint(lesson["generator"], people + way * lesson["picked"]) for way in (-4, 4))
    assert 1.5 < (lesson["hair"](more).mean() / lesson["hair"](less).mean()).item() < 5


def test_the_solution_passes_the_check(lesson):
    check = lesson["check_without_both"]
    assert check(lesson["without_both"]).startswith("Not yet: it still has")
    assert check(lambda v, first, second: 2 * v).startswith("Not yet: the answer is a unit vector")
    assert check(lambda *_: torch.linalg.svd(lesson["directions"][[0, 2]]).Vh[-1]).startswith(
        "It is at right"
    )
    names = dict(lesson)
    exec(CELLS["exercise-solution"].partition("```python\n")[2].partition("```")[0], names)
    assert check(names["without_both"]).startswith("Right")

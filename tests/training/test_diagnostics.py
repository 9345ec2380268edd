"""Diagnostics name each failure when it should, both sides of each threshold; healthy runs stay silent."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ganlib.recipes import get_recipe, override
from ganlib.training.diagnostics import _turning_points, diagnose

LOGS = Path(__file__).parent / "logs"
HEALTHY = {
    "d_loss": 1.0,
    "g_loss": 1.5,
    "real_probability": 0.7,
    "fake_probability": 0.3,
    "d_gradient": 10.0,
    "g_gradient": 5.0,
    "diversity": 0.9,
    "score": 0.2,
}
NOT_TOLD = dict.fromkeys(HEALTHY)


def rows_of(count, **columns):
    """Rows of a healthy run but for `columns`: a value for all rows, or one for each of the last ones."""
    rows = [{"step": 60 * (i + 1), "kimg": i + 1.0, **HEALTHY} for i in range(count)]
    for name, values in columns.items():
        listed = values if isinstance(values, list) else [values] * count
        for row, value in zip(rows[-len(listed) :], listed, strict=True):
            row[name] = value
    return rows


def names(rows):
    return [found.name for found in diagnose(rows)]


def told(rows):
    """The names in the order in which a run would tell them, with the row at which each is first told."""
    first = {}
    for end in range(1, len(rows) + 1):
        for name in names(rows[:end]):
            first.setdefault(name, end)
    return first


def recorded(name):
    return [json.loads(line) for line in (LOGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    "name",
    [
        *("portraits64-cpu", "artportraits64", "artgan64", "gallery512", "small_portraits", "few_portraits"),
        *("modern_portraits", "modern_portraits_bf16", "modern_travellers", "modern_travellers_bf16"),
        *("modern_travellers_1", "modern_travellers_resize", "projected_travellers"),
        *("quilts_64", "quilts_64_resize", "portraits64_portraits"),
    ],
)
def test_recorded_runs_that_went_well_stay_silent(name):
    assert told(recorded(name)) == {}


def test_the_recorded_run_in_which_d_has_won_is_named():
    """It began with a D far ahead, as the first thousands are, recovered, and lost for good."""
    assert told(recorded("portraits64")) == {"discriminator wins": 21}


@pytest.mark.parametrize("name", ["portraits64_travellers", "portraits64_voxels"])
def test_the_reference_that_has_lost_on_harder_pictures_is_named_by_10_kimg(name):
    """At 12 kimg all samples of the travellers were one grey face, with a half-size KID of 7,400."""
    assert told(recorded(name)) == {"discriminator wins": 8}


def test_healthy_rows_stay_silent_however_many_or_few():
    for count in (0, 1, 2, 8, 100):
        assert names(rows_of(count)) == []


def test_rows_without_any_measure_say_nothing():
    assert names([{"step": 60 * i, "kimg": float(i), **NOT_TOLD} for i in range(1, 50)]) == []
    assert names([{"step": 60 * i, "kimg": float(i)} for i in range(1, 50)]) == []


def far_ahead(count=12, **columns):
    return rows_of(count, **{"real_probability": 0.97, "fake_probability": 0.04, **columns})


def test_a_discriminator_far_ahead_is_named_from_the_twelfth_row_on():
    assert told(far_ahead(20)) == {"discriminator wins": 12}


def test_four_rows_far_ahead_are_asked_for():
    assert names(far_ahead(20, real_probability=[0.7] * 16 + [0.95] * 4)) == ["discriminator wins"]
    assert names(far_ahead(20, real_probability=[0.7] * 17 + [0.95] * 3)) == []


@pytest.mark.parametrize(("fake", "wanted"), [(0.06, ["discriminator wins"]), (0.08, [])])
def test_far_ahead_is_nine_tenths_apart(fake, wanted):
    assert names(far_ahead(fake_probability=fake)) == wanted


def hopeless(count=10, **columns):
    """As the reference began on pictures with busy backgrounds: D is sure of fakes, not of real pictures."""
    return rows_of(
        count,
        **{"real_probability": 0.85, "fake_probability": 0.1, "g_loss": 18.0, "diversity": 0.14, **columns},
    )


def test_a_g_that_never_fools_d_is_named_from_the_eighth_row_on():
    assert told(hopeless()) == {"discriminator wins": 8}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"g_loss": 14.1}, ["discriminator wins"]),
        ({"g_loss": 13.9}, []),
        ({"diversity": 0.19}, ["discriminator wins"]),
        ({"diversity": 0.21}, []),
        ({"diversity": None}, []),
        ({"diversity": [None] * 9 + [0.14]}, ["discriminator wins"]),
    ],
)
def test_hopeless_is_a_loss_without_a_bound_and_one_picture(columns, wanted):
    assert names(hopeless(**columns)) == wanted


@pytest.mark.parametrize(("score", "wanted"), [(0.192, ["discriminator wins"]), (0.188, [])])
def test_a_score_that_gets_better_pardons_it(score, wanted):
    assert names(far_ahead(score=[0.2, None, None, None, score])) == wanted


@pytest.mark.parametrize(("score", "wanted"), [(0.16, ["discriminator wins"]), (0.14, [])])
def test_good_pictures_pardon_it(score, wanted):
    assert names(far_ahead(score=score)) == wanted


def test_a_g_that_never_fools_d_is_named_although_its_grey_comes_nearer():
    assert names(hopeless(score=[None] * 5 + [0.6, None, None, None, 0.5])) == ["discriminator wins"]


def test_a_generator_that_has_not_played_has_not_lost():
    assert names(far_ahead(g_loss=[None] * 4)) == []


def test_the_probabilities_and_gradients_are_said():
    (found,) = diagnose(far_ahead(d_gradient=0.125, g_gradient=70.0))
    assert "0.97" in found.seen
    assert "0.04" in found.seen
    assert "0.125 in D and 70 in G" in found.seen
    (found,) = diagnose(far_ahead(d_gradient=157.69, g_gradient=70.0))
    assert "158 in D" in found.seen
    (found,) = diagnose(far_ahead(d_gradient=None))
    assert "gradient" not in found.seen


@pytest.mark.parametrize(("now", "wanted"), [(0.22, ["generator collapses"]), (0.23, [])])
def test_a_collapse_is_a_diversity_down_to_a_quarter(now, wanted):
    assert names(rows_of(10, diversity=[0.9, now, now])) == wanted


def test_a_collapse_is_measured_twice():
    assert names(rows_of(10, diversity=[0.9, 0.9, 0.1])) == []
    assert names(rows_of(10, diversity=[0.9, 0.1, None, 0.1])) == ["generator collapses"]


def test_the_beginning_is_no_collapse():
    assert names(rows_of(8, diversity=[0.5, 0.5, 0.1, 0.1])) == []
    assert names(rows_of(9, diversity=[0.5, 0.5, 0.1, 0.1])) == ["generator collapses"]


def never_varied(count=16, **columns):
    chance = {"real_probability": 0.5, "fake_probability": 0.505, "diversity": 0.2, "score": 0.4}
    return rows_of(count, **{**chance, **columns})


def test_samples_that_never_varied_and_fool_d_are_a_collapse_from_the_sixteenth_row_on():
    assert told(never_varied(20)) == {"generator collapses": 16}


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"diversity": 0.34}, ["generator collapses"]),
        ({"diversity": 0.36}, []),
        ({"diversity": [0.2] * 15 + [0.36]}, []),
        ({"real_probability": 0.99}, ["generator collapses"]),
        ({"real_probability": 1.0, "fake_probability": 0.49}, []),
        ({"diversity": None}, []),
        ({"score": 0.49}, ["generator collapses"]),
        ({"score": 0.51}, ["nothing learnt"]),
        ({"step": 600}, ["generator collapses"]),
        ({"step": 599}, []),
    ],
    ids=str,
)
def test_what_makes_it_a_collapse_that_samples_never_varied(columns, wanted):
    assert names(never_varied(**columns)) == wanted


def swings(*leads):
    return rows_of(len(leads), fake_probability=0.0, real_probability=list(leads))


def test_four_turns_of_the_lead_within_twenty_rows_are_an_oscillation():
    assert names(swings(0.9, 0.3, 0.9, 0.3, 0.9, 0.3)) == ["oscillation"]
    assert names(swings(0.9, 0.3, 0.9, 0.3, 0.9)) == []
    slow = [0.9] * 5 + [0.3] * 5
    assert names(swings(*slow * 4)) == []


def test_small_swings_are_none():
    assert names(swings(*[0.7, 0.31] * 10)) == []
    assert names(swings(*[0.7, 0.29] * 10)) == ["oscillation"]


def alone(**columns):
    return {**NOT_TOLD, **columns}


@pytest.mark.parametrize(("loss_of_g", "wanted"), [(0.29, ["oscillation"]), (0.31, [])])
def test_turns_in_which_one_plays_alone_are_an_oscillation_if_each_wins_its_own(loss_of_g, wanted):
    d_turn = alone(d_loss=0.01, real_probability=0.99, fake_probability=0.01)
    g_turn = alone(g_loss=loss_of_g)
    rows = [
        {"step": 60 * i, "kimg": float(i), **(d_turn if i // 3 % 2 == 0 else g_turn)} for i in range(1, 20)
    ]
    assert names(rows) == wanted


def test_turning_points_are_where_a_swing_begins():
    assert _turning_points([]) == []
    assert _turning_points([0.5, 0.5, 0.6]) == []
    assert _turning_points([0.1, 0.9]) == []
    assert _turning_points([0.1, 0.8, 0.9, 0.7, 0.2, 0.3, 0.1, 0.6]) == [0.9, 0.1]
    assert _turning_points([0.9, 0.8, 0.2, 0.7, 0.0]) == [0.2, 0.7]
    assert _turning_points([0.1, 0.9, 0.45, 0.55]) == [0.9]


@pytest.mark.parametrize(("now", "wanted"), [(0.131, ["past its best"]), (0.129, [])])
def test_two_scores_a_third_worse_than_the_best_are_past_it(now, wanted):
    assert names(rows_of(10, score=[0.3, 0.1, now, None, now])) == wanted
    assert names(rows_of(10, score=[0.3, 0.1, 0.12, None, now])) == []


def test_a_best_that_was_like_grey_is_none():
    assert names(rows_of(4, score=[0.9, 0.49, 0.8, 0.8])) == ["past its best"]
    assert names(rows_of(4, score=[0.9, 0.51, 0.8, 0.8])) == []


def test_the_best_and_its_place_are_said():
    (found,) = diagnose(rows_of(20, score=[0.3, 0.1234, 0.2, 0.2111]))
    for figure in ("0.123", "18 kimg", "0.211", "20 kimg"):
        assert figure in found.seen
    assert "best.safetensors" in found.advice


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, ["nothing learnt"]),
        ({"score": 0.49}, []),
        ({"score": [0.8] * 15 + [0.66]}, ["nothing learnt"]),
        ({"score": [0.8] * 15 + [0.62]}, []),
        ({"real_probability": 0.99, "fake_probability": 0.5}, ["nothing learnt"]),
        ({"real_probability": 0.99, "fake_probability": 0.48}, []),
        ({"step": 599}, []),
        ({"score": None}, []),
    ],
    ids=str,
)
def test_a_score_like_that_of_grey_pictures_is_nothing_learnt(columns, wanted):
    assert names(rows_of(16, **{"score": 0.8, **columns})) == wanted


def test_it_is_nothing_learnt_from_the_sixteenth_row_on():
    assert told(rows_of(20, score=0.8)) == {"nothing learnt": 16}


@pytest.mark.parametrize(("gradient", "wanted"), [(9e-5, ["nothing learnt"]), (2e-4, [])])
def test_a_generator_that_nothing_reaches_learns_nothing(gradient, wanted):
    assert names(rows_of(5, g_gradient=[gradient] * 4)) == wanted
    assert names(rows_of(5, g_gradient=[gradient] * 3)) == []
    assert names(rows_of(9, g_gradient=[gradient, None] * 4)) == wanted


def test_it_is_not_said_as_well_that_d_wins_where_nothing_reaches_g():
    assert names(far_ahead(20, g_gradient=0.0)) == ["nothing learnt"]


def every_finding():
    logs = {
        "discriminator wins": far_ahead(),
        "generator collapses": never_varied(),
        "oscillation": swings(*[0.9, 0.3] * 10),
        "past its best": rows_of(20, score=[0.3, 0.1, 0.2, 0.2]),
        "nothing learnt": rows_of(20, score=0.8),
        "nothing learnt, no gradient": rows_of(20, g_gradient=0.0),
    }
    return {name: diagnose(rows) for name, rows in logs.items()}


@pytest.mark.parametrize(("name", "findings"), every_finding().items(), ids=list(every_finding()))
def test_each_failure_is_named_alone_in_a_sentence_each_for_what_is_seen_and_what_to_try(name, findings):
    (found,) = findings
    assert found.name == name.partition(",")[0]
    assert found.seen.endswith(".")
    assert found.advice.endswith(".")
    assert "--set " in found.advice
    assert "replace(recipe, " in found.advice


@pytest.mark.parametrize(("name", "findings"), every_finding().items(), ids=list(every_finding()))
def test_what_is_to_be_tried_can_be(name, findings):
    """The words after `--set` and the Python words are settings that recipes have."""
    advice = findings[0].advice
    recipe = get_recipe("portraits64-cpu")
    shell, python = advice.rstrip(".").split("in Python ")
    settings = [word.strip(",;:") for word in shell.split() if "=" in word]
    assert settings
    override(recipe, settings)
    assert eval(python, {"recipe": recipe, "replace": replace}).size == recipe.size


def test_the_last_rows_decide_and_a_long_log_costs_little():
    rows = rows_of(5000)
    assert names(rows) == []
    for earlier, later in pairwise(range(0, 5000, 1000)):
        assert names(rows[earlier:later]) == []

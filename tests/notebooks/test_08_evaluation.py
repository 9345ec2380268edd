"""What notebook 08 builds by hand is what ganlib holds, its claims hold, and its exercises can be solved."""

import pytest
import torch

from ganlib.course.real_or_fake import p_value
from ganlib.evaluation import metrics
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of

PAGE = {name: cell.source for name, cell in cells_of("08_evaluation").items()}
RUN_HERE = (
    "setup",
    "tools",
    "two-runs",
    "two-runs-seen",
    "kid-by-hand",
    "eyes",
    "prdc-by-hand",
    "exercise-cheat-yours",
    "exercise-cheat-check",
    "features",
    "sizes",
    "collapse",
    "neighbours",
    "exercise-ratio-yours",
    "exercise-ratio-check",
    "exercise-doctor-yours",
    "exercise-doctor-check",
    "exercise-coin-yours",
    "exercise-coin-check",
)
EXERCISES = {
    "cheat": ("check_painters", ["safe_painter", "wild_painter"]),
    "ratio": ("check_ratio", ["my_ratio"]),
    "doctor": ("check_diagnosis", ["my_diagnosis"]),
    "coin": ("check_p_value", ["my_p_value"]),
}
each_exercise = pytest.mark.parametrize("name", EXERCISES)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


def crowds(dimensions):
    return torch.randn(70, dimensions), 0.8 * torch.randn(70, dimensions) + 0.3


@pytest.mark.parametrize("dimensions", [2, 40])
def test_kid_by_hand_is_that_of_the_library(lesson, dimensions):
    real, fake = crowds(dimensions)
    theirs = metrics.kid(real, fake, subsets=1, subset_size=70).mean
    assert lesson["kid_by_hand"](real, fake) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("dimensions", [2, 40])
def test_precision_and_recall_by_hand_are_those_of_the_library(lesson, dimensions):
    real, fake = (features.double() for features in crowds(dimensions))
    theirs = metrics.prdc(real, fake)
    assert 0 < theirs.precision < 1 or 0 < theirs.recall < 1
    assert lesson["precision_by_hand"](real, fake) == pytest.approx(theirs.precision, abs=1e-6)
    assert lesson["recall_by_hand"](real, fake) == pytest.approx(theirs.recall, abs=1e-6)


def test_a_cloud_as_wide_as_the_ring_is_found_out_by_eyes_alone(lesson):
    ring, again, cloud = (lesson[name] for name in ("real_points", "sets", "sets"))
    again, cloud = again["real again"], cloud["round cloud"]
    kid, eyes = lesson["kid_by_hand"], lesson["eyes"]
    narrow = kid(ring, 0.5 * cloud)
    assert max(abs(kid(ring, again)), abs(kid(ring, cloud))) < 0.1 * narrow
    assert kid(eyes(ring), eyes(cloud)) > 20 * abs(kid(eyes(ring), eyes(again)))


@pytest.mark.usefixtures("full_length")
def test_the_run_that_is_good_for_nothing_has_the_better_loss():
    names = names_of(PAGE[name] for name in ("setup", "tools", "two-runs", "two-runs-seen"))
    best = 2 * torch.tensor(2.0).log()
    wide, narrow = ((names["games"][name][1][-500:, 0].mean() - best).abs() for name in names["games"])
    assert narrow < wide < 0.1
    found = [metrics.prdc(names["real_points"], points) for points in names["sets"].values()]
    assert min(found[0][:2]) > 0.8
    assert found[1].recall < 0.35


def solved(lesson, name):
    """The names of the lesson with those of the exercise's solution."""
    names = dict(lesson)
    exec(PAGE[f"exercise-{name}-solution"].partition("```python\n")[2].partition("```")[0], names)
    return names


@each_exercise
def test_a_solution_passes_its_check_and_what_stood_there_does_not(lesson, name):
    check, answers = EXERCISES[name]
    assert lesson[check](*(lesson[answer] for answer in answers)).startswith("Not yet")
    names = solved(lesson, name)
    assert lesson[check](*(names[answer] for answer in answers)).startswith("Right")


@each_exercise
@pytest.mark.parametrize("mistake", [lambda *_: None, lambda *_: [1, "two"], lambda *_: 1 / 0, None])
def test_whatever_is_written_there_is_a_hint_and_no_traceback(lesson, name, mistake):
    check, answers = EXERCISES[name]
    said = lesson[check](*[mistake] * len(answers))
    assert said.startswith("Not yet")
    assert len(said.split()) > 8


def test_both_cheats_hold_whatever_the_dice(lesson):
    names = solved(lesson, "cheat")
    for seed in range(10):
        torch.manual_seed(seed)
        assert lesson["check_painters"](names["safe_painter"], names["wild_painter"]).startswith("Right")


def test_hints_for_cheats_name_the_mistake(lesson):
    check, names = lesson["check_painters"], solved(lesson, "cheat")
    safe, wild = names["safe_painter"], names["wild_painter"]
    assert "leave most modes alone" in check(lambda: lesson["real_points"] + 0.001, wild)
    assert "(3, 2)" in check(lambda: torch.zeros(3, 2), wild)
    assert "the wild one has precision 1.00" in check(safe, safe)
    assert "paint further out" in check(safe, lambda: lesson["real_points"] + 0.001)


def test_the_ratio_is_that_of_the_library(lesson):
    ratio = solved(lesson, "ratio")["my_ratio"]
    sets = [torch.randn(count, 20) for count in (31, 80, 41)]
    assert ratio(*sets).item() == pytest.approx(metrics.neighbour_ratio(*sets), rel=1e-5)
    for name in ("painted", "stolen"):
        crowds = (lesson["features"][which] for which in (name, "train", "real"))
        assert lesson["ratios"][name] == pytest.approx(metrics.neighbour_ratio(*crowds), rel=1e-6)


@pytest.mark.parametrize("middle", [torch.median, lambda row: row.quantile(0.5)])
def test_any_median_will_do(lesson, middle):
    def ratio(samples, train, held_out):
        near = (torch.cdist(points, train).min(1).values for points in (samples, held_out))
        return float(middle(next(near)) / middle(next(near)))

    assert lesson["check_ratio"](ratio).startswith("Right")


def test_hints_for_the_ratio_name_the_mistake(lesson):
    def nearest(points, train):
        return metrics.nearest(points, train).distances

    check = lesson["check_ratio"]
    assert "upside down" in check(lambda *sets: 1 / metrics.neighbour_ratio(*sets))
    assert "medians" in check(lambda a, train, b: nearest(a, train).mean() / nearest(b, train).mean())
    assert "half of the way" in check(lambda a, train, _: nearest(a, train).median())


def test_a_doctor_who_sees_one_number_is_told_the_others(lesson):
    check = lesson["check_diagnosis"]
    by_precision = check(lambda precision, *_: "healthy" if precision > 0.5 else "blurred")
    assert "you call it 'healthy'" in by_precision
    assert "recall" in by_precision
    assert "you call it 'copied'" in check(lambda *_: "copied")


def test_hints_for_the_coin_name_the_mistake(lesson):
    check = lesson["check_p_value"]
    assert "exactly" in check(
        lambda right, asked: p_value(right, asked) - p_value(min(right + 1, asked), asked)
    )
    assert "as many" in check(lambda right, asked: p_value(right + 1, asked) if right < asked else 0.0)
    assert "certain" in check(lambda right, asked: right / asked)


def test_each_illness_shows_in_one_number_and_hides_in_others(lesson):
    features, kids = lesson["features"], lesson["kids"]
    baseline, twenty = (metrics.prdc(features["real"], features[name]) for name in ("baseline", "twenty"))
    assert 0.8 < min(baseline[:2]) <= 1
    assert abs(twenty.precision - baseline.precision) < 0.1
    assert twenty.recall == 0
    assert lesson["ratios"]["stolen"] < 0.8 < lesson["ratios"]["painted"]
    blur, chaos = kids["blurred"], kids["noise"]
    assert blur[0] < chaos[0] < 1.25 * blur[0]
    assert chaos[2] > 10 * blur[2]

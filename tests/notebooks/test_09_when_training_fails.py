"""Notebook 09: failures are named, mends are silent, what the text claims is so, and its checks are fair."""

import math
from dataclasses import replace
from statistics import median

import pytest
import torch

import ganlib
from ganlib.evaluation.scores import Diversity
from ganlib.losses import gradient_penalty
from ganlib.recipes import default_recipe
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of

LESSON = "09_when_training_fails"
PAGE = {name: cell.source for name, cell in cells_of(LESSON).items()}
EXERCISES = {exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of(LESSON)}
HELPERS = ("setup", "tools", "numbers", "printing", "exercise-alarm-yours", "exercise-alarm-check")
TRAIN = PAGE["train"].partition("\n\n\n")[0]  # the function, without the run
HEALTHY = next(line for line in PAGE["train"].splitlines() if line.startswith("healthy = "))


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define, with the exercises still to be done."""
    return names_in_tiny(PAGE[name] for name in ("setup", "tools", "numbers"))


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


def test_diversity_is_that_of_the_library(solved):
    for seed in range(3):
        pictures = torch.rand(2, 36, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
        mine = solved["my_diversity"](*pictures.double())  # in fp32 the last digits depend on the processor
        assert float(mine) == pytest.approx(Diversity(pictures[1])(pictures[0]))


def test_the_penalty_of_the_small_gan_is_the_r1_of_the_library(solved):
    psi, gamma = 0.7, 0.3
    slope = torch.full((1, 3, 1, 1), psi / math.sqrt(3))  # D(x) = <slope, x>, with a gradient of norm psi
    penalty = gradient_penalty(lambda x: (x * slope).sum((1, 2, 3)), torch.zeros(4, 3, 1, 1), lambda x: x)
    assert gamma / 2 * penalty.item() == pytest.approx(gamma / 2 * psi**2)
    _, moved = solved["dirac_step"](0.0, psi, 0.1, gamma)
    assert psi - moved == pytest.approx(0.1 * gamma * psi)  # the step of rate 0.1 along its derivative


def test_the_small_gan_drifts_circles_or_converges_as_the_page_says(lesson):
    names = names_in_tiny(
        PAGE[name]
        for name in ("setup", "tools", "exercise-dirac-yours", "exercise-dirac-check", "dirac-paths")
    )
    ends = {name: path[-1] for name, path in names["paths"].items()}
    assert ends["both at once"] == pytest.approx(math.sqrt(1 + 0.1**2) ** 300)
    assert all(0.9 < distance < 1.1 for distance in names["paths"]["in turn"])
    assert ends["in turn, R1"] < 0.02


def test_the_default_recipe_is_the_one_that_the_page_names():
    cpu, gpu = default_recipe("cpu"), replace(default_recipe("cpu"), name="modern64-wide")
    assert cpu.name == "modern64-cpu"
    assert "modern64-wide" in PAGE["table"]
    wide = names_of(["import ganlib\nwide = ganlib.get_recipe('modern64-wide')"])["wide"]
    assert replace(gpu, width=wide.width, batch_size=wide.batch_size, about=wide.about) == wide


NEAREST = """
def my_diversity(samples, real):
    def nearest(pictures):
        points = small(pictures)
        return torch.cdist(points, points).fill_diagonal_(torch.inf).amin(1).median()

    return nearest(samples) / nearest(real)
"""
ALARM = """
def collapse_alarm(rows):
    low = 0
    for row in rows:
        value = row["diversity"]
        if value is None:
            continue
        low = low + 1 if value < 0.3 else 0
        if low == 3:
            return row["kimg"]
"""
DIRAC = """
def dirac_step(theta, psi, rate, gamma):
    psi = psi - rate * (theta + gamma * psi)
    theta = theta + rate * psi
    return theta, psi
"""
LOGS = EXERCISES["logs"].answer
RIGHT = {
    "diversity": [
        NEAREST,
        """
def my_diversity(samples, real):
    values = []
    for batch in (samples, real):
        flat = small(batch)
        distances = (flat[:, None] - flat).norm(dim=2)
        values.append(distances.sort(1).values[:, 1].median().item())
    return values[0] / values[1]
""",
        """
def nearest(pictures):
    a = small(pictures).numpy()
    d = np.sqrt(((a[:, None] - a[None]) ** 2).sum(2)) + np.diag(np.full(len(a), np.inf))
    return np.median(d.min(1))


my_diversity = lambda x, y: nearest(x) / nearest(y)
""",
    ],
    "alarm": [
        ALARM,
        """
def collapse_alarm(log):
    known = [row for row in log if row["diversity"] is not None]
    values = [row["diversity"] for row in known]
    hits = [known[k]["kimg"] for k in range(2, len(known)) if max(values[k - 2 : k + 1]) < 0.3]
    return hits[0] if hits else None
""",
        """
def collapse_alarm(rows):
    last = []
    for row in rows:
        if row["diversity"] is not None:
            last = [*last, row["diversity"] < 0.3][-3:]
            if last == [True] * 3:
                return float(row["kimg"])
    return None
""",
    ],
    "dirac": [
        DIRAC,
        """
def dirac_step(theta, psi, rate, gamma):
    t, p = (torch.tensor(float(value), requires_grad=True) for value in (theta, psi))
    (slope,) = torch.autograd.grad(p * t + gamma / 2 * p**2, p)
    new = (p - rate * slope).detach()
    (slope,) = torch.autograd.grad(-new * t, t)
    return (t - rate * slope).detach(), new
""",
        """
def dirac_step(g, d, eta, strength):
    d *= 1 - eta * strength
    d -= eta * g
    return [g + eta * d, d]
""",
    ],
    "logs": [
        LOGS,
        'diagnosis = dict(zip("ABCDEF", ["generator collapses", "nothing learnt", "D wins", "oscillation", '
        '"healthy", "past its best"]))',
        edited(LOGS, ('"mode collapse"', '" Mode Collapse "'), ('"A"', '"a"')),
    ],
}
MEDIAN, FILL = ".median()", ".fill_diagonal_(torch.inf)"
WRONG = [
    ("diversity", "not a finite number", edited(NEAREST, (FILL, ""))),
    (
        "diversity",
        "upside down",
        edited(NEAREST, ("nearest(samples) / nearest(real)", "nearest(real) / nearest(samples)")),
    ),
    ("diversity", "mean distance", edited(NEAREST, (FILL + ".amin(1).median()", ".sum() / (36 * 35)"))),
    ("diversity", "at 16 px", edited(NEAREST, ("small(pictures)", "pictures.flatten(1)"))),
    ("diversity", "over that of the reals", edited(NEAREST, (" / nearest(real)", ""))),
    ("diversity", "stops with", edited(NEAREST, ("small(pictures)", "small(picture)"))),
    ("diversity", "stops with", "my_diversity = lambda samples, real: samples - real"),
    ("alarm", "stops with", edited(ALARM, ("if value is None", "if value == 0"))),
    (
        "alarm",
        "should be skipped",
        edited(ALARM, ("            continue", "            low = 0\n            continue")),
    ),
    ("alarm", "in a row count", edited(ALARM, (" else 0", " else low"))),
    ("alarm", "not enough", edited(ALARM, ("low == 3", "low == 2"))),
    ("alarm", "below 0.3 is meant", edited(ALARM, ("0.3", "0.35"))),
    ("alarm", "first row", edited(ALARM, ('row["kimg"]\n', 'rows[-1]["kimg"]\n'))),
    ("alarm", "a kimg or None, not True", edited(ALARM, ('row["kimg"]\n', "True\n"))),
    (
        "dirac",
        "old psi",
        edited(DIRAC, ("    psi = psi", "    new = psi"), ("return theta, psi", "return theta, new")),
    ),
    ("dirac", "penalty is missing", edited(DIRAC, (" + gamma * psi", ""))),
    ("dirac", "the penalty itself", edited(DIRAC, ("gamma * psi", "gamma / 2 * psi**2"))),
    ("dirac", "away from 0", edited(DIRAC, ("theta + gamma", "theta - gamma"))),
    ("dirac", "wrong order", edited(DIRAC, ("return theta, psi", "return psi, theta"))),
    ("dirac", "where D sees fakes", edited(DIRAC, ("theta + rate", "theta - rate"))),
    ("dirac", "own loss larger", edited(DIRAC, ("psi - rate * (theta +", "psi + rate * (theta -"))),
    ("dirac", "Check both", edited(DIRAC, ("gamma * psi", "2 * gamma * psi"))),
    ("dirac", "two numbers", edited(DIRAC, ("return theta, psi", "return theta, psi, 0"))),
    ("dirac", "stops with", edited(DIRAC, ("return theta, psi", "return theta"))),
    ("logs", "log D is not 'mode collapse'", edited(LOGS, ('"oscillation"', '"mode collapse"'))),
    ("logs", "log A is not 'healthy'", edited(LOGS, ('"mode collapse"', '"healthy"'))),
    ("logs", "The names are", edited(LOGS, ('"mode collapse"', '"bad luck"'))),
    ("logs", "log F has no name", edited(LOGS, ('    "F": "overfitting",\n', ""))),
    ("logs", "log B is not 'discriminator wins'", edited(LOGS, ('"rate too low"', '"D wins"'))),
    ("logs", "write a dictionary", "diagnosis = ['mode collapse']"),
]


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn(solved, exercise):
    expect_your_turn(solved, PAGE, exercise)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The names that the runs need; they train at full length, in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GANLIB_TINY", raising=False)
        patch.chdir(tmp_path_factory.mktemp("lesson"))
        names = names_of([*(PAGE[name] for name in HELPERS), f"{TRAIN}\n\n\n{HEALTHY}"])
        yield names


def trained(lab, *cells):
    """The names after these cells have trained; what they draw is left out."""
    names = dict(lab, beside=lambda *_, **__: None)
    for cell in cells:
        exec(PAGE[cell], names)
    return names


def warned(trainer):
    return [warning["name"] for row in trainer.run.log() for warning in row["warnings"]]


def column(trainer, name):
    return [row[name] for row in trainer.run.log() if row[name] is not None]


def test_the_healthy_run_is_silent_and_gets_better_and_better(lab):
    good = trained(lab, "train")["good"]
    assert warned(good) == []
    distances = column(good, "score")
    assert distances == sorted(distances, reverse=True)
    assert 0.7 < column(good, "diversity")[-1] < 1.3
    assert lab["solved_collapse_alarm"](good.run.log()) is None


@pytest.mark.parametrize(
    ("cells", "broken", "mended", "name"),
    [
        (("wins-broken", "wins-mend"), "strong_d", "fair", "discriminator wins"),
        (("collapse-broken", "collapse-mend"), "collapsed", "varied", "generator collapses"),
        (("swing-broken",), "swinging", None, "oscillation"),
        (("rates-low",), "nothing", None, "nothing learnt"),
    ],
    ids=["wins", "collapse", "swing", "low"],
)
def test_the_diagnostics_name_exactly_this_failure_and_are_silent_once_it_is_mended(
    lab, cells, broken, mended, name
):
    names = trained(dict(lab, good=None), *cells)
    assert warned(names[broken]) == [name]
    assert column(names[broken], "score")[-1] > 0.35
    if mended:
        assert warned(names[mended]) == []
        assert column(names[mended], "score")[-1] < 0.8 * column(names[broken], "score")[-1]
    if name == "generator collapses":
        assert column(names[broken], "real_probability")[-1] == pytest.approx(0.5, abs=0.02)
        assert column(names[broken], "g_gradient")[-1] < 0.1 * column(names[broken], "g_gradient")[0]
    if name == "discriminator wins":
        assert column(names[broken], "g_gradient")[-1] > 20
        gradients = column(names[broken], "d_gradient")
        assert median(gradients[len(gradients) // 2 :]) < 0.5  # single steps of D may jump


def test_few_pictures_are_overfitted_and_augmentation_prevents_it(lab):
    names = trained(lab, "overfit-broken", "overfit-verdicts", "overfit-mend")
    broken, mended = (column(names[run], "score") for run in ("overfitted", "augmented"))
    assert warned(names["overfitted"]) == ["past its best"]
    assert warned(names["augmented"]) == []
    assert broken.index(min(broken)) < 3
    assert min(broken[3:]) > 1.3 * min(broken)
    assert broken[-1] > 1.6 * min(broken)  # 1.7 to 2.4 with other seeds and on other processors
    assert mended[-1] < 0.75 * broken[-1]
    assert mended[-1] < min(broken)
    assert column(names["augmented"], "diversity")[-1] > 2 * column(names["overfitted"], "diversity")[-1]
    assert names["overfitted"].run.best_file.exists()
    sets = {"trained": names["few"].tensor(names["few"].train), "held out": names["held_out"][:200]}
    for run, least, most in (("overfitted", 0.6, 1), ("augmented", 0, 0.6)):
        trainer = names[run]
        says = {name: names["probability"](trainer, pictures) for name, pictures in sets.items()}
        fakes = ganlib.generate(trainer.state.generator, ganlib.sample_latent(200, 100))
        assert least < says["trained"] - names["probability"](trainer, fakes) < most
        assert run == "augmented" or says["trained"] - says["held out"] > 0.15


def test_a_rate_without_its_minus_is_halved_three_times(lab, capsys):
    trained(lab, "rates-high")
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("training diverged: In step") == 3
    assert "Stopped: Training diverged again" in told

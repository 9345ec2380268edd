"""What notebook 08 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import pytest
import torch
from torch_fidelity import metric_fid

from ganlib.course.real_or_fake import p_value
from ganlib.evaluation import metrics
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of

PAGE = {name: cell.source for name, cell in cells_of("08_evaluation").items()}
EXERCISES = {exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of("08_evaluation")}
TOY = ("setup", "sizes-of-runs", "tools", "two-runs", "two-runs-seen")
RUN_HERE = (
    *TOY,
    "exercise-fid-yours",
    "exercise-fid-check",
    "cloud",
    "kid-by-hand",
    "prdc-by-hand",
    "exercise-cheat-yours",
    "features",
    "resizing",
    "sizes",
    "collapse",
    "neighbours",
    "exercise-ratio-yours",
    "exercise-coin-yours",
)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, with the exercises still to be done."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


def crowds(dimensions):
    return torch.randn(70, dimensions), 0.8 * torch.randn(70, dimensions) + 0.3


@pytest.mark.parametrize("dimensions", [2, 40])
def test_fid_by_hand_is_that_of_torch_fidelity(solved, dimensions):
    real, fake = crowds(dimensions)
    statistics = map(metric_fid.fid_features_to_statistics, (real, fake))
    theirs = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[metric_fid.KEY_METRIC_FID]
    assert float(solved["my_fid"](real.double(), fake.double())) == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize("dimensions", [2, 40])
def test_kid_by_hand_is_that_of_the_library(lesson, dimensions):
    real, fake = crowds(dimensions)
    theirs = metrics.kid(real, fake, subsets=1, subset_size=70).mean
    assert lesson["kid"](real, fake) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("dimensions", [2, 40])
def test_precision_and_recall_by_hand_are_those_of_the_library(lesson, dimensions):
    real, fake = (features.double() for features in crowds(dimensions))
    theirs = metrics.prdc(real, fake)
    assert 0 < theirs.precision < 1 or 0 < theirs.recall < 1
    assert lesson["precision"](real, fake) == pytest.approx(theirs.precision, abs=1e-6)
    assert lesson["recall"](real, fake) == pytest.approx(theirs.recall, abs=1e-6)


def test_fid_takes_a_cloud_with_the_covariance_of_the_ring_for_the_ring_unless_it_sees_features(lesson):
    ring, fid, look = lesson["real_points"], lesson["fid"], lesson["grid_features"]
    again, cloud = (lesson["sets"][name] for name in ("real again", "round cloud"))
    assert max(fid(ring, again), fid(ring, cloud)) < 0.1 * fid(ring, 0.5 * cloud)
    assert fid(look(ring), look(cloud)) > 10 * fid(look(ring), look(again))


def test_few_points_raise_fid_and_only_scatter_kid(lesson):
    random = torch.Generator().manual_seed(11)
    look, ring = lesson["grid_features"], lesson["ring"]
    found = {}
    for size in (50, 400):
        pairs = [[look(ring(size, random)) for _ in range(2)] for _ in range(12)]
        found[size] = torch.tensor([[lesson[name](*pair) for name in ("fid", "kid")] for pair in pairs])
    fids, kids = ({size: values[:, k] for size, values in found.items()} for k in (0, 1))
    assert fids[50].min() > 2 * fids[400].max()
    for values in kids.values():
        assert abs(values.mean()) < 3 * values.std() / len(values) ** 0.5
    assert kids[50].std() > 2 * kids[400].std()


@pytest.mark.usefixtures("full_length")
def test_the_run_that_misses_most_modes_has_the_better_loss():
    names = names_of(PAGE[name] for name in TOY)
    best = 2 * torch.tensor(2.0).log()
    wide, narrow = ((losses[-500:, 0].mean() - best).abs() for _, losses in names["runs"].values())
    assert narrow < wide < 0.1
    found = [metrics.prdc(names["real_points"], points) for points in names["sets"].values()]
    assert min(found[0][:2]) > 0.8
    assert found[1].recall < 0.35 < 0.5 < found[1].precision


def test_the_way_of_resizing_changes_kid_of_real_pictures(lesson):
    kids = [
        metrics.kid(lesson["small_reference"], lesson["extract"](pictures)).mean
        for pictures in lesson["small"].values()
    ]
    assert kids[0] < 50
    assert 200 < kids[1] < kids[2]


def test_each_failure_shows_in_one_measure_and_hides_in_others(lesson):
    features, kids = lesson["features"], lesson["kids"]
    baseline, repeated = (metrics.prdc(features["reference"], features[x]) for x in ("baseline", "repeated"))
    assert 0.8 < min(baseline[:2]) <= 1
    assert abs(repeated.precision - baseline.precision) < 0.1
    assert repeated.recall == 0
    blur, noise = kids["blurred"], kids["noise"]
    assert blur[0] < noise[0] < 1.25 * blur[0]
    assert noise[2] > 10 * blur[2]


def test_the_memorising_generator_is_caught(lesson):
    features, ratios = lesson["features"], lesson["ratios"]
    assert ratios["reference"] == 1
    assert ratios["copies"] < 0.8 < ratios["generated"]
    for name in ("generated", "copies"):
        theirs = metrics.neighbour_ratio(features[name], features["train"], features["reference"])
        assert ratios[name] == pytest.approx(theirs, rel=1e-6)


def test_the_ratio_and_the_p_value_are_those_of_the_library(solved):
    sets = [torch.randn(count, 20) for count in (31, 80, 41)]
    assert solved["my_ratio"](*sets).item() == pytest.approx(metrics.neighbour_ratio(*sets), rel=1e-5)
    for case in ((0, 1), (7, 9), (60, 100)):
        assert solved["my_p_value"](*case) == pytest.approx(p_value(*case))


FID = """
def my_fid(real, fake):
    a, b = torch.cov(real.T), torch.cov(fake.T)
    means = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    root = torch.linalg.eigvals(a @ b).sqrt().real.sum()
    return means + torch.trace(a + b) - 2 * root
"""
CHEAT = """
def safe_generator():
    return centres[0] + 0.05 * torch.randn(400, 2)


def wild_generator():
    return 4 * torch.randn(400, 2)
"""
RATIO = """
def my_ratio(samples, train, held_out):
    near = [torch.cdist(points, train).amin(1) for points in (samples, held_out)]
    return near[0].median() / near[1].median()
"""
COIN = """
def my_p_value(right, asked):
    return sum(math.comb(asked, k) for k in range(right, asked + 1)) / 2**asked
"""
ROOT = "torch.linalg.eigvals(a @ b).sqrt().real.sum()"
SAFE, WILD = "centres[0] + 0.05 * torch.randn(400, 2)", "4 * torch.randn(400, 2)"
RIGHT = {
    "fid": [
        FID,
        """
def my_fid(x, y):
    import scipy.linalg

    m, n = x.mean(0), y.mean(0)
    s, t = ((z - z.mean(0)).T @ (z - z.mean(0)) / len(z) for z in (x, y))
    root = torch.from_numpy(scipy.linalg.sqrtm((s @ t).numpy()).real)
    return (torch.dot(m - n, m - n) + torch.trace(s + t - 2 * root)).item()
""",
        """
def my_fid(real, fake):
    real -= (first := real.mean(0, keepdim=True))
    fake -= (second := fake.mean(0, keepdim=True))
    root = torch.linalg.svdvals(real @ fake.T).sum() / (len(real) * len(fake)) ** 0.5
    spread = real.square().sum() / len(real) + fake.square().sum() / len(fake)
    return ((first - second) ** 2).sum() + spread - 2 * root
""",
    ],
    "cheat": [
        CHEAT,
        """
def safe_generator():
    return (torch.rand(400, 2) - 0.5) / 20 + torch.tensor([2.0, 0.0])


def wild_generator():
    angles = 7 * torch.rand(400)
    return 10 * torch.rand(400, 1) * torch.stack([angles.cos(), angles.sin()], 1)
""",
        """
def safe_generator():
    return centres[3].repeat(400, 1).double().numpy()


def wild_generator():
    return (6 * torch.randn(400, 2, dtype=torch.float64)).requires_grad_()
""",
    ],
    "ratio": [
        RATIO,
        """
def my_ratio(samples, train, held_out):
    near = (torch.cdist(points, train).min(1).values for points in (samples, held_out))
    return float(next(near).quantile(0.5) / next(near).quantile(0.5))
""",
        """
def my_ratio(a, train, b):
    def middle(points):
        return torch.stack([(train - point).norm(dim=1).min() for point in points]).median().item()

    return middle(a) / middle(b)
""",
    ],
    "coin": [
        COIN,
        """
def my_p_value(right, asked):
    return 1 - sum(math.comb(asked, k) * 0.5**asked for k in range(right))
""",
        """
def my_p_value(right, asked):
    from fractions import Fraction

    if right > asked:
        return 0
    return my_p_value(right + 1, asked) + Fraction(math.comb(asked, right), 2**asked)
""",
    ],
}
WRONG = [
    ("fid", "squared in the formula", edited(FID, (".sum()\n    root", ".sum().sqrt()\n    root"))),
    ("fid", "counts twice", edited(FID, ("2 * root", "root"))),
    ("fid", "not the square root of its entries", edited(FID, (ROOT, "(a @ b).abs().sqrt().trace()"))),
    (
        "fid",
        "compare variances",
        edited(FID, (ROOT, "(a.diagonal() * b.diagonal()).sqrt().sum()")),
    ),
    (
        "fid",
        "without a square root",
        edited(FID, ("- 2 * root", "- 2 * root).sqrt()"), ("means +", "(means +")),
    ),
    ("fid", "means are missing", edited(FID, ("means + torch", "torch"))),
    (
        "fid",
        "covariances are missing",
        "def my_fid(a, b):\n    return ((a.mean(0) - b.mean(0)) ** 2).sum()\n",
    ),
    ("fid", "is subtracted", edited(FID, ("- 2", "+ 2"))),
    ("fid", "another number", edited(FID, ("real.T", "real"), ("fake.T", "fake"))),
    ("fid", "stops with", edited(FID, ("return means", "return a"))),
    ("cheat", "leave most modes out", edited(CHEAT, (SAFE, "real_points + 0.001"))),
    ("cheat", "only where real points are dense", edited(CHEAT, (SAFE, WILD))),
    ("cheat", "(3, 2)", edited(CHEAT, (SAFE, "torch.zeros(3, 2)"))),
    ("cheat", "spread the points further", edited(CHEAT, (WILD, "real_points + 0.001"))),
    ("cheat", "larger balls", edited(CHEAT, (WILD, "torch.zeros(400, 2)"))),
    ("cheat", "wild_generator returns nothing", edited(CHEAT, (f"return {WILD}", "..."))),
    ("cheat", "safe_generator stops with", edited(CHEAT, (SAFE, "centre[0]"))),
    ("cheat", "cannot be measured", edited(CHEAT, (SAFE, "torch.nan * torch.ones(400, 2)"))),
    ("ratio", "upside down", edited(RATIO, ("(samples, held_out)", "(held_out, samples)"))),
    ("ratio", "take medians", edited(RATIO, (".median()", ".mean()"))),
    ("ratio", "over all pairs", edited(RATIO, (".amin(1)", ""))),
    ("ratio", "other way round", edited(RATIO, (".amin(1)", ".amin(0)"))),
    ("ratio", "the upper half", edited(RATIO, (" / near[1].median()", ""))),
    ("ratio", "another number", edited(RATIO, (".amin(1)", ".amax(1)"))),
    ("ratio", "stops with", edited(RATIO, (".median() /", " /"))),
    ("coin", "exactly so many", "def my_p_value(k, n):\n    return math.comb(n, k) / 2**n\n"),
    ("coin", "more than so many", edited(COIN, ("range(right,", "range(right + 1,"))),
    ("coin", "the probability of fewer", edited(COIN, ("range(right, asked + 1)", "range(right)"))),
    ("coin", "the probability of fewer", edited(COIN, ("range(right, asked + 1)", "range(right + 1)"))),
    ("coin", "in per cent", edited(COIN, ("return", "return 100 *"))),
    ("coin", "are certain", "def my_p_value(right, asked):\n    return right / asked\n"),
    ("coin", "by hand for 2 of 2", "def my_p_value(right, asked):\n    return 1 - right / asked\n"),
    ("coin", "stops with", "def my_p_value(right, asked):\n    return asked / right\n"),
]


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn_and_a_check_leaves_no_trace(solved, exercise):
    expect_your_turn(solved, PAGE, exercise)


def test_both_generators_pass_with_any_random_numbers(solved):
    for seed in range(5):
        torch.manual_seed(seed)
        expect_right(solved, PAGE, "cheat", CHEAT)

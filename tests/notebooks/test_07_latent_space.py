"""What notebook 07 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import pytest
import torch

import ganlib
from ganlib.latent.audio import driven
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, said_of

PAGE = {name: cell.source for name, cell in cells_of("07_latent_space").items()}
EXERCISES = {
    exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of("07_latent_space")
}
ENOUGH = "SAMPLES, FRESH = 1200, 96"  # to fit directions that do what the lesson says
RUN_HERE = (
    "tools",
    "lengths",
    "angles",
    "exercise-shell-yours",
    "exercise-shell-check",
    "first-layer",
    "exercise-sefa-yours",
    "exercise-sefa-check",
    "pca",
    "scores",
    "fit",
    "effects",
    "effects-table",
    "apart",
    "exercise-both-yours",
    "exercise-both-check",
    "exercise-invert-yours",
    "exercise-invert-check",
    "timeline",
    "drum",
    "sound",
)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, but with pictures enough to fit."""
    first = (PAGE["setup"], PAGE["sizes"], ENOUGH)
    return names_in_tiny([*first, *(PAGE[name] for name in RUN_HERE)])


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


def test_a_hundred_numbers_are_ten_long(lesson):
    for d, of_length in lesson["lengths"].items():
        if d >= 10:
            assert of_length.mean().item() == pytest.approx(d**0.5, rel=0.03)
            assert of_length.std().item() == pytest.approx(0.5**0.5, rel=0.05)


def test_the_directions_by_hand_are_those_of_the_library(solved):
    theirs = ganlib.sefa_directions(solved["generator"], 10)
    ours = solved["my_sefa"](solved["A"], 10)
    assert ((ours * theirs.vectors).sum(1).abs() > 0.9999).all()
    components = ganlib.ganspace_directions(solved["generator"], 6, samples=solved["FEATURES"])
    assert ((solved["pca"] * components.vectors).sum(1).abs() > 0.999).all()


@pytest.mark.parametrize("sizes", [(1, 1), (3, 40), (300, 200)])
def test_the_fit_by_hand_is_that_of_the_library(lesson, sizes):
    one, other = (ganlib.sample_latent(size, 100, seed) for size, seed in zip(sizes, (0, 1000), strict=True))
    assert torch.allclose(lesson["fitted"](one, other), ganlib.fitted_direction(one, other), atol=1e-4)


def test_every_score_reads_what_it_is_named_for(lesson):
    pictures = torch.zeros(2, 3, 64, 64)
    pictures[1, 0, :8] = 1  # red above
    assert lesson["background"](pictures).tolist() == pytest.approx([0, 127.5])
    pictures[1, :, 8:40] = -1  # black in the upper part
    assert lesson["hair"](pictures).tolist() == pytest.approx([0, 80])
    pictures[1, :, 28:44, 30:46] = 0.5
    assert lesson["skin"](pictures).tolist() == pytest.approx([0, 63.75])
    assert lesson["brightness"](torch.stack([pictures[0] - 1, pictures[0] + 1])).tolist() == [-127.5, 127.5]


def test_hair_and_brightness_are_entangled_in_the_real_pictures_and_in_the_generated_ones(lesson):
    art = ganlib.load_art("portraits")
    for pictures in (art.tensor(art.train[:1200]), lesson["generated"]):
        table = torch.corrcoef(torch.stack([score(pictures) for score in lesson["scores"]]))
        assert table[2, 3] < -0.75
        assert table[0, 1:].abs().max() < 0.15
        assert table[1, 2].abs() < 0.15
    cosines = lesson["directions"] @ lesson["directions"].T
    assert cosines[2, 3] < -0.65
    assert cosines[0, 1:].abs().max() < 0.2


def test_each_direction_moves_its_own_score_and_orthogonalised_brightness_leaves_hair(lesson, solved):
    table = lesson["fitted_effects"]  # background, skin, hair, brightness
    assert (table.diagonal() > 1.5).all()
    assert table[0, 1:].abs().max() < 0.4
    assert table[2, 3] < -1.4
    assert table[3, 2] < -1.3
    both = solved["without_both"](*lesson["directions"][[3, 2, 1]])
    fitted, without_hair, without_both = table[3], *lesson["effects"](torch.stack([lesson["brighter"], both]))
    assert without_hair[2].abs() < 0.3 * fitted[2].abs()
    assert 0.35 * fitted[3] < without_hair[3] < 0.75 * fitted[3]
    assert without_hair[1] > 1.2
    assert without_both[1:3].abs().max() < 0.6
    assert 0.2 * fitted[3] < without_both[3] < without_hair[3]


def test_one_after_the_other_is_not_enough(lesson):
    v, first, second = lesson["directions"][[3, 2, 1]]
    without = lesson["without"]
    assert (without(without(v, first), second) @ first).abs() > 0.05


@pytest.mark.parametrize("count", [1, 2, 5])
def test_what_is_orthogonalised_by_hand_is_what_the_library_returns(solved, count):
    v, *others = torch.nn.functional.normalize(torch.randn(count + 1, 100), dim=1)
    theirs = ganlib.orthogonalise(v, torch.stack(others))
    if count == 1:
        assert torch.allclose(solved["without"](v, others[0]), theirs, atol=1e-5)
    if count == 2:
        assert torch.allclose(solved["without_both"](v, *others), theirs, atol=1e-5)
    assert (torch.stack(others) @ theirs).abs().max() < 1e-5


@pytest.mark.parametrize("seeds", [(0, 1), (5, 50)])
def test_normalised_interpolation_goes_the_way_of_the_arc_and_is_never_far_from_it(solved, seeds):
    a, b = (ganlib.sample_latent(1, 100, seed)[0] for seed in seeds)
    t = torch.linspace(0, 1, 33)
    ours, arc = solved["nlerp"](a, b, t), ganlib.slerp(a, b, t)
    assert torch.allclose(ours.norm(dim=1), arc.norm(dim=1), atol=1e-4)
    assert torch.linalg.matrix_rank(torch.cat([ours, arc]), atol=1e-3) == 2
    behind = torch.cosine_similarity(ours, arc).clamp(max=1).acos().rad2deg()
    assert 3 < behind.max() < 10


def test_inversion_finds_a_picture_that_the_generator_has_made(solved):
    z = ganlib.sample_latent(2, 100, seed=40)
    picture = ganlib.generate(solved["generator"], z[:1]).clone()
    nearby = z[:1] + 0.5 * (z[1:] - z[:1])
    found = solved["invert"](solved["generator"], picture, nearby, steps=60)
    before, after = (
        (ganlib.generate(solved["generator"], point) - picture).square().mean() for point in (nearby, found)
    )
    assert after < 0.1 * before
    assert not found.requires_grad


def test_the_beats_that_the_drum_has_are_found_and_the_second_half_is_faster(lesson):
    sound, timeline = lesson["sound"], lesson["timeline"]
    assert sound.beats() == pytest.approx([0.25 + 0.5 * k for k in range(12)], abs=0.03)
    steps = driven(timeline, sound, 24, pace=0.8).diff(dim=0).norm(dim=1)
    evenly = timeline.frames(144).diff(dim=0).norm(dim=1)
    assert steps[:36].mean() < 0.9 * evenly[:36].mean()


def test_the_film_closes_and_each_easing_does_what_the_text_says(lesson):
    timeline, stops = lesson["timeline"], lesson["stops"]
    path = timeline.frames(144)
    assert torch.equal(path[0], stops[0])
    assert torch.equal(timeline.at(torch.tensor([timeline.seconds]))[0], stops[0])
    steps = path.diff(dim=0).norm(dim=1)
    assert steps[1:46].max() < 1.2 * steps[1:46].min()  # linear
    assert max(steps[48], steps[95]) < 0.1 * steps[71]  # ease
    assert torch.equal(path[97:], stops[2].expand(47, -1))  # hold


NLERP = """
def nlerp(a, b, t):
    lengths = torch.lerp(a.norm(), b.norm(), t)[:, None]
    return lengths * normalize(ganlib.lerp(a, b, t))
"""
SEFA = """
def my_sefa(layer, count):
    _, vectors = torch.linalg.eigh(layer @ layer.T)
    return vectors.T.flip(0)[:count]
"""
BOTH = """
def without_both(v, first, second):
    second = without(second, first)
    return without(without(v, first), second)
"""
INVERT = """
def invert(generator, picture, z, steps=200, lr=0.1):
    z = z.clone().requires_grad_()
    optimizer = torch.optim.Adam([z], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(generator(z), picture)
        loss.backward()
        optimizer.step()
    return z.detach()
"""
START, ADAM = "    z = z.clone().requires_grad_()\n", "torch.optim.Adam([z], lr=lr)"
RIGHT = {
    "shell": [
        NLERP,
        """
def nlerp(a, b, t):
    points = ganlib.lerp(a, b, t)
    points *= ((1 - t) * a.norm() + t * b.norm()).unsqueeze(1) / points.norm(dim=1, keepdim=True)
    return points
""",
        """
def nlerp(start, end, share):
    points = []
    for s in share.tolist():
        point = start + s * (end - start)
        points.append(point / point.norm() * (start.norm() + s * (end.norm() - start.norm())))
    return torch.stack(points)
""",
    ],
    "sefa": [
        SEFA,
        """
def my_sefa(layer, count):
    return torch.linalg.svd(layer, full_matrices=False).U.T[:count]
""",
        """
def my_sefa(weights, k):
    values, vectors = torch.linalg.eig((weights @ weights.T).double())
    strongest = values.real.topk(k).indices
    return -vectors.real[:, strongest].T.float()
""",
    ],
    "both": [
        BOTH,
        "def without_both(v, *others):\n    return ganlib.orthogonalise(v, torch.stack(others))\n",
        """
def without_both(v, first, second):
    basis = torch.linalg.qr(torch.stack([first, second], dim=1)).Q
    left = v - basis @ (basis.T @ v)
    return left / left.norm()
""",
    ],
    "invert": [
        INVERT,
        edited(INVERT, (ADAM, "torch.optim.Adam([z], lr)"), ("z.detach()", "z")),
        """
def invert(net, wanted, start, steps=200, lr=0.1):
    point = torch.nn.Parameter(start.detach().clone())
    adam = torch.optim.Adam([point], lr=lr)
    for _ in range(steps):
        (point.grad,) = torch.autograd.grad((net(point) - wanted).square().sum(), [point])
        adam.step()
    return point.data
""",
    ],
}
WRONG = [
    ("shell", "straight line, only", "nlerp = ganlib.lerp"),
    ("shell", "that is slerp", "nlerp = ganlib.slerp"),
    ("shell", "have the length 1", edited(NLERP, ("lengths * ", ""))),
    ("shell", "the directions are right", edited(NLERP, ("lengths * ", "10 * "))),
    ("shell", "not those of the straight", edited(NLERP, ("ganlib.lerp(a, b, t)", "ganlib.lerp(a, -b, t)"))),
    ("shell", "stops with", edited(NLERP, ("[:, None]", ""))),
    ("shell", "shape (N, 100)", "def nlerp(a, b, t):\n    return ganlib.lerp(a, b, t).norm(dim=1)\n"),
    ("sefa", "the weakest", edited(SEFA, (".flip(0)", ""))),
    ("sefa", "direction in each column", edited(SEFA, ("T.flip(0)[:count]", "flip(1)[:, :count]"))),
    ("sefa", "into columns", edited(SEFA, (".T.flip(0)", ".flip(0)"))),
    ("sefa", "into columns", edited(SEFA, (".T.flip(0)", ""))),
    ("sefa", "all directions", edited(SEFA, ("[:count]", ""))),
    ("sefa", "which product", edited(SEFA, ("layer @ layer.T", "layer.T @ layer"))),
    ("sefa", "wrong order", edited(SEFA, ("[:count]", "[:count].flip(0)"))),
    ("sefa", "not unit vectors", edited(SEFA, ("return ", "return 2 * "))),
    ("sefa", "one tensor", "def my_sefa(layer, count):\n    return torch.linalg.eigh(layer @ layer.T)\n"),
    ("sefa", "not the eigenvectors", "def my_sefa(layer, count):\n    return torch.eye(8)[:count]\n"),
    ("sefa", "stops with", edited(SEFA, ("layer @ layer.T", "layer"))),
    ("both", "the first is still", edited(BOTH, ("    second = without(second, first)\n", ""))),
    ("both", "the first is still", "def without_both(v, first, second):\n    return without(v, second)\n"),
    ("both", "the second is still", "def without_both(v, first, second):\n    return without(v, first)\n"),
    ("both", "length of 2.00", edited(BOTH, ("return ", "return 2 * "))),
    ("both", "wrong way", edited(BOTH, ("return ", "return -"))),
    (
        "both",
        "less of v",
        "def without_both(v, *others):\n    return torch.linalg.svd(torch.stack(others)).Vh[-1]\n",
    ),
    ("both", "a length of 0.00", "def without_both(v, first, second):\n    return 0 * v\n"),
    ("both", "length of nan", "def without_both(v, first, second):\n    return v / 0 * 0\n"),
    ("both", "the shape (100,)", edited(BOTH, ("return ", "return without(v, first), "))),
    ("both", "stops with", edited(BOTH, ("without(second, first)", "without(second)"))),
    ("invert", "has not moved", edited(INVERT, ("        optimizer.step()\n", ""))),
    ("invert", "has not moved", edited(INVERT, (".requires_grad_()", ""))),
    ("invert", "stops with", edited(INVERT, ("generator(z), picture", "generator(z[0]), picture"))),
    ("invert", "further away", edited(INVERT, ("loss = ", "loss = -"))),
    ("invert", "gradient cleared", edited(INVERT, ("        optimizer.zero_grad()\n", ""))),
    ("invert", "all steps taken", edited(INVERT, ("range(steps)", "range(steps // 4)"))),
    ("invert", "this learning rate", edited(INVERT, ("lr=lr", "lr=0.001"))),
    ("invert", "weights have changed", edited(INVERT, ("[z]", "generator.parameters()"))),
    ("invert", "return z", edited(INVERT, ("return z.detach()", "return generator(z)"))),
]


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn_and_what_comes_later_stays(solved, exercise):
    expect_your_turn(solved, PAGE, exercise)


@pytest.mark.parametrize(
    ("exercise", "wrong", "used"),
    [("sefa", SEFA.replace(".flip(0)", ""), "sefa"), ("both", BOTH.replace("return ", "return -"), "alone")],
)
def test_later_cells_get_the_solution_in_place_of_a_wrong_answer(lesson, exercise, wrong, used):
    names = dict(lesson)
    for answer in (wrong, RIGHT[exercise][1]):
        said_of(names, PAGE, exercise, answer)
        cosines = torch.cosine_similarity(names[used][:60], lesson[used][:60], dim=-1)
        assert (cosines.abs() > 0.999).all()

"""What notebook 06 builds by hand is what ganlib holds, its claims hold, and its exercises can be solved."""

import copy
import pickle

import pytest
import torch
from torch import nn

import ganlib
from ganlib.evaluation.scores import Diversity
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_of

CELLS = {name: cell.source for name, cell in cells_of("06_inference").items() if cell.cell_type == "code"}
NOT_HERE = {"command-line"}  # starts processes: its lines are tested where the command line is
EXERCISES = {exercise.name: exercise for exercise in exercises_of("06_inference")}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the notebook's cells define in a tiny run."""
    random = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temporary")))
        names = names_of(source for name, source in CELLS.items() if name not in NOT_HERE)
    torch.set_rng_state(random)
    return names


def apart(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("seeds", [(0, 1), (7, 7000), (40, 41)])
@pytest.mark.parametrize("way", ["lerp", "slerp"])
def test_a_way_by_hand_is_that_of_the_library(lesson, way, seeds):
    a, b = (ganlib.sample_latent(1, 100, seed)[0] for seed in seeds)
    shares = torch.linspace(0, 1, 21)
    by_hand = torch.stack([lesson[way](a, b, share) for share in shares])
    assert apart(by_hand, getattr(ganlib, way)(a, b, shares)) < 2e-6


def test_a_way_by_hand_and_that_of_the_library_bend_alike(lesson):
    """Their gradients with respect to where they begin are the same."""
    a, b = ganlib.sample_latent(2, 100, seed=3)
    share = torch.tensor([0.3])
    begun = [a.clone().requires_grad_() for _ in range(2)]
    lesson["lerp"](begun[0], b, share[0]).square().sum().backward()
    ganlib.lerp(begun[1], b, share).square().sum().backward()
    assert apart(begun[0].grad, begun[1].grad) < 1e-6


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 1.5])
def test_the_volume_is_truncation(lesson, scale):
    assert torch.equal(scale * lesson["four"], ganlib.truncate(lesson["four"], scale))


def test_the_loop_by_hand_is_the_walk_of_the_library_and_closes(lesson):
    walk = ganlib.walk(lesson["stops"], len(lesson["path"]), closed=True)
    assert apart(lesson["path"], walk) < 1e-6
    assert torch.equal(walk[:: lesson["frames"]], lesson["stops"])


def test_a_seed_is_one_picture_among_any_others_and_its_number_is_its_address(lesson):
    generator = lesson["generator"]
    among = ganlib.sample_latent(40, 100, seed=0)
    painted = ganlib.generate(generator, among)
    for seed in (0, 12, 39):
        alone = ganlib.sample_latent(1, 100, seed)
        assert torch.equal(alone[0], among[seed])
        assert 127.5 * (ganlib.generate(generator, alone)[0] - painted[seed]).abs().max() < 0.5
    assert (painted[1] - painted[0]).abs().max() > 0.5


def test_only_in_train_mode_it_matters_who_stands_beside(lesson):
    (here, there), (dull, lively) = lesson["in_eval"], lesson["in_train"]
    assert 127.5 * (here - there).abs().max() < 0.5
    assert 127.5 * (dull - lively).abs().max() > 20
    before = copy.deepcopy(lesson["generator"].state_dict())
    lesson["seed_3_among"](lesson["others"], True)
    after = lesson["generator"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_variety_grows_with_the_volume_and_falls_with_the_limit(lesson):
    """Exercise `truncation` says that both do the same, and by how much."""
    solved = dict(lesson)
    exec(EXERCISES["exercise-truncation"].answer, solved)
    many = lesson["many"]

    def variety(z):
        return 127.5 * ganlib.generate(lesson["generator"], z).std(0).mean().item()

    by_scale = [variety(scale * many) for scale in lesson["scales"]]
    assert by_scale == sorted(by_scale)
    assert by_scale[0] < 0.7 * by_scale[3]
    cut = solved["redrawn"](many, 1.2, torch.Generator().manual_seed(2))
    assert cut.norm(dim=1).mean().item() == pytest.approx(6.3, abs=0.15)
    assert variety(cut) == pytest.approx(variety(0.63 * many), rel=0.1)


def test_the_sheet_has_its_four_people_in_the_corners_and_nobody_twice(lesson):
    corners = ganlib.sample_latent(4, 100, seed=9)
    sheet = lesson["sheet_between"](corners, rows=3, columns=5).view(3, 5, 100)
    assert torch.equal(torch.stack([sheet[0, 0], sheet[0, 4], sheet[2, 0], sheet[2, 4]]), corners)
    assert len(sheet.flatten(0, 1).unique(dim=0)) == 15
    likeness = torch.cosine_similarity(sheet[1, 2][None], corners)
    assert likeness.min().item() == pytest.approx(0.5, abs=0.12)
    assert likeness.max().item() == pytest.approx(0.5, abs=0.12)


def generator_of_the_example():
    """PyTorch's DCGAN example for 64 px, written out: 100 numbers, 64 channels at the narrow end."""
    layers = [nn.ConvTranspose2d(100, 512, 4, 1, 0, bias=False), nn.BatchNorm2d(512), nn.ReLU(inplace=True)]
    for inputs, outputs in ((512, 256), (256, 128), (128, 64)):
        up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        layers += [up, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def test_weights_of_the_example_paint_its_pictures_here(lesson, tmp_path):
    theirs = generator_of_the_example()
    torch.save({f"main.{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "netG.pth")
    weights = torch.load(tmp_path / "netG.pth", weights_only=True)
    assert list(weights) == list(lesson["weights"])
    here = ganlib.DCGANGenerator(size=64, latent_dim=100, width=64)
    here.load_state_dict(weights)
    z = ganlib.sample_latent(3, 100)
    with torch.no_grad():
        assert torch.equal(ganlib.generate(here, z), theirs.eval()(z[:, :, None, None]))


def test_weights_read_as_the_lesson_reads_them_run_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("caught",))

    torch.save({"main.0.weight": Trap()}, tmp_path / "netG.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "netG.pth", weights_only=True)


CHECKS = {
    "exercise-batchnorm": ("check_normalised", "normalised"),
    "exercise-truncation": ("check_redrawn", "redrawn"),
    "exercise-film": ("check_eased", "eased"),
    "exercise-nearest": ("check_nearest", "nearest"),
}


@pytest.mark.parametrize("name", EXERCISES)
def test_a_solution_passes_its_check_and_what_stood_there_does_not(lesson, name):
    check, answer = CHECKS[name]
    assert lesson[check](lesson[answer]).startswith("Not yet")
    names = dict(lesson)
    exec(EXERCISES[name].answer, names)
    assert lesson[check](names[answer]).startswith("Right")


def test_a_solved_exercise_leaves_what_later_cells_use_as_it_was(lesson):
    used = ("pictures", "z", "four", "many", "stops", "library", "times", "recipe")
    names = {**lesson, "display": lambda _: None}
    for name, exercise in EXERCISES.items():
        exec(exercise.answer, names)
        exec(CELLS[f"{name}-check"], names)
    assert all(names[name] is lesson[name] for name in used)


def norm_by(shift=None, square=None, eps=True, end=True):
    """A BatchNorm by the formula, with a mistake."""

    def function(x, norm, train):
        mean = norm.running_mean if not train else shift(x) if shift else x.mean((0, 2, 3))
        variance = norm.running_var if not train else square(x) if square else x.var((0, 2, 3), correction=0)
        mean, variance, weight, bias = (
            v if v.ndim > 1 else v[:, None, None] for v in (mean, variance, norm.weight, norm.bias)
        )
        y = (x - mean) / (variance + eps * norm.eps).sqrt()
        return y * weight + bias if end else y

    return function


HINTS = [
    ("check_normalised", norm_by(end=False), "the end of the formula"),
    ("check_normalised", norm_by(eps=False), "only eps is missing"),
    ("check_normalised", norm_by(shift=lambda x: x.mean(0)), "over pictures, rows and columns"),
    ("check_normalised", norm_by(square=lambda x: x.var((0, 2, 3))), "correction=0"),
    ("check_normalised", lambda x, norm, _: norm.eval()(x), "what the layer has kept"),
    ("check_normalised", lambda x, norm, _: x - norm.running_mean[:, None], "stops with"),
    ("check_normalised", lambda *_: None, "stops with"),
    ("check_redrawn", lambda z, limit, _: z.clamp(-limit, limit), "are equal"),
    ("check_redrawn", lambda z, limit, random: torch.randn(z.shape, generator=random), "beyond 1.2"),
    ("check_redrawn", lambda z, limit, _: 0.2 * z, "stay as it is"),
    (
        "check_redrawn",
        lambda z, limit, random: z.where(z.abs() <= limit, 2.4 * torch.rand(z.shape, generator=random) - 1.2),
        "should spread",
    ),
    ("check_redrawn", lambda *_: None, "stops with"),
    ("check_redrawn", lambda z, *_: z[:2], "stops with"),
    ("check_eased", lambda t: t / 2, "from 0 to 1"),
    ("check_eased", lambda t: t + 0.4 * torch.sin(6 * torch.pi * t), "backwards"),
    ("check_eased", lambda t: t**0.5, "sets out"),
    ("check_eased", lambda t: t**3, "arrives"),
    ("check_eased", lambda t: (t * t * (3 - 2 * t)) ** 2, "the way out is not the way in"),
    ("check_eased", lambda t: t * torch.nan, "from 0 to 1"),
    ("check_eased", lambda t: t[:3], "stops with"),
    ("check_nearest", lambda x, reals: (reals - x).sum((1, 2, 3)).argmin().item(), "Square first"),
    ("check_nearest", lambda x, reals: (reals - x).square().sum((1, 2, 3)).argmax().item(), "the furthest"),
    ("check_nearest", lambda x, reals: (reals - x).square().sum().argmin().item(), "One number for all"),
    ("check_nearest", lambda x, reals: (reals - x).square().sum(0).argmin().item(), "not over the pictures"),
    ("check_nearest", lambda x, reals: (reals - x).square().sum((1, 2, 3)), "stops with"),
]


@pytest.mark.parametrize(("check", "function", "hint"), HINTS)
def test_a_hint_names_the_mistake(lesson, check, function, hint):
    told = lesson[check](function)
    assert told.startswith("Not yet")
    assert hint in told


@pytest.mark.parametrize(
    ("check", "function"),
    [
        ("check_eased", lambda t: (1 - torch.cos(torch.pi * t)) / 2),
        ("check_eased", lambda t: t**3 * (t * (6 * t - 15) + 10)),
        ("check_nearest", lambda x, reals: int((reals - x).flatten(1).norm(dim=1).argmin())),
        ("check_nearest", lambda x, reals: (reals - x).abs().mean((1, 2, 3)).argmin()),
        ("check_normalised", lambda x, norm, train: copy.deepcopy(norm).train(train)(x)),
    ],
)
def test_another_right_answer_is_right_too(lesson, check, function):
    assert lesson[check](function).startswith("Right")


def test_the_first_layer_has_moved_least_and_outlines_are_there_at_once(lesson, tmp_path, monkeypatch):
    monkeypatch.delenv("GANLIB_TINY")
    moved, apart_from = {}, {}
    for start in (None, "portraits"):
        settings = {"start_from": start, "device": "cpu", "callbacks": []}
        trainer = ganlib.Trainer("modern64-cpu", lesson["blueprints"], tmp_path / str(start), **settings)
        before = copy.deepcopy(trainer.state.discriminator.state_dict())
        trainer.fit(kimg=0.4)
        after = trainer.state.discriminator.state_dict()
        kernels = [name for name in before if before[name].ndim == 4]
        moved[start] = [(after[n] - before[n]).norm().item() / before[n].norm().item() for n in kernels]
        painted = ganlib.generate(trainer.state.ema.generator, lesson["z"][:32])
        apart_from[start] = Diversity(lesson["blueprints"].tensor())(painted)
    first, *deeper, _ = moved["portraits"]
    assert 1.3 * first < min(deeper)
    assert apart_from["portraits"] > 2 * apart_from[None]

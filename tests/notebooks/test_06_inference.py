"""What notebook 06 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import copy
import pickle

import pytest
import torch
from torch import nn

import ganlib
from ganlib.evaluation.metrics import kid, prdc
from ganlib.evaluation.scores import Diversity
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny

PAGE = {name: cell.source for name, cell in cells_of("06_inference").items() if cell.cell_type == "code"}
NOT_HERE = {
    "studio",
    "command-line",
    "transfer-train",
    "transfer-look",
    "transfer-layers",
}  # tested elsewhere
EXERCISES = {exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of("06_inference")}


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The names that the notebook's cells define in a tiny run, with the exercises still to be done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("temporary")))
        names = names_in_tiny(source for name, source in PAGE.items() if name not in NOT_HERE)
    return names | {"display": lambda _: None}


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


@pytest.fixture(autouse=True)
def _no_control_codes(monkeypatch):
    """Without a kernel, ipywidgets clears an output by codes for a terminal."""
    monkeypatch.setattr("ipywidgets.widgets.interaction.clear_output", lambda **_: None)


def apart(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("seeds", [(0, 1), (7, 7000), (40, 41)])
@pytest.mark.parametrize("way", ["lerp", "slerp"])
def test_a_way_by_hand_is_that_of_the_library(lesson, way, seeds):
    a, b = (ganlib.sample_latent(1, 100, seed)[0] for seed in seeds)
    shares = torch.linspace(0, 1, 21)
    by_hand = torch.stack([lesson[way](a, b, share) for share in shares])
    assert apart(by_hand, getattr(ganlib, way)(a, b, shares)) < 2e-6


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 1.5])
def test_scaling_is_the_truncation_of_the_library(lesson, scale):
    assert torch.equal(scale * lesson["four"], ganlib.truncate(lesson["four"], scale))


def test_a_seed_is_one_picture_among_any_others(lesson):
    generator = lesson["generator"]
    among = ganlib.sample_latent(40, 100, seed=0)
    pictures = ganlib.generate(generator, among)
    for seed in (0, 12, 39):
        alone = ganlib.sample_latent(1, 100, seed)
        assert torch.equal(alone[0], among[seed])
        assert 127.5 * (ganlib.generate(generator, alone)[0] - pictures[seed]).abs().max() < 0.5
    assert (pictures[1] - pictures[0]).abs().max() > 0.5


def test_only_in_train_mode_the_other_pictures_of_the_batch_matter(lesson):
    (here, there), (dull, lively) = lesson["in_eval"], lesson["in_train"]
    assert 127.5 * (here - there).abs().max() < 0.5
    assert 127.5 * (dull - lively).abs().max() > 20
    before = copy.deepcopy(lesson["generator"].state_dict())
    lesson["seed_3_among"](lesson["others"], True)
    after = lesson["generator"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_truncation_costs_variety_at_once_and_buys_no_quality_at_a_length_of_seven(lesson, full_length):
    features_of, z = ganlib.get_extractor(), ganlib.sample_latent(200, 100)
    art = ganlib.load_art("portraits")
    real = features_of(art.tensor(art.held_out[:200]))
    generated = {s: features_of(ganlib.generate(lesson["generator"], s * z)) for s in (1.0, 0.7, 0.5)}
    precision, recall = zip(*(prdc(real, features)[:2] for features in generated.values()), strict=True)
    distance = [kid(real, features).mean for features in generated.values()]
    assert precision[2] < 0.6 * precision[0]
    assert precision[1] < precision[0] + 0.02
    assert sorted(recall, reverse=True) == list(recall)
    assert distance[0] < 0.85 * distance[1] < 0.5 * distance[2]


def test_a_limit_shortens_as_a_scale_does_and_no_z_is_as_short_as_the_middle_of_a_line(lesson, solved):
    cut = solved["redrawn"](ganlib.sample_latent(64, 100), 1.2, torch.Generator().manual_seed(2))
    assert cut.norm(dim=1).mean().item() == pytest.approx(6.3, abs=0.15)
    assert lesson["lengths"].min() > 7.5
    assert lesson["line"].norm(dim=1).min() < 7.1


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


def test_weights_of_the_example_generate_its_pictures_here(lesson, tmp_path):
    theirs = generator_of_the_example()
    torch.save({f"main.{name}": value for name, value in theirs.state_dict().items()}, tmp_path / "netG.pth")
    weights = torch.load(tmp_path / "netG.pth", weights_only=True)
    assert list(weights) == list(lesson["weights"])
    here = ganlib.DCGANGenerator(size=64, latent_dim=100, width=64)
    here.load_state_dict(weights)
    z = ganlib.sample_latent(3, 100)
    with torch.no_grad():
        assert torch.equal(ganlib.generate(here, z), theirs.eval()(z[:, :, None, None]))


@pytest.mark.parametrize("settings", [{}, {"weights_only": True}])
def test_weights_read_as_the_lesson_says_run_no_code(tmp_path, settings):
    class Trap:
        def __reduce__(self):
            return (print, ("caught",))

    torch.save({"main.0.weight": Trap()}, tmp_path / "netG.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "netG.pth", **settings)


def test_the_header_is_the_whole_file_but_the_numbers(lesson):
    numbers = sum(
        end - start for start, end in (entry["data_offsets"] for entry in lesson["header"].values())
    )
    assert 8 + lesson["length"] + numbers == len(lesson["data"])


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
        pictures = ganlib.generate(trainer.state.ema.generator, ganlib.sample_latent(32, 100))
        apart_from[start] = Diversity(lesson["blueprints"].tensor())(pictures)
    first, *deeper, _ = moved["portraits"]
    assert 1.3 * first < min(deeper)
    assert apart_from["portraits"] > 2 * apart_from[None]


REDRAWN = """
def redrawn(z, limit, random):
    while (z.abs() > limit).any():
        z = torch.where(z.abs() > limit, torch.randn(z.shape, generator=random), z)
    return z
"""
SLIDERS = EXERCISES["sliders"].answer
EASED = """
def eased(t):
    return t * t * (3 - 2 * t)
"""
NEAREST = """
def nearest(picture, reals):
    return (reals - picture).square().sum((1, 2, 3)).argmin().item()
"""
FORMULA, DISTANCES = "t * t * (3 - 2 * t)", "(reals - picture).square().sum((1, 2, 3))"
DRAWN, BEYOND = "torch.randn(z.shape, generator=random)", "(z.abs() > limit).any()"
LOOP, SHOWN = '    for slider in (t, s):\n        slider.observe(show, names="value")\n', "    show(None)\n"
RIGHT = {
    "truncation": [
        REDRAWN,
        """
def redrawn(z, limit, random):
    while len(z[z.abs() > limit]):
        z[z.abs() > limit] = torch.randn(len(z[z.abs() > limit]), generator=random)
    return z
""",
        """
def redrawn(latents, most, source):
    numbers = latents.flatten().tolist()
    for place, number in enumerate(numbers):
        while abs(number) > most:
            number = torch.randn((), generator=source).item()
        numbers[place] = number
    return torch.tensor(numbers).view_as(latents)
""",
        """
def redrawn(z, limit, random):
    return nn.init.trunc_normal_(torch.empty_like(z), 0, 1, -limit, limit).where(z.abs() > limit, z)
""".replace("nn.", "torch.nn."),
    ],
    "sliders": [
        SLIDERS,
        """
def sliders_between(a, b):
    image = widgets.Image()
    share = widgets.FloatSlider(min=0.0, max=1.0, value=0.5)
    volume = widgets.FloatSlider(min=0.0, max=1.5, value=1.0)

    def draw(t, s):
        image.value = png_of(s * ganlib.slerp(a, b, torch.tensor([t]))[0])

    output = widgets.interactive_output(draw, {"t": share, "s": volume})
    return widgets.VBox([widgets.HBox([share, volume]), image, output])
""",
        """
def sliders_between(one, other):
    volume, share = (widgets.FloatSlider(value=v, max=m) for v, m in ((1, 1.5), (0.5, 1)))

    def picture():
        z = ganlib.truncate(slerp(one, other, torch.as_tensor(share.value)), volume.value)
        return encode(to_image(ganlib.generate(generator, z[None])[0], scale=2))

    image = widgets.Image(value=picture())
    for slider in (share, volume):
        slider.observe(lambda _: setattr(image, "value", picture()), "value")
    return widgets.VBox(children=[image, volume, share])
""",
    ],
    "film": [
        EASED,
        edited(EASED, (FORMULA, "(1 - torch.cos(torch.pi * t)) / 2")),
        edited(EASED, (FORMULA, "t**3 * (t * (6 * t - 15) + 10)")),
        edited(EASED, (FORMULA, "t.mul_(torch.pi).cos_().neg_().add_(1).div_(2)")),
        edited(EASED, (FORMULA, "[float(x * x * (3 - 2 * x)) for x in t]")),
    ],
    "nearest": [
        NEAREST,
        edited(NEAREST, (".item()", "")),
        edited(
            NEAREST,
            (f"{DISTANCES}.argmin().item()", "int((reals - picture).flatten(1).norm(dim=1).argmin())"),
        ),
        edited(
            NEAREST,
            (
                f"{DISTANCES}.argmin().item()",
                "(reals - picture).abs().mean((1, 2, 3)).topk(1, largest=False).indices",
            ),
        ),
        """
def nearest(x, pictures):
    pictures -= x
    distances = [float((difference**2).sum()) for difference in pictures]
    return distances.index(min(distances))
""",
    ],
}
WRONG = [
    ("truncation", "still beyond", edited(REDRAWN, (f"while {BEYOND}", f"if {BEYOND}"))),
    ("truncation", "many of the new numbers are equal", edited(REDRAWN, (DRAWN, "z.sign() * limit"))),
    ("truncation", "should stay as they are", edited(REDRAWN, ("return z", "return 0.5 * z"))),
    ("truncation", "spread like those", edited(REDRAWN, (DRAWN, "2 * limit * torch.rand(z.shape) - limit"))),
    ("truncation", "come to an end", edited(REDRAWN, ("        z = torch", "        new = torch"))),
    ("truncation", "shape of z", edited(REDRAWN, ("return z", "return z[:2]"))),
    ("truncation", "stops with NameError", edited(REDRAWN, (DRAWN, "randn(z.shape)"))),
    ("truncation", "shape of z", edited(REDRAWN, ("return z", "return z.norm().item()"))),
    ("sliders", "stays as it was", edited(SLIDERS, (LOOP, '    t.observe(show, names="value")\n'))),
    ("sliders", "stays as it was", edited(SLIDERS, (LOOP, ""))),
    ("sliders", "before a slider is moved", edited(SLIDERS, (SHOWN, ""))),
    ("sliders", "use both values", edited(SLIDERS, ("s.value * slerp", "slerp"))),
    ("sliders", "is not that of", edited(SLIDERS, ("slerp(a, b", "slerp(b, a"))),
    ("sliders", "is not that of", edited(SLIDERS, ("slerp(a, b", "lerp(a, b"))),
    ("sliders", "1 FloatSlider and 1 Image", edited(SLIDERS, ("[t, s, image]", "[t, image]"))),
    ("sliders", "from 0 to 1.5", edited(SLIDERS, ("max=1.5", "max=1.0"))),
    ("sliders", "t begins at 0 and", edited(SLIDERS, ("value=0.5", "value=0"))),
    ("sliders", "0 FloatSlider", edited(SLIDERS, ("return widgets.VBox([t, s, image])", "return show"))),
    ("sliders", "stops with AttributeError", edited(SLIDERS, ("t.value)", "t.values)"))),
    ("film", "goes from 0.0000 to 0.5000", edited(EASED, (FORMULA, "t / 2"))),
    ("film", "goes from 0.0025 to 0.9975", edited(EASED, (FORMULA, "torch.sigmoid(12 * (t - 0.5))"))),
    ("film", "backwards", edited(EASED, (FORMULA, "t + 0.4 * torch.sin(6 * torch.pi * t)"))),
    ("film", "the start is not slow", edited(EASED, (FORMULA, "t**0.5"))),
    ("film", "the start is not slow", edited(EASED, (FORMULA, "t"))),
    ("film", "the end is not slow", edited(EASED, (FORMULA, "t**3"))),
    ("film", "does not mirror", edited(EASED, (FORMULA, f"({FORMULA}) ** 2"))),
    ("film", "goes from nan", edited(EASED, (FORMULA, "t * torch.nan"))),
    ("film", "of shape (N,)", edited(EASED, (FORMULA, "t[:3]"))),
    ("film", "stops with", edited(EASED, (FORMULA, "math.cos(t)"))),
    ("nearest", "differences below 0", edited(NEAREST, (".square()", ""))),
    ("nearest", "furthest away", edited(NEAREST, ("argmin", "argmax"))),
    ("nearest", "or one for all", edited(NEAREST, (".sum((1, 2, 3))", ".sum()"))),
    ("nearest", "Over which dimensions", edited(NEAREST, (".sum((1, 2, 3))", ".sum(0)"))),
    ("nearest", "Return the index", edited(NEAREST, (".argmin().item()", ""))),
    ("nearest", "Return the index", edited(NEAREST, ("reals - picture", "reals - image"))),
    (
        "nearest",
        "Return the index",
        edited(NEAREST, ("return ", "index = "), (".item()", ".item()\n    return []")),
    ),
]


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


USED = ("pictures", "z", "many", "four", "a", "b", "corners", "stops", "path", "reals")


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn_and_no_answer_spoils_what_later_cells_use(solved, exercise):
    expect_your_turn(solved, PAGE, exercise)
    before = {name: solved[name].clone() for name in USED}
    for answer in RIGHT[exercise]:
        expect_right(solved, PAGE, exercise, answer)
    assert all(torch.equal(solved[name], value) for name, value in before.items())

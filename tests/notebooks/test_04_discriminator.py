"""What notebook 04 builds is what ganlib and PyTorch hold, its claims hold, and its checks are fair."""

import io
from contextlib import redirect_stdout

import pytest
import torch
from torch import nn

import ganlib
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, said_of

PAGE = {name: cell.source for name, cell in cells_of("04_discriminator").items()}
CODE = {name: cell.source for name, cell in cells_of("04_discriminator").items() if cell.cell_type == "code"}
EXERCISES = {one.name.removeprefix("exercise-"): one for one in exercises_of("04_discriminator")}


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, with the exercises still to be done."""
    return names_in_tiny(CODE.values())


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", ["Discriminator", "SolvedDiscriminator"])
def test_the_discriminator_says_and_learns_what_the_library_s_does_to_the_bit(solved, name, training):
    torch.manual_seed(0)
    library = ganlib.DCGANDiscriminator(size=64, width=8)
    ours = solved[name](width=8)
    ours.load_state_dict(dict(zip(ours.state_dict(), library.state_dict().values(), strict=True)))
    images, heard = torch.randn(6, 3, 64, 64).tanh(), []
    for net in (ours.train(training), library.train(training)):
        pixels = images.clone().requires_grad_()
        logits = net(pixels)
        (logits * torch.arange(6)).sum().backward()
        heard.append([logits, pixels.grad, *(weight.grad for weight in net.parameters()), *net.buffers()])
    assert heard[0][0].shape == (6,)
    assert all(map(torch.equal, *heard))
    assert len(heard[0]) == 2 + 11 + 9


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (3, 1, 1), (4, 1, 0), (5, 3, 2)])
def test_the_convolution_by_hand_is_that_of_torch(lesson, kernel, stride, padding):
    image, weight = torch.randn(11, 11), torch.randn(kernel, kernel)
    by_hand = lesson["convolution_by_hand"](image, weight, stride, padding)
    by_torch = nn.functional.conv2d(image[None, None], weight[None, None], stride=stride, padding=padding)
    assert torch.allclose(by_hand, by_torch[0, 0], atol=1e-5)
    assert len(by_hand) == lesson["output_side"](11, kernel, stride, padding)


def test_the_occlusion_map_asks_what_each_square_adds(solved):
    weights = torch.randn(3, 64, 64)
    image = torch.randn(3, 64, 64)
    drops = solved["occlusion_map"](lambda images: (images * weights).sum((1, 2, 3)), image)
    squares = (image * weights).sum(0).unflatten(0, (8, 8)).unflatten(2, (8, 8)).sum((1, 3))
    assert torch.allclose(drops, squares, atol=1e-2)


def test_shuffled_patches_are_the_same_patches(lesson):
    images = torch.randn(2, 3, 64, 64)
    torch.manual_seed(0)
    shuffled = lesson["shuffle_patches"](images)
    corner = images[:, :, :16, :16]
    places = [(r, c) for r in range(0, 64, 16) for c in range(0, 64, 16)]
    assert sum(torch.equal(shuffled[:, :, r : r + 16, c : c + 16], corner) for r, c in places) == 1
    assert torch.equal(shuffled.flatten(1).sort().values, images.flatten(1).sort().values)


def test_a_convolution_is_at_most_twice_as_steep_as_its_kernel():
    for _ in range(3):
        kernel = torch.randn(4, 3, 4, 4)
        columns = [
            nn.functional.conv2d(one.reshape(1, 3, 8, 8), kernel, stride=2, padding=1).flatten()
            for one in torch.eye(3 * 8 * 8)
        ]
        exact = torch.linalg.matrix_norm(torch.stack(columns), ord=2).item()
        sigma = torch.linalg.matrix_norm(kernel.flatten(1), ord=2).item()
        assert sigma < exact < 2 * sigma


def full(lesson, *cells):
    """The names of a run in which these cells had their full length."""
    names = dict(lesson)
    with redirect_stdout(io.StringIO()):
        for cell in ("sizes", "tools", *cells):
            exec(CODE[cell], names)
    return names


@pytest.mark.usefixtures("full_length")
def test_relus_die_and_some_revive_where_leaky_ones_nearly_all_do(lesson):
    names = full(lesson, "dying", "dying-picture")
    for name, runs in names["hurried"].items():
        dead = torch.stack([dead for _, dead in runs])  # (seeds, steps, units)
        at_the_end = dead[:, -1].float().mean(1)
        ever = dead.any(1)
        back = (dead[:, :-1] & ~dead[:, 1:]).any(1)
        silent = torch.tensor([names["silent"](net) for net, _ in runs])
        assert dead.shape == (5, 200, 160)
        if name == "ReLU":
            assert 0.5 < at_the_end.min() < at_the_end.max() < 1
            assert 0.4 < back.sum() / ever.sum() < 0.9
            assert silent.min() > 0.1
        else:
            assert at_the_end.max() < 0.3
            assert 0.9 < back.sum() / ever.sum() <= 1
            assert silent.max() == 0


@pytest.mark.usefixtures("full_length")
def test_d_finds_the_coarse_faults_first_and_does_not_know_a_generated_picture(lesson):
    names = full(lesson, "spoil", "train", "train-picture", "histogram")
    _, noise, blurred, shuffled = names["verdicts"][60]
    assert max(blurred, shuffled) < 0.25 < noise
    real, *spoilt = names["verdicts"][195]
    assert max(spoilt) < 0.4 < 0.6 < real
    share = {name: (values > 0).float().mean() for name, values in names["logits"].items()}
    assert max(share["noise"], share["blur"], share["shuffled"]) < 0.2
    assert 0.3 < share["generated"] < share["real"] < 1


@pytest.mark.usefixtures("full_length")
def test_a_little_dropout_narrows_the_gap_and_much_of_it_stops_d_from_learning(lesson):
    art = lesson["art"]
    pictures = {"real": art.tensor(art.train[:200]), "unseen": art.tensor(art.held_out[:128])}
    pictures = {name: images.to(lesson["device"]) for name, images in pictures.items()}
    names = full(lesson | pictures, "ablation")
    seen, gap = {}, {}
    for p, watched in names["ablation"].items():
        assert len(watched) == 10
        seen[p], gap[p] = watched[-1, 0].item(), (watched[-1, 0] - watched[-1, 1]).item()
    assert 0.3 * gap[0.0] < gap[0.25] < 0.75 * gap[0.0]
    assert seen[0.25] > 0.85 * seen[0.0]
    assert seen[0.5] < 0.4 * seen[0.0]
    assert names["ablation"][0.25][1, 0] < names["ablation"][0.0][1, 0]  # slower at first


STAGE = """
def stage(before, after):
    return nn.Sequential(
        nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)
    )
"""
DISCRIMINATOR = """
class Discriminator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
            good_stage(width, 2 * width), good_stage(2 * width, 4 * width), good_stage(4 * width, 8 * width),
            nn.Conv2d(8 * width, 1, 4), nn.Flatten(0),
        )

    def forward(self, images):
        return self.layers(images)
"""
LISTED = """
class Discriminator(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.first = nn.Conv2d(3, width, 4, 2, 1)
        self.stages = nn.ModuleList(good_stage(width * 2**k, width * 2 ** (k + 1)) for k in range(3))
        self.last = nn.Conv2d(8 * width, 1, 4)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.first(x), 0.2)
        for one in self.stages:
            x = one(x)
        return self.last(x)[:, 0, 0, 0]
"""
POOLED = """
class Discriminator(torch.nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, width, 5, 2, 2), nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.head = nn.Linear(2 * width, 1)

    def forward(self, images):
        maps = nn.functional.leaky_relu(self.two(nn.functional.leaky_relu(self.one(images), 0.2)), 0.2)
        return self.head(maps.mean((2, 3))).squeeze(1)
"""
LINEAR = """
class Discriminator(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
            *(good_stage(width * 2**k, width * 2 ** (k + 1)) for k in range(3)),
        )
        self.head = nn.Linear(8 * width * 16, 1)

    def forward(self, images):
        return self.head(self.body(images).flatten(1)).view(-1)
"""
MAP = """
def occlusion_map(discriminator, image):
    drops = torch.zeros(8, 8)
    for row in range(8):
        for column in range(8):
            covered = image.clone()
            covered[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 0
            drops[row, column] = discriminator(image[None]) - discriminator(covered[None])
    return drops
"""
DROPOUT = """
def my_dropout(x, p, training):
    if not training:
        return x
    mask = torch.rand(x.shape) > p
    return mask * x / (1 - p)
"""


FLATTEN, LAYERS, DROPS = ("nn.Flatten(0)", "return self.layers(images)", "drops[row, column] = ")
COPY = "            covered = image.clone()\n"
RIGHT = {
    "stage": [
        STAGE,
        """
class stage(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(a, b, 4, stride=2, padding=1), nn.BatchNorm2d(b)

    def forward(self, x):
        return nn.functional.leaky_relu(self.norm(self.conv(x)), 0.2)
""",
        """
def stage(c_in, c_out):
    layers = [nn.Conv2d(c_in, c_out, 3, 2, 1), nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers)
""",
    ],
    "discriminator": [DISCRIMINATOR, LISTED, POOLED, LINEAR],
    "occlusion": [
        MAP,
        """
def occlusion_map(net, picture):
    with torch.no_grad():
        whole = net(picture.unsqueeze(0)).item()
        answer = []
        for top in range(0, 64, 8):
            answer.append([])
            for left in range(0, 64, 8):
                kept = picture[:, top : top + 8, left : left + 8].clone()
                picture[:, top : top + 8, left : left + 8] = 0
                answer[-1].append(whole - net(picture.unsqueeze(0)).item())
                picture[:, top : top + 8, left : left + 8] = kept
    return answer
""",
        """
def occlusion_map(net, image):
    covered = image.repeat(64, 1, 1, 1)
    for k in range(64):
        r, c = divmod(k, 8)
        covered[k, :, 8 * r : 8 * r + 8, 8 * c : 8 * c + 8] = 0
    return (net(image[None]) - net(covered)).view(8, 8)
""",
    ],
    "dropout": [
        DROPOUT,
        """
def my_dropout(x, p, training):
    kept = torch.bernoulli(torch.full_like(x, 1 - p))
    return torch.where(kept == 1, x / (1 - p), torch.zeros_like(x)) if training else x.clone()
""",
        """
def my_dropout(x, p, training):
    if training:
        x[torch.rand_like(x) < p] = 0.0
        x /= 1 - p
    return x
""",
    ],
}
WRONG = [
    ("stage", "become 15 x 15", edited(STAGE, ("4, 2, 1,", "4, 1, 1,"))),
    ("stage", "become 7 x 7", edited(STAGE, ("4, 2, 1,", "4, 2, 0,"))),
    ("stage", "leaky one", edited(STAGE, ("nn.LeakyReLU(0.2)", "nn.ReLU()"))),
    ("stage", "slope is not 0.2", edited(STAGE, ("nn.LeakyReLU(0.2)", "nn.LeakyReLU()"))),
    ("stage", "even that out", edited(STAGE, (" nn.BatchNorm2d(after),", ""))),
    ("stage", "come last", edited(STAGE, (", nn.LeakyReLU(0.2)", ""))),
    (
        "stage",
        "come last",
        edited(
            STAGE, ("nn.BatchNorm2d(after), nn.LeakyReLU(0.2)", "nn.LeakyReLU(0.2), nn.BatchNorm2d(after)")
        ),
    ),
    ("stage", "stops with", edited(STAGE, ("nn.Conv2d(before, after", "nn.Conv2d(after, before"))),
    ("stage", "one module", edited(STAGE, ("nn.Sequential(", "("))),
    ("discriminator", "probabilities", edited(DISCRIMINATOR, (FLATTEN, FLATTEN + ", nn.Sigmoid()"))),
    ("discriminator", "squashed", edited(DISCRIMINATOR, (FLATTEN, FLATTEN + ", nn.Tanh()"))),
    ("discriminator", "never below zero", edited(DISCRIMINATOR, (FLATTEN, FLATTEN + ", nn.ReLU()"))),
    ("discriminator", "(4, 1, 1, 1)", edited(DISCRIMINATOR, (", " + FLATTEN, ""))),
    ("discriminator", "hint 2", edited(DISCRIMINATOR, (", " + FLATTEN, ""), (LAYERS, LAYERS + ".squeeze()"))),
    ("discriminator", "history", edited(DISCRIMINATOR, (LAYERS, LAYERS + ".detach()"))),
    ("discriminator", "reaches the pictures", edited(DISCRIMINATOR, ("(images)\n", "(images.detach())\n"))),
    ("discriminator", "in a list", edited(LISTED, ("nn.ModuleList(", "list("))),
    ("discriminator", "returns nothing", edited(DISCRIMINATOR, (LAYERS, "self.layers(images)"))),
    (
        "discriminator",
        "every layer of __init__",
        edited(
            DISCRIMINATOR, ("        self.layers", "        self.more = nn.Linear(2, 2)\n        self.layers")
        ),
    ),
    (
        "discriminator",
        "other pictures",
        edited(DISCRIMINATOR, (LAYERS, LAYERS + " - images.mean() * 9")),
    ),
    ("discriminator", "stops with", edited(DISCRIMINATOR, ("(self, width=64)", "(self)"))),
    ("discriminator", "stops with", edited(DISCRIMINATOR, ("        super().__init__()\n", ""))),
    (
        "occlusion",
        "sign",
        edited(MAP, (DROPS, DROPS + "-("), ("(covered[None])\n", "(covered[None]))\n")),
    ),
    ("occlusion", "exchanged", edited(MAP, ("return drops", "return drops.T"))),
    (
        "occlusion",
        "one square",
        edited(MAP, (COPY, ""), ("8, 8)\n", "8, 8)\n" + COPY[8:])),
    ),
    ("occlusion", "as a whole", edited(MAP, ("* row + 8,", "* row + 4,"))),
    ("occlusion", "by 0", edited(MAP, ("] = 0\n", "] = 0.5\n"))),
    ("occlusion", "zero everywhere", edited(MAP, ("] = 0\n", "]\n"))),
    ("occlusion", "(64,)", edited(MAP, ("return drops", "return drops.flatten()"))),
    ("occlusion", "stops with", edited(MAP, ("drops = torch", "drops = torsch"))),
    ("dropout", "mean was", edited(DROPOUT, (" / (1 - p)", ""))),
    ("dropout", "75% of", edited(DROPOUT, ("> p", "< p"))),
    ("dropout", "come back unchanged", edited(DROPOUT, ("if not training", "if False"))),
    ("dropout", "dropped together", edited(DROPOUT, ("x.shape", "(len(x), 1, 1, 1)"))),
    ("dropout", "dropped together", edited(DROPOUT, ("x.shape", "(len(x), x.shape[1], 1, 1)"))),
    ("dropout", "dropped together", edited(DROPOUT, ("x.shape", "x.shape[1:]"))),
    ("dropout", "the same numbers", edited(DROPOUT, ("    mask", "    torch.manual_seed(1)\n    mask"))),
    ("dropout", "no gradient", edited(DROPOUT, ("mask * x", "mask * x.detach()"))),
    ("dropout", "same shape", edited(DROPOUT, ("mask * x", "x[mask]"))),
    ("dropout", "stops with", edited(DROPOUT, ("> p", "> q"))),
]


def test_every_exercise_is_tested_here():
    assert set(RIGHT) == set(EXERCISES)
    for name in RIGHT:
        assert len(RIGHT[name]) >= 3
        assert sum(name == exercise for exercise, *_ in WRONG) >= 5


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_solution_is_right(solved, exercise):
    expect_right(solved, PAGE, exercise, EXERCISES[exercise].answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn_and_a_check_leaves_no_trace(solved, exercise):
    expect_your_turn(solved, PAGE, exercise)


SAME_IN_A_LIST = edited(
    LISTED, ("width, 4, 2, 1)", "width, 4, 2, 1, bias=False)"), ("1, 4)", "1, 4, bias=False)")
)


@pytest.mark.parametrize("answer", [LISTED, POOLED, LINEAR, SAME_IN_A_LIST])
def test_the_page_goes_on_with_a_d_of_another_design(solved, answer, capsys, monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    names = dict(solved)
    assert said_of(names, PAGE, "discriminator", answer).startswith("Right")
    for cell in ("train", "train-picture", "histogram", "look", "occlusion-picture", "library"):
        exec(CODE[cell], names)
    assert type(names["d"]) is names["Discriminator"]
    printed = capsys.readouterr().out
    assert "equal to the last bit: True" in printed
    assert ("another design" in printed) == (answer != SAME_IN_A_LIST)

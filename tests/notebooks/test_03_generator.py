"""What notebook 03 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import itertools

import pytest
import torch
from torch import nn

import ganlib
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of, said_of

PAGE = {name: cell.source for name, cell in cells_of("03_generator").items()}
EXERCISES = {exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of("03_generator")}
PARTS = [f"exercise-{name}-{part}" for name in EXERCISES for part in ("yours", "check")]
RUN_HERE = ("setup", "sizes", "latent", *PARTS, "size", "ways", "batchnorm", "learn", "new-latents")


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, with the exercises still to be done."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


def pictures_and_gradients(net, z):
    """Pictures, and what their mean square asks of every weight."""
    pictures = net(z)
    return [pictures, *torch.autograd.grad(pictures.square().mean(), list(net.parameters()))]


def all_equal(ours, theirs):
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("stride", range(1, 5))
def test_the_transposed_convolution_by_hand_is_pytorchs(solved, stride):
    for side, kernel, padding in itertools.product((1, 2, 5), (2, 3, 4, 7), range(3)):
        size = solved["transposed_size"](side, kernel, stride, padding)
        if size < 1:
            continue
        x, weights = torch.randn(side, side), torch.randn(kernel, kernel)
        theirs = nn.functional.conv_transpose2d(
            x[None, None], weights[None, None], stride=stride, padding=padding
        )[0, 0]
        for way in ("transposed_by_hand", "solved_transposed"):
            ours = solved[way](x, weights, stride, padding)
            assert ours.shape == theirs.shape == (size, size)
            assert torch.allclose(ours, theirs, atol=1e-5)


def test_batchnorm_by_hand_is_pytorchs_with_its_gradients(lesson):
    norm = nn.BatchNorm2d(5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (7 + 3 * torch.randn(6, 5, 4, 4)).requires_grad_()
    weights = [x, norm.weight, norm.bias]
    gamma, beta = norm.weight.reshape(1, -1, 1, 1), norm.bias.reshape(1, -1, 1, 1)
    ours, theirs = lesson["batchnorm_by_hand"](x, gamma, beta), norm(x)
    assert torch.allclose(ours, theirs, atol=1e-5)
    target = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad((ours * target).sum(), weights, retain_graph=True),
        torch.autograd.grad((theirs * target).sum(), weights),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("name", ["Generator", "SolvedGenerator"])
def test_the_generator_is_ganlibs_weights_pictures_and_gradients(solved, name):
    torch.manual_seed(5)
    ours = solved[name]().apply(solved["init_weights"])
    torch.manual_seed(5)
    theirs = ganlib.DCGANGenerator(size=64, latent_dim=100, width=64)
    assert all_equal(ours.state_dict().values(), theirs.state_dict().values())
    z = ganlib.sample_latent(3, 100, seed=1)
    assert all_equal(pictures_and_gradients(ours, z), pictures_and_gradients(theirs, z))
    assert all_equal(ours.buffers(), theirs.buffers())  # the running averages


def test_the_weights_that_the_solution_states_are_those_of_the_network(solved):
    net = solved["Generator"]()
    second = net.main[3][0].weight.numel()
    total = sum(weight.numel() for weight in net.parameters())
    assert (
        f"{total:,} weights, and {second:,} of them, {second / total:.0%}".replace("%", " %")
        in PAGE["exercise-generator-solution"]
    )


def test_eight_new_latent_vectors_are_none_of_the_eight_known(lesson):
    assert torch.cdist(lesson["known"], lesson["new"]).min() > 5


@pytest.mark.usefixtures("full_length")
def test_the_generator_memorises_eight_pictures_and_knows_no_others():
    names = names_of(PAGE[name] for name in RUN_HERE)
    pictures, generated = names["pictures"], names["from_known"]
    assert (generated - pictures).square().mean() < 0.02
    from_new = names["from_new"]
    nearest = (from_new[:, None] - pictures).square().mean((2, 3, 4)).amin(1)
    assert nearest.min() > 0.02


def learnt_with(net, names):
    """The error after six steps towards four pictures."""
    torch.manual_seed(0)
    net.apply(names["init_weights"])
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999))
    for _ in range(6):
        loss = (net(names["known"][:4]) - names["pictures"][:4]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


BY_HAND = """
def transposed_by_hand(x, kernel, stride, padding):
    size, k = len(x), len(kernel)
    output = torch.zeros((size - 1) * stride + k, (size - 1) * stride + k)
    for row in range(size):
        for column in range(size):
            top, left = row * stride, column * stride
            output[top : top + k, left : left + k] += x[row, column] * kernel
    end = len(output) - padding
    return output[padding:end, padding:end]
"""
AVERAGES = """
def running_averages(batches):
    mean, variance = torch.zeros(3), torch.ones(3)
    for batch in batches:
        mean = 0.9 * mean + 0.1 * batch.mean((0, 2, 3))
        variance = 0.9 * variance + 0.1 * batch.var((0, 2, 3))
    return mean, variance
"""
STAGE = """
def upsample_stage(before, after):
    layers = [nn.ConvTranspose2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)
"""
GENERATOR = """
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.ConvTranspose2d(100, 64, 4, 1, 0), nn.BatchNorm2d(64), nn.ReLU())
        self.stages = nn.Sequential(stage(64, 32), stage(32, 16), stage(16, 8))
        self.last = nn.ConvTranspose2d(8, 3, 4, 2, 1)

    def forward(self, z):
        maps = self.stages(self.first(z[:, :, None, None]))
        return torch.tanh(self.last(maps))
"""


def numbers(kernel, stride, padding):
    return f"my_kernel, my_stride, my_padding = {kernel}, {stride}, {padding}"


RIGHT = {
    "by-hand": [
        BY_HAND,
        edited(BY_HAND, ("output[padding:end, padding:end]", "output[padding:end][:, padding:end].clone()")),
        """
def transposed_by_hand(x, kernel, stride, padding):
    weights = kernel.flip(0, 1)[None, None]
    spread = torch.zeros((len(x) - 1) * stride + 1, (len(x) - 1) * stride + 1)
    spread[::stride, ::stride] = x
    whole = torch.nn.functional.conv2d(spread[None, None], weights, padding=len(kernel) - 1)[0, 0]
    return whole[padding : len(whole) - padding, padding : len(whole) - padding]
""",
        """
def transposed_by_hand(x, kernel, stride, padding):
    side = (len(x) - 1) * stride - 2 * padding + len(kernel)
    output = torch.zeros(side, side, dtype=torch.float64)
    for i, j in torch.cartesian_prod(torch.arange(len(x)), torch.arange(len(x))).reshape(-1, 2).tolist():
        for a in range(len(kernel)):
            for b in range(len(kernel)):
                row, column = stride * i + a - padding, stride * j + b - padding
                if 0 <= row < side and 0 <= column < side:
                    output[row, column] += x[i, j] * kernel[a, b]
    return output
""",
    ],
    "fourteen": [
        numbers(4, 2, 1),
        numbers(2, 2, 0),
        numbers(8, 1, 0),
        numbers(6, 2, 2),
        numbers(6, 3, 5),
        numbers("torch.tensor(4)", 2.0, 1),
    ],
    "remember": [
        AVERAGES,
        """
def running_averages(batches):
    norm = nn.BatchNorm2d(3)
    for batch in batches:
        norm(batch)
    return norm.running_mean, norm.running_var
""",
        """
def running_averages(xs):
    m, v = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    for x in xs:
        m += 0.1 * (x.mean((0, 2, 3), keepdim=True) - m)
        v.lerp_(x.var((0, 2, 3), keepdim=True), 0.1)
    return [m, v]
""",
        """
def running_averages(batches):
    both = torch.tensor([[0.0] * 3, [1.0] * 3])
    for batch in batches:
        flat = batch.transpose(0, 1).flatten(1)
        both = both * 0.9 + torch.stack([flat.mean(1), flat.std(1) ** 2]) / 10
    return both.tolist()
""",
    ],
    "stage": [
        STAGE,
        edited(
            STAGE, ("nn.ConvTranspose2d(before, after, 4, 2, 1)", "nn.ConvTranspose2d(before, after, 2, 2)")
        ),
        """
def upsample_stage(before, after):
    layers = (nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2))
    return nn.Sequential(*layers)
""",
        """
class Stage(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.convolution = nn.Conv2d(before, 4 * after, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm2d(after, affine=True)

    def forward(self, x):
        return torch.relu(self.norm(nn.functional.pixel_shuffle(self.convolution(x), 2)))


upsample_stage = Stage
""",
    ],
    "generator": [
        GENERATOR,
        """
class Generator(nn.Module):
    def __init__(self, widths=(64, 32, 16, 16, 8)):
        super().__init__()
        self.dense = nn.Linear(100, widths[0] * 4 * 4)
        pairs = zip(widths, widths[1:])
        self.convolutions = nn.ModuleList([nn.Conv2d(one, two, 3, padding=1) for one, two in pairs])
        self.colours = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, z):
        x = torch.relu(self.dense(z)).view(len(z), -1, 4, 4)
        for convolution in self.convolutions:
            x = torch.relu(convolution(nn.functional.interpolate(x, scale_factor=2, mode="bilinear")))
        return self.colours(x).sigmoid() * 2 - 1
""",
        """
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        sizes = [(100, 32), (32, 32), (32, 16), (16, 8), (8, 3)]
        self.kernels = nn.ParameterList([nn.Parameter(0.1 * torch.randn(*size, 4, 4)) for size in sizes])

    def forward(self, z):
        x = z.reshape(-1, 100, 1, 1)
        for number, kernel in enumerate(self.kernels):
            stride, padding = (2, 1) if number else (1, 0)
            x = nn.functional.conv_transpose2d(x, kernel, stride=stride, padding=padding)
            if number < 4:
                x = nn.functional.relu(nn.functional.batch_norm(x, None, None, training=True))
        return x.tanh()
""",
        """
class Generator(nn.Sequential):
    def __init__(self):
        first = nn.ConvTranspose2d(100, 32, 4)
        rest = stage(32, 32), stage(32, 16), stage(16, 8), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()
        super().__init__(nn.Unflatten(1, (100, 1, 1)), first, nn.BatchNorm2d(32), nn.ReLU(True), *rest)
""",
    ],
}
PLUS, CUT = "] += x[row", "    return output[padding:end, padding:end]"
MEAN, SEVERAL = "0.9 * mean + 0.1 * batch.mean((0, 2, 3))", "0.9 * variance + 0.1 * batch.var((0, 2, 3))"
CONVOLUTION = "nn.ConvTranspose2d(before, after, 4, 2, 1)"
TANH, STAGES = "torch.tanh(self.last(maps))", "self.stages(self.first(z[:, :, None, None]))"
CHAIN = "nn.Sequential(stage(64, 32), stage(32, 16), stage(16, 8))"
WRONG = [
    ("by-hand", "should add up", edited(BY_HAND, (PLUS, "] = x[row"))),
    ("by-hand", "changed places", edited(BY_HAND, ("x[row, column]", "x[column, row]"))),
    ("by-hand", "turned around", edited(BY_HAND, ("] * kernel", "] * kernel.flip(0, 1)"))),
    ("by-hand", "instead of (6, 6)", edited(BY_HAND, (CUT, "    return output"))),
    (
        "by-hand",
        "instead of (5, 5)",
        edited(BY_HAND, (CUT, "    return output[padding:-padding, padding:-padding]")),
    ),
    ("by-hand", "does each copy begin", edited(BY_HAND, ("row * stride, column * stride", "row, column"))),
    ("by-hand", "stops with", edited(BY_HAND, ("* kernel\n", "* kern\n"))),
    ("by-hand", "changes x", edited(BY_HAND, ("    end =", "    x *= 2\n    end ="))),
    ("by-hand", "returns list", edited(BY_HAND, (CUT, CUT + ".tolist()"))),
    ("fourteen", "from 7 to 13", numbers(3, 2, 1)),
    ("fourteen", "from 7 to 15", numbers(5, 2, 1)),
    ("fourteen", "covered more often", numbers(4, 3, 4)),
    ("fourteen", "whole numbers", numbers(4.5, 2, 1)),
    ("fourteen", "whole numbers", numbers("None", 2, 1)),
    ("fourteen", "1 at least", numbers(0, 2, -1)),
    ("remember", "changed places", edited(AVERAGES, ("0.9", "0.3"), ("0.1", "0.9"), ("0.3", "0.1"))),
    ("remember", "last batch", edited(AVERAGES, (MEAN, "batch.mean((0, 2, 3))"))),
    ("remember", "another beginning", edited(AVERAGES, ("torch.ones", "torch.zeros"))),
    ("remember", "or by n", edited(AVERAGES, (".var((0, 2, 3))", ".var((0, 2, 3), unbiased=False)"))),
    (
        "remember",
        "one number for each",
        edited(AVERAGES, ("zeros(3)", "zeros(3, 1, 1)"), ("ones(3)", "ones(3, 1, 1)"), ("(0, 2, 3)", "0")),
    ),
    ("remember", "begin at 0", edited(AVERAGES, ("torch.zeros(3)", "torch.ones(3)"))),
    ("remember", "stops with", edited(AVERAGES, ("return mean, variance", "return mean.sum()"))),
    ("remember", "moves in the same way", edited(AVERAGES, (SEVERAL, "variance"))),
    ("stage", "9 and 15", edited(STAGE, (CONVOLUTION, "nn.ConvTranspose2d(before, after, 3, 2, 1)"))),
    (
        "stage",
        "covered more often",
        edited(STAGE, (CONVOLUTION, "nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1)")),
    ),
    (
        "stage",
        "4 channels",
        edited(STAGE, ("before, after, 4", "before, before, 4"), ("(after)", "(before)")),
    ),
    ("stage", "linear", edited(STAGE, (", nn.ReLU()", ""))),
    ("stage", "stops with RuntimeError", edited(STAGE, ("BatchNorm2d(after)", "BatchNorm2d(before)"))),
    ("stage", "returns a list", edited(STAGE, ("nn.Sequential(*layers)", "layers"))),
    (
        "stage",
        "another place",
        edited(STAGE, ("layers = [", "layers = [Turned(), "))
        + "\n\nclass Turned(nn.Module):\n    def forward(self, x):\n        return x.flip(2)\n",
    ),
    ("generator", "range is 0 to 1", edited(GENERATOR, ("torch.tanh", "torch.sigmoid"))),
    ("generator", "leave the range", edited(GENERATOR, (TANH, "self.last(maps)"))),
    ("generator", "leave the range", edited(GENERATOR, (TANH, "3 * " + TANH))),
    ("generator", "reach only", edited(GENERATOR, (TANH, "0.5 * " + TANH))),
    ("generator", "stops with RuntimeError", edited(GENERATOR, ("z[:, :, None, None]", "z"))),
    ("generator", "(6, 3, 32, 32)", edited(GENERATOR, (CHAIN, CHAIN.replace("32, 16), stage(16,", "32,")))),
    ("generator", "forward returns nothing", edited(GENERATOR, ("return ", "")) + "\n"),
    (
        "generator",
        "all six pictures are the same",
        edited(GENERATOR, ("z[:, :, None, None]", "0 * z[:, :, None, None]")),
    ),
    (
        "generator",
        "no gradient comes back",
        edited(GENERATOR, ("z[:, :, None, None]", "z.detach()[:, :, None, None]")),
    ),
    ("generator", "no gradient can pass", edited(GENERATOR, (TANH, TANH + ".detach()"))),
    (
        "generator",
        "ordinary list",
        edited(
            GENERATOR,
            (CHAIN, "[stage(64, 32), stage(32, 16), stage(16, 8)]"),
            (
                STAGES,
                "self.first(z[:, :, None, None])\n        for f in self.stages:\n            maps = f(maps)",
            ),
        ),
    ),
    (
        "generator",
        "does not take part",
        edited(GENERATOR, ("self.last =", "self.more = nn.Linear(3, 3)\n        self.last =")),
    ),
    ("generator", "stops with AttributeError", edited(GENERATOR, ("        super().__init__()\n", ""))),
    (
        "generator",
        "no stages lead there",
        """
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(100, 3 * 64 * 64)

    def forward(self, z):
        return torch.tanh(self.dense(z)).view(-1, 3, 64, 64)
""",
    ),
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


def test_the_lessons_networks_are_the_readers_once_they_are_right_and_ours_until_then(solved):
    for exercise, theirs, ours, used in (
        ("by-hand", "transposed_by_hand", "solved_transposed", "by_hand"),
        ("stage", "upsample_stage", "solved_stage", "stage"),
        ("generator", "Generator", "SolvedGenerator", "MyGenerator"),
    ):
        names = dict(solved)
        said_of(names, PAGE, exercise, RIGHT[exercise][0])
        assert names[used] is names[theirs]
        said_of(names, PAGE, exercise, "")
        assert names[used] is names[ours]


@pytest.mark.parametrize("answer", RIGHT["generator"])
def test_any_right_generator_learns_and_draws_from_new_latent_vectors(solved, answer):
    names = dict(solved)
    said_of(names, PAGE, "generator", answer)
    net = names["MyGenerator"]()
    error = learnt_with(net, names)
    assert error < 0.6
    assert ganlib.generate(net, names["new"]).shape == (8, 3, 64, 64)


def test_what_a_check_says_of_batchnorm_is_advice_only(solved):
    bare = edited(STAGE, ("nn.BatchNorm2d(after), ", ""))
    said = said_of(dict(solved), PAGE, "stage", bare)
    assert said.startswith("Right")
    assert "no BatchNorm" in said


def test_the_stages_that_a_right_generator_passes_are_told(solved):
    said = said_of(dict(solved), PAGE, "generator", EXERCISES["generator"].answer)
    assert said == "Right: sides 1 -> 4 -> 8 -> 16 -> 32 -> 64, 3,576,704 weights."


def test_the_exercises_are_staged():
    assert list(EXERCISES) == ["by-hand", "fourteen", "remember", "stage", "generator"]

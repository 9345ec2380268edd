"""What notebook 03 builds by hand is what ganlib holds, its claims hold, and its exercises give hints."""

import itertools

import pytest
import torch
from torch import nn

import ganlib
from ganlib.costs import cost
from ganlib.nets.resize import ResizeGenerator
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_of

CELLS = {name: cell.source for name, cell in cells_of("03_generator").items()}
RUN_HERE = (
    "setup",
    "tools",
    "latent",
    "transposed-by-hand",
    "size",
    "overlaps",
    "exercise-fourteen-check",
    "even-by-hand",
    "batchnorm",
    "exercise-remember-check",
    "generator",
    "shapes",
    "exercise-width-check",
    "weights",
    "without-batchnorm",
    "without-relu",
    "by-heart",
    "memory",
    "memory-measured",
    "resize-generator",
    "paint",
    "stages",
    "exercise-large-check",
)
NAMED_BEFORE = """
from ganlib.course.checkerboard import TransposedConvolution
my_kernel = my_stride = my_padding = 1
remembered = parameters_of = build_large_generator = None
"""


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run."""
    random = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        names = names_of([NAMED_BEFORE, *(CELLS[name] for name in RUN_HERE)])
    torch.set_rng_state(random)
    return names


def painted_and_gradients(net, z):
    """Pictures, and what their mean square asks of every weight."""
    pictures = net(z)
    return pictures, torch.autograd.grad(pictures.square().mean(), list(net.parameters()))


def same(ours, theirs):
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("stride", range(1, 5))
def test_stamping_by_hand_is_pytorchs(lesson, stride):
    for side, kernel, padding in itertools.product((1, 2, 5), (2, 3, 4, 7), range(3)):
        size = lesson["transposed_size"](side, kernel, stride, padding)
        if size < 1:
            continue
        image, weights = torch.randn(side, side), torch.randn(kernel, kernel)
        theirs = nn.functional.conv_transpose2d(
            image[None, None], weights[None, None], stride=stride, padding=padding
        )[0, 0]
        ours = lesson["transposed_by_hand"](image, weights, stride, padding)
        assert ours.shape == theirs.shape == (size, size)
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_batchnorm_by_hand_is_pytorchs_with_its_gradients(lesson):
    norm = nn.BatchNorm2d(5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (7 + 3 * torch.randn(6, 5, 4, 4)).requires_grad_()
    weights = [x, norm.weight, norm.bias]
    ours, theirs = lesson["batchnorm_by_hand"](x, norm.weight, norm.bias), norm(x)
    assert torch.allclose(ours, theirs, atol=1e-5)
    target = torch.randn_like(ours)
    for one, other in zip(
        torch.autograd.grad((ours * target).sum(), weights, retain_graph=True),
        torch.autograd.grad((theirs * target).sum(), weights),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-3)


def test_the_generator_is_ganlibs_weights_pictures_and_gradients(lesson):
    torch.manual_seed(5)
    ours = lesson["build_generator"]().apply(lesson["init_weights"])
    torch.manual_seed(5)
    theirs = ganlib.DCGANGenerator(size=64, latent_dim=100, width=64)
    assert same(ours.state_dict().values(), theirs.main.state_dict().values())
    z = ganlib.sample_latent(3, 100, seed=1)[:, :, None, None]
    (pictures, gradients), (pictures_too, gradients_too) = (
        painted_and_gradients(net, z) for net in (ours, theirs)
    )
    assert torch.equal(pictures, pictures_too)
    assert same(gradients, gradients_too)
    assert same(ours.buffers(), theirs.main.buffers())  # what the BatchNorms remember


def test_the_resize_generator_is_ganlibs_weights_pictures_and_gradients(lesson):
    ours, theirs = lesson["build_resize_generator"](), ResizeGenerator(size=64, latent_dim=100, width=64)
    ours.load_state_dict(theirs.main.state_dict())
    z = ganlib.sample_latent(2, 100, seed=1)
    (pictures, gradients), (pictures_too, gradients_too) = (
        painted_and_gradients(net, z) for net in (ours, theirs)
    )
    assert torch.equal(pictures, pictures_too)
    assert same(gradients, gradients_too)


def test_without_batchnorm_the_numbers_and_the_gradients_fade(lesson):
    noise = lesson["noise"]
    *before, last = lesson["spreads"](lesson["untrained"], noise)
    assert all(0.5 < spread < 0.7 for spread in before)
    assert 0.15 < last < 0.3
    faded = lesson["spreads"](lesson["bare"], noise)
    assert all(later < 0.7 * sooner for sooner, later in itertools.pairwise(faded))
    assert 0.001 < faded[-1] < 0.006
    assert 12 < lesson["ratio"] < 40


def test_without_relu_it_is_one_matrix_and_with_it_it_is_not(lesson):
    z = ganlib.sample_latent(2, 100, seed=2)[:, :, None, None]

    def bend(net):
        """How far G(a) + G(b) is from G(a + b) + G(0): nowhere, if G is linear but for a shift."""
        with torch.no_grad():
            both = net(z).sum(0) - net(z.sum(0, keepdim=True))[0] - net(torch.zeros_like(z[:1]))[0]
        return both.abs().max().item()

    straight, whole = lesson["linear"], lesson["without"](lesson["untrained"], nn.Tanh).eval()
    assert bend(straight) < 1e-4
    assert bend(whole) > 100 * bend(straight)


def test_what_is_missing_is_seen_after_a_short_training(lesson):
    portraits = ganlib.load_art("portraits").tensor(slice(0, 256))
    portraits = nn.functional.avg_pool2d(portraits, 2)
    lacking = {"whole": (), "norm": (nn.BatchNorm2d,), "relu": (nn.ReLU,), "tanh": (nn.Tanh,)}
    missed, beyond = {}, {}
    for name, kinds in lacking.items():
        torch.manual_seed(0)
        net = lesson["without"](lesson["small_generator"]().apply(lesson["init_weights"]), *kinds)
        painted = lesson["learn_by_heart"](net, portraits, steps=100)
        missed[name] = lesson["missed"](painted, portraits)
        beyond[name] = (painted.abs() > 1).flatten(1).any(1).float().mean().item()
    assert 0.1 < missed["whole"] < 0.4
    assert missed["norm"] > 1.4 * missed["whole"]
    assert 0.6 < missed["relu"] < 1.1
    assert missed["tanh"] < 1.3 * missed["whole"]
    assert beyond["tanh"] > 0.8
    assert beyond["whole"] == beyond["norm"] == beyond["relu"] == 0


def test_missed_is_one_for_the_mean_and_nothing_for_the_pictures(lesson):
    pictures = torch.rand(20, 3, 4, 4)
    assert lesson["missed"](pictures, pictures) == 0
    assert lesson["missed"](pictures.mean(0).expand_as(pictures), pictures) == pytest.approx(1)


def test_the_table_is_what_pytorch_keeps_and_what_ganlib_counts(lesson):
    theirs = cost(ganlib.get_recipe("portraits64"))
    assert lesson["parameters"] == theirs.generator_parameters == 3_576_704
    assert lesson["ours"] == theirs.activation_bytes
    for count in (2, 5):
        z = ganlib.sample_latent(count, 100, seed=0)[:, :, None, None]
        kept = lesson["kept_bytes"](lambda z=z: lesson["generator"](z), lesson["generator"])
        assert kept == 4 * (count * lesson["kept"] + lesson["once"])


def test_the_three_colours_find_what_varies(lesson):
    planted = torch.randn(8, 3, 6, 6) * torch.tensor([9.0, 5.0, 3.0])[:, None, None]
    mixed = torch.linalg.qr(torch.randn(12, 12)).Q[:, :3]
    features = torch.einsum("nkhw,ck->nchw", planted, mixed) + 0.01 * torch.randn(8, 12, 6, 6)
    shades = lesson["in_three_colours"](features)
    assert shades.shape == (8, 6, 6, 3)
    assert shades.min() >= 0
    assert shades.max() <= 1
    for colour in range(3):
        ours, theirs = shades[..., colour].flatten(), planted[:, colour].flatten()
        assert torch.corrcoef(torch.stack([ours, theirs]))[0, 1].abs() > 0.98


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((4, 2, 1), "Right"),
        ((2, 2, 0), "Right"),
        ((8, 1, 0), "Right"),
        ((6, 2, 2), "Right"),
        ((3, 2, 1), "from 7 to 13"),
        ((5, 2, 1), "from 7 to 15"),
        ((6, 3, 5), "Right"),
        ((4, 3, 4), "more often"),
        ((4.0, 2, 1), "whole numbers"),
        ((None, 2, 1), "whole numbers"),
        ((0, 2, -1), "1 at least"),
    ],
)
def test_any_right_choice_is_right_and_a_wrong_one_gets_its_hint(lesson, answer, words):
    said = lesson["check_fourteen"](*answer)
    assert words in said
    assert said.startswith("Right" if words == "Right" else "Not yet")


def remember(keep, go, variance):
    def function(batches):
        mean, spread = torch.zeros(3), torch.ones(3)
        for batch in batches:
            mean = keep * mean + go * batch.mean((0, 2, 3))
            spread = variance(keep * spread, go, batch)
        return mean, spread

    return function


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (remember(0.9, 0.1, lambda kept, go, batch: kept + go * batch.var((0, 2, 3))), "Right"),
        (remember(0.1, 0.9, lambda kept, go, batch: kept + go * batch.var((0, 2, 3))), "wrong way round"),
        (remember(0, 1, lambda kept, go, batch: batch.var((0, 2, 3))), "only the last batch"),
        (remember(0.9, 0.1, lambda kept, go, batch: kept), "mean is right, but the variance"),
        (
            remember(0.9, 0.1, lambda kept, go, batch: kept + go * batch.var((0, 2, 3), unbiased=False)),
            "n - 1",
        ),
        (lambda batches: (torch.zeros(4), torch.ones(3)), "one number a channel"),
        (lambda batches: (torch.zeros(3), torch.ones(3)), "begins at 0"),
        (lambda batches: None, "two tensors"),
        (None, "two tensors"),
    ],
)
def test_what_is_remembered_gets_its_hint(lesson, function, words):
    said = lesson["check_remembered"](function)
    assert words in said
    assert said.startswith("Right" if words == "Right" else "Not yet")


def right_count(width):
    return 672 * width**2 + 12_878 * width


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (right_count, "Right: twice the width has 3.54 times"),
        (lambda w: right_count(w) - 30 * w, "only the BatchNorms are missing"),
        (lambda w: right_count(w) - 15 * w, "two numbers a channel"),
        (lambda w: right_count(w) + 6, "has no BatchNorm"),
        (lambda w: right_count(w) + 15 * w + 3, "have no bias"),
        (lambda w: (right_count(w) - 30 * w) // 16, "a kernel of 4 by 4, and"),
        (lambda w: (right_count(w) - 30 * w) // 16 + 30 * w, "a kernel of 4 by 4 numbers"),
        (lambda w: 3_576_704, "add up, layer by layer"),
        (lambda w: None, "add up, layer by layer"),
        (lambda w: [w], "add up, layer by layer"),
        (lambda w: w / 0, "it stops with"),
    ],
)
def test_a_wrong_count_gets_its_hint(lesson, function, words):
    said = lesson["check_parameters_of"](function)
    assert words in said
    assert said.startswith("Right" if words.startswith("Right") else "Not yet")


def test_a_large_generator_is_right_however_it_is_built(lesson):
    stage, tanh = lesson["stage"], nn.Tanh()

    def built(*channels, end=tanh):
        first = stage(100, channels[0], stride=1, padding=0)
        middle = [layer for pair in itertools.pairwise(channels) for layer in stage(*pair)]
        return nn.Sequential(*first, *middle, nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1, bias=False), end)

    check = lesson["check_large_generator"]
    assert check(lambda: built(64, 64, 32, 32, 16)).startswith("Right: (4, 3, 128, 128)")
    assert check(lambda: built(64, 64, 32, 16, end=nn.Upsample(scale_factor=2))).startswith(
        "Not yet: with str"
    )
    assert "How many doublings" in check(lambda: built(64, 64, 32, 32))
    assert "Where are channels cheap" in check(lambda: built(512, 512, 64, 32, 16))
    assert "it stops with" in check(lambda: None)
    assert "it stops with" in check(lambda: nn.Sequential(*stage(90, 8)))
    assert "all four pictures are the same" in check(lambda: _Deaf())


class _Deaf(nn.Module):
    def forward(self, z):
        return torch.zeros(len(z), 3, 128, 128)


def test_there_are_four_exercises():
    assert [one.name.removeprefix("exercise-") for one in exercises_of("03_generator")] == [
        "fourteen",
        "remember",
        "width",
        "large",
    ]

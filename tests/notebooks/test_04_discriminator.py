"""What notebook 04 builds by hand is what ganlib and PyTorch have; its claims hold; its exercises hint."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

import ganlib
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_of

CELLS = {name: cell.source for name, cell in cells_of("04_discriminator").items() if cell.cell_type == "code"}
EXERCISES = {one.name: one for one in exercises_of("04_discriminator")}


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define, in a tiny run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        return names_of(CELLS.values())


def built(lesson, seed=0):
    """The notebook's net and the library's, both from the same seed."""
    torch.manual_seed(seed)
    ours = lesson["build_discriminator"]().apply(lesson["init_weights"])
    torch.manual_seed(seed)
    return ours, ganlib.DCGANDiscriminator(size=64, width=64, norm="batch")


def test_the_net_starts_from_the_weights_of_the_library(lesson):
    ours, theirs = built(lesson, seed=5)
    assert [name for name, _ in ours.named_parameters()] == [
        name.removeprefix("main.") for name, _ in theirs.named_parameters()
    ]
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("training", [True, False])
def test_the_net_says_and_learns_what_the_library_does(lesson, training):
    heard = []
    for net in built(lesson):
        net.train(training)
        torch.manual_seed(1)
        images = torch.randn(6, 3, 64, 64).tanh().requires_grad_()
        logits = net(images)
        (logits * torch.randn(6)).sum().backward()
        weights = [weight.grad for weight in net.parameters()]
        remembered = [value.float() for value in net.buffers()]
        heard.append([logits, images.grad, *weights, *remembered])
    assert heard[0][0].shape == (6,)
    assert heard[0][1].abs().sum() > 0
    for ours, theirs in zip(*heard, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (3, 1, 1), (4, 1, 0), (5, 3, 2)])
def test_the_convolution_by_hand_is_that_of_torch(lesson, kernel, stride, padding):
    image, weight = torch.randn(11, 11), torch.randn(kernel, kernel)
    by_hand = lesson["convolution_by_hand"](image, weight, stride, padding)
    by_torch = nn.functional.conv2d(image[None, None], weight[None, None], stride=stride, padding=padding)
    assert torch.allclose(by_hand, by_torch[0, 0], atol=1e-5)
    assert len(by_hand) == lesson["convolution_size"](11, kernel, stride, padding)


def test_relus_die_where_leaky_ones_do_not(lesson, full_length):
    names = dict(lesson)
    exec(CELLS["dying"], names)
    silent = {}
    for name, (net, dead) in names["hurried"].items():
        pixels = names["thumbnails"].clone().requires_grad_()
        net(pixels).sum().backward()
        silent[name] = (pixels.grad == 0).all(1).float().mean().item()
        assert len(dead) == 200
        assert (0.4 < dead[-1] < 1) if name == "ReLU" else (dead[-1] < 0.4)
    assert silent["LeakyReLU"] == 0
    assert 0.2 < silent["ReLU"] <= 1


def shifted(lesson, critic):
    """By how much the logits change if the batch becomes warmer, in units of their spread."""
    images = lesson["portraits"]
    with torch.no_grad():
        said = critic(images)
        return ((critic(lesson["warmer"](images)) - said).square().mean().sqrt() / said.std()).item()


def test_a_batchnorm_first_hides_a_tint_but_for_the_frame_of_zeros(lesson):
    raw, hidden = (ganlib.DCGANDiscriminator(width=16, norm_first=first) for first in (False, True))
    assert 0.2 < shifted(lesson, raw) < 0.6
    assert 0.02 < shifted(lesson, hidden) < 0.12
    hidden.main[0].padding_mode = "replicate"  # the frame becomes warmer, too
    assert shifted(lesson, hidden) == pytest.approx(0, abs=1e-3)


def test_a_batchnorm_first_learns_a_tint_late_and_a_paler_batch_never(lesson):
    def loss(change, **options):
        torch.manual_seed(0)
        critic = ganlib.DCGANDiscriminator(width=16, **options).to(lesson["device"])
        return sum(lesson["losses_of"](critic, lesson[change], 22)[-5:]) / 5

    assert 0 < loss("warmer") < 0.4
    assert 0.7 < loss("warmer", norm_first=True) < 1.8
    assert 1.1 < loss("paler") < 1.8


def test_probabilities_lose_the_gradient_where_the_lesson_says(lesson):
    gradient = lesson["gradient_at"]
    for label, last, lost in ((0.0, 16.5, 16.8), (1.0, -27.5, -35.0)):
        sure = 1 - 2 * label
        assert gradient(last, False, label) == pytest.approx(sure, abs=1e-3)
        assert gradient(lost, False, label) == pytest.approx(0, abs=1e-2)
        assert gradient(lost, True, label) == pytest.approx(sure, abs=1e-3)
    assert lesson["first_full_sigmoid"](torch.float32) == pytest.approx(16.64, abs=0.1)


def test_the_receptive_field_is_the_formula_s_away_from_the_edge(lesson):
    fields = lesson["receptive_fields"]([2, 2, 2, 2, 1])
    assert fields == [4, 10, 22, 46, 94]
    for side, (left, top, right, bottom) in zip(fields[:4], lesson["boxes"], strict=False):
        assert (right - left, bottom - top) == (side, side)
    corner = lesson["seen_by"](lesson["stages"][2], lesson["portraits"][0], 0, 0)
    assert corner == (0, 0, 15, 15)  # 22 pixels from -7 on


def test_the_sliders_move_what_is_seen(lesson):
    depth, across, _down, view, words = lesson["window"].box.children
    before, told = bytes(view.value), words.value
    assert before.startswith(b"\x89PNG")
    across.value = 99
    moved = bytes(view.value)
    assert moved != before
    assert "to 63" in words.value != told
    depth.value = 1
    assert bytes(view.value) != moved
    assert words.value.startswith("Layer 1:")


def test_power_iteration_finds_the_singular_value_and_torch_does_one_round_of_it(lesson):
    matrix = torch.randn(20, 30)
    estimates, u, v = lesson["power_iteration"](matrix, torch.randn(20), 300)
    exact = torch.linalg.svdvals(matrix)[0].item()
    assert estimates[-1] == pytest.approx(exact, rel=1e-3)
    assert all(one <= other + 1e-4 for one, other in pairwise(estimates))
    assert torch.allclose(matrix @ v, estimates[-1] * u, atol=1e-3)
    layer = spectral_norm(nn.Conv2d(3, 8, 4))
    kept = copy.deepcopy(layer.parametrizations.weight[0])
    drawn = layer.parametrizations.weight.original.detach().flatten(1)
    start = nn.functional.normalize(drawn @ kept._v, dim=0)
    estimates, _, _ = lesson["power_iteration"](drawn, start, 1)
    v = nn.functional.normalize(drawn.T @ start, dim=0)
    by_hand = drawn / (start @ drawn @ v)
    assert torch.allclose(layer.weight.flatten(1), by_hand, atol=1e-6)
    assert estimates[0] >= (start @ drawn @ v).item() - 1e-6  # another half round


def test_a_convolution_is_at_most_twice_as_steep_as_its_kernel(lesson):
    kernel = torch.randn(4, 3, 4, 4)
    found = lesson["steepest"](kernel, 8, 2, 1)
    columns = [
        nn.functional.conv2d(one.reshape(1, 3, 8, 8), kernel, stride=2, padding=1).flatten()
        for one in torch.eye(3 * 8 * 8)
    ]
    exact = torch.linalg.matrix_norm(torch.stack(columns), ord=2).item()
    assert found == pytest.approx(exact, rel=1e-2)
    assert lesson["largest_singular_value"](kernel) <= exact <= 2 * lesson["largest_singular_value"](kernel)


def leaky_with_hints():
    return {
        "it gives 0": lambda x, slope: x.relu(),
        "(2, 3)": lambda x, slope: x.sum(),
        "stopped": lambda x, slope: x.nothing,
        "should be": lambda x, slope: torch.where(x > 0, x, 0.2 * x),
        "detach": lambda x, slope: nn.functional.leaky_relu(x.detach(), slope),
        "not the gradient": lambda x, slope: nn.functional.leaky_relu(x.detach(), slope) + 0 * x,
        "None": lambda x, slope: None,
    }


def loss_with_hints():
    exact = nn.functional.binary_cross_entropy_with_logits
    return {
        "should be 60": lambda x, y: -(y * x.sigmoid().log() + (1 - y) * (1 - x.sigmoid()).log()),
        "should be": lambda x, y: nn.functional.softplus(x),
        "21 losses": exact,
        "stopped": lambda x, y: x.nothing,
        "detach": lambda x, y: exact(x, y, reduction="none").detach(),
        "not the gradient": lambda x, y: exact(x, y, reduction="none").detach() + 0 * x,
    }


def change_with_hints():
    return {
        "too little": lambda x: 0.99 * x,
        "beyond": lambda x: 3 * x,
        "sees it": lambda x: (x + 0.3).clamp(-1, 1),
        "comes out": lambda x: x[:3],
        "stopped": lambda x: x.nothing,
    }


def map_of(cover, turn=1):
    def cover_map(critic, image):
        worth, covered = torch.zeros(8, 8), image[None].clone()
        for row in range(8):
            for column in range(8):
                covered = cover(covered, image, row, column)
                worth[row, column] = turn * (critic(image[None]) - critic(covered)).item()
        return worth

    return cover_map


def one_square(_covered, image, row, column, value=0.0, side=8):
    covered = image[None].clone()
    covered[:, :, 8 * row : 8 * row + side, 8 * column : 8 * column + side] = value
    return covered


def one_more_square(covered, _image, row, column):
    return one_square(None, covered[0], row, column)


def map_with_hints():
    return {
        "sign": map_of(one_square, turn=-1),
        "exchanged": lambda critic, image: map_of(one_square)(critic, image).T,
        "Uncover": map_of(one_more_square),
        "whole": map_of(lambda *place: one_square(*place, side=4)),
        "by 0": map_of(lambda *place: one_square(*place, value=0.5)),
        "zero all over": lambda critic, image: torch.zeros(8, 8),
        "(8, 8)": lambda critic, image: torch.zeros(4, 4),
        "stopped": lambda critic, image: image.nothing,
    }


def strides_with_hints():
    return {
        "fewer": [2, 2, 2, 2, 1],
        "more or earlier": [1, 1, 1, 1, 1],
        "five strides": [2, 2],
        "each of them": None,
        "1 or 2": [2, 2, 2, 3, 1],
    }


HINTS = {
    ("exercise-leak", "check_leak"): leaky_with_hints(),
    ("exercise-logit", "check_loss"): loss_with_hints(),
    ("exercise-fool", "check_fool"): change_with_hints(),
    ("exercise-hide", "check_cover"): map_with_hints(),
    ("exercise-patches", "check_strides"): strides_with_hints(),
}


def test_every_exercise_is_tested_here():
    assert {name for name, _ in HINTS} == set(EXERCISES)


@pytest.mark.parametrize(
    ("check", "answer", "word"),
    [(check, answer, word) for (_, check), hints in HINTS.items() for word, answer in hints.items()],
)
def test_a_typical_mistake_gets_its_hint(lesson, check, answer, word):
    said = lesson[check](answer)
    assert said.startswith("Not yet")
    assert len(said.split()) > 8
    assert word in said


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("check_leak", lambda x, slope: torch.maximum(x, slope * x)),
        ("check_leak", lambda x, slope: x.relu() - slope * (-x).relu()),
        ("check_loss", lambda x, y: x.clamp(min=0) - y * x + torch.log1p(torch.exp(-x.abs()))),
        (
            "check_loss",
            lambda x, y: y * nn.functional.softplus(-x) + (1 - y) * nn.functional.softplus(x),
        ),
        ("check_fool", lambda x: 0.6 * x),
        ("check_fool", lambda x: x / 3),
        ("check_cover", lambda critic, image: map_of(one_square)(critic, image).tolist()),
        ("check_strides", (2, 2, 2, 1, 2)),
    ],
)
def test_another_right_answer_is_right_as_well(lesson, check, answer):
    assert lesson[check](answer).startswith("Right")

"""What notebook 02 builds by hand is what ganlib holds, its claims hold, and its exercises can be solved."""

import math
import re

import pytest
import torch
from torch.distributions import Normal

from ganlib import losses
from ganlib.course import toy
from ganlib.course.toy import ToyGAN, ToySettings
from tests.notebooks.lesson import cells_of, names_in_tiny

PAGE = {name: cell.source for name, cell in cells_of("02_gan_theory").items()}
RUN_HERE = (
    "setup",
    "compute-the-best-discriminator",
    "climb-point-by-point",
    "learn-from-samples",
    "exercise-uneven-yours",
    "exercise-uneven-check",
    "value-and-divergence",
    "nobody-gains",
    "at-once-and-in-turns",
    "exercise-ahead-yours",
    "exercise-ahead-check",
    "two-gradients",
    "build-the-losses",
    "exercise-hinge-yours",
    "exercise-hinge-check",
    "two-small-networks",
    "count-and-play",
)


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook defines in a tiny run, but for its pictures and games."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


@pytest.mark.parametrize("name", toy.DISTRIBUTIONS)
def test_training_by_hand_is_that_of_the_library_to_the_bit(lesson, name):
    sample, modes = toy.toy_distribution(name)
    by_hand = lesson["train"](lesson["ring"] if name == "eight Gaussians" else sample, modes, 20, 10)
    gan = ToyGAN(ToySettings(distribution=name))
    seen = [gan.snapshot(), *gan.snapshots(10, 2)]
    for ours, theirs in zip(by_hand, seen, strict=True):
        assert ours.step == theirs.step
        assert torch.equal(ours.points, theirs.points)
        assert torch.equal(ours.field, theirs.field)
        assert (ours.modes, ours.high_quality) == (theirs.modes, theirs.high_quality)
    assert not torch.equal(by_hand[0].points, by_hand[2].points)


def test_the_networks_by_hand_are_those_of_the_library(lesson):
    gan = ToyGAN(ToySettings())
    for ours, theirs in zip(lesson["two_networks"](), (gan.generator, gan.discriminator), strict=True):
        assert str(ours) == str(theirs)
        assert all(torch.equal(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_the_count_by_hand_is_that_of_the_library(lesson):
    for _, modes in toy.DISTRIBUTIONS.values():
        for spread in (0.1, 0.3, 1.0):
            points = modes[:5].repeat(40, 1) + spread * torch.randn(200, 2)
            assert lesson["modes_found"](points, modes) == toy.modes_found(points, modes)


def test_losses_by_hand_are_those_of_the_library_and_so_are_their_gradients(lesson):
    for ours, theirs, count in (
        (lesson["d_loss"], losses.bce_discriminator_loss, 2),
        (lesson["g_loss"], losses.bce_generator_loss, 1),
    ):
        logits = [(4 * torch.randn(9)).requires_grad_() for _ in range(count)]
        assert torch.equal(ours(*logits), theirs(*logits))
        gradients = [torch.autograd.grad(loss(*logits), logits) for loss in (ours, theirs)]
        assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_the_best_discriminator_is_where_the_climb_ends_and_v_is_the_divergence(lesson):
    assert lesson["difference"] < 1e-3
    for mean, width in ((0.0, 1.0), (1.5, 0.7), (4.0, 2.0)):
        p, q = Normal(0.0, 1.0), Normal(mean, width)
        value = 2 * lesson["divergence"](p, q).item() - math.log(4)
        assert lesson["best_value"](p, q).item() == pytest.approx(value, abs=1e-6)
        away = lesson["value"](p.log_prob(lesson["grid"]) - q.log_prob(lesson["grid"]) + 0.1, p, q)
        assert away < lesson["best_value"](p, q)


def test_at_rest_nobody_gains_alone(lesson):
    rest = -math.log(4)
    assert rest - 5 < lesson["of_others"].min() < lesson["of_others"].max() < rest
    assert lesson["of_painters"].tolist() == pytest.approx([rest] * 20, abs=1e-6)


def test_steps_at_once_go_outwards_and_steps_in_turns_go_round(lesson):
    outwards = lesson["path"](lesson["at_once"]).norm(dim=1)
    assert (outwards[1:] / outwards[:-1]).tolist() == pytest.approx([math.sqrt(1.04)] * 100, rel=1e-4)
    x, y = lesson["path"](lesson["in_turns"]).T
    assert (x**2 + y**2 - 0.2 * x * y).tolist() == pytest.approx([1.8] * 101, rel=1e-4)


@pytest.mark.usefixtures("full_length")
def test_a_hasty_generator_collapses_and_is_cured_by_answers():
    hasty = ToyGAN(ToySettings(g_steps=10))
    assert max(snapshot.modes for snapshot in hasty.snapshots(20, 5)) <= 1
    answered = ToyGAN(ToySettings(g_steps=10, d_steps=10))
    answered.train(100)
    assert 6 <= answered.snapshot().modes <= 8


def uneven(p, q, s):
    return s * p / (s * p + (1 - s) * q)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p, q, s: p / (p + q), "for halves"),
        (lambda p, q, s: uneven(p, q, 1 - s), "too low|too high"),
        (lambda p, q, s: uneven(p, q, s) ** 0.99 * s**0.01, "a little (more|less)"),
        (lambda p, q, s: 0.5 * p.round(), "only s"),
        (lambda p, q, s: uneven(p, q, s)[:3], "241"),
        (lambda p, q, s: 2 + p, "from 0 to 1"),
        (lambda p, q, s: None, "return"),
        (lambda p, q, s: p.nothing, "AttributeError"),
        (lambda p, q, s: (s * p / (s * p + (1 - s) * q)).float(), "Right"),
        (lambda p, q, s: torch.sigmoid((p / q).log() + math.log(s / (1 - s))), "Right"),
    ],
)
def test_hints_for_the_uneven_batch(lesson, answer, hint):
    said = lesson["check_uneven"](answer)
    assert re.search(hint, said), said
    assert said.startswith("Right" if hint == "Right" else "Not yet")


def ahead(x, y, rate):
    return x - rate * (y + rate * x), y + rate * (x - rate * y)


@pytest.mark.parametrize(
    ("step", "hint"),
    [
        (lambda x, y, rate: (x - rate * y, y + rate * x), "both at once"),
        (lambda x, y, rate: (x - rate * y, y + rate * (x - rate * y)), "slope ahead|x go down"),
        (lambda x, y, rate: (x + rate * (y + rate * x), y - rate * (x - rate * y)), "x go down"),
        (
            lambda x, y, rate: (x - rate * y - rate * (y + rate * x), y + rate * x + rate * (x - rate * y)),
            "from x",
        ),
        (lambda x, y, rate: (0.0, 0.0), "too far"),
        (lambda x, y, rate: (x, y, rate), "two numbers"),
        (lambda x, y, rate: None, "return"),
        (ahead, "Right"),
        (lambda x, y, rate: torch.tensor(ahead(x, y, rate)), "Right"),
        (lambda x, y, rate: (x - rate * (y + rate * x), y + rate * (x - rate * (y + rate * x))), "Right"),
    ],
)
def test_hints_for_looking_ahead(lesson, step, hint):
    said = lesson["check_ahead"](step)
    assert re.search(hint, said), said
    assert said.startswith("Right" if hint == "Right" else "Not yet")


def right_d(real, fake):
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


def right_g(fake):
    return -fake.mean()


@pytest.mark.parametrize(
    ("d", "g", "hint"),
    [
        (lambda real, fake: (1 - real).mean() + torch.relu(1 + fake).mean(), right_g, "above 1"),
        (lambda real, fake: torch.relu(1 - real).mean() + (1 + fake).mean(), right_g, "below -1"),
        (lambda real, fake: torch.relu(-real).mean() + torch.relu(fake).mean(), right_g, "between"),
        (lambda real, fake: torch.relu(1 - real) + torch.relu(1 + fake), right_g, "one number"),
        (lambda real, fake: None, right_g, "return"),
        (right_d, lambda fake: fake.mean(), "D's loss is right"),
        (right_d, lambda fake: -fake, "one number"),
        (right_d, lambda fake: None, "return"),
        (right_d, lambda fake: -fake.sum() / len(fake), "Right"),
    ],
)
def test_hints_for_the_hinge(lesson, d, g, hint):
    said = lesson["check_hinge"](d, g)
    assert re.search(hint, said), said
    assert said.startswith("Right" if hint == "Right" else "Not yet")

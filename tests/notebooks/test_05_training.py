"""What notebook 05 builds by hand is what ganlib holds, its claims hold, and its exercises can be solved."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.optim import Adam

import ganlib
from ganlib.losses import (
    Labels,
    adversarial_loss,
    gradient_penalty,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from ganlib.training import steps
from ganlib.training.state import GeneratorEMA
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of

PAGE = {name: cell.source for name, cell in cells_of("05_training").items()}
EXERCISES = {exercise.name: exercise for exercise in exercises_of("05_training")}
TOOLS = ("setup", "players", "one-batch", "d-step", "g-step", "read-the-library")
GAME = (*TOOLS, "quick-game")
RUN_HERE = (
    *GAME,
    *(f"exercise-{name}-{part}" for name in ("mend", "label") for part in ("yours", "check")),
    "labels",
    "adam-betas",
    "ema-by-hand",
    "modern-by-hand",
    "dirac",
    *(f"exercise-{name}-{part}" for name in ("augment", "hinge") for part in ("yours", "check")),
)
ANSWERS = {
    "exercise-mend": ("check_step", ["mended_step"]),
    "exercise-label": ("check_best_logit", ["best_logit"]),
    "exercise-augment": ("check_bleach", ["bleach"]),
    "exercise-hinge": ("check_hinge", ["my_discriminator_loss", "my_generator_loss"]),
}


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, but for those that train a whole recipe."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


def players(norm="batch"):
    torch.manual_seed(3)
    return ganlib.DCGANGenerator(size=32, latent_dim=8, width=4), ganlib.DCGANDiscriminator(32, width=4, norm=norm)


@pytest.mark.parametrize("loss", ["bce", "hinge"])
@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_both_steps_are_those_of_the_library_to_the_bit(lesson, loss, norm):
    g, d = players(norm)
    real, z = torch.rand(3, 6, 3, 32, 32) * 2 - 1, torch.randn(3, 6, 8)
    rules = adversarial_loss(loss)

    def rounds(d_step, g_step):
        nets = copy.deepcopy(g), copy.deepcopy(d)
        adams = [Adam(net.parameters(), lr=1e-2) for net in nets]
        for k in range(3):
            fake = nets[0](z[k])
            yield d_step(nets[1], adams[1], rules, real[k], fake)
            yield from (weight.grad.clone() for weight in nets[1].parameters())
            yield g_step(nets[1], adams[0], rules, fake)
            yield from (weight.grad.clone() for weight in nets[0].parameters())
        for net in nets:
            yield from net.state_dict().values()
            assert all(weight.requires_grad for weight in net.parameters())

    ours = rounds(lesson["discriminator_step"], lesson["generator_step"])
    theirs = rounds(lambda *given: steps.discriminator_step(*given)[0], steps.generator_step)
    compared = [torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)]
    assert all(compared)
    assert len(compared) > 60


def test_the_loss_of_pairs_and_its_gradients_are_those_of_the_library(lesson):
    for ours, theirs in (
        (lesson["pairs_d_loss"], relativistic_discriminator_loss),
        (lesson["pairs_g_loss"], relativistic_generator_loss),
    ):
        first, second = (4 * torch.randn(2, 16)).requires_grad_(), (4 * torch.randn(2, 16)).requires_grad_()
        values = [rule(first[0], second[0]) for rule in (ours, theirs)]
        slopes = [torch.autograd.grad(value, (first, second)) for value in values]
        assert values[0] == values[1]
        assert all(map(torch.equal, *slopes))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_penalty_and_its_gradients_are_those_of_the_library(lesson, norm):
    d = players(norm)[1]
    images = torch.rand(6, 3, 32, 32) * 2 - 1
    values = [lesson["steepness"](d, images), gradient_penalty(d, images, lambda same: same)]
    slopes = [torch.autograd.grad(value, list(d.parameters()), allow_unused=True) for value in values]
    assert values[0].item() > 0
    assert torch.equal(*values)
    for ours, theirs in zip(*slopes, strict=True):
        assert (ours is None) is (theirs is None)
        assert ours is None or torch.equal(ours, theirs)


def test_noise_on_labels_does_what_labels_higher_by_half_of_it_do():
    torch.manual_seed(0)
    logits = torch.full((100_000,), 1.3), torch.full((100_000,), -0.4)
    noisy = adversarial_loss("bce", Labels(noise=0.1)).discriminator(*logits)
    higher = adversarial_loss("bce", Labels(real=(1.05, 1.05), fake=(0.05, 0.05))).discriminator(*logits)
    hard = adversarial_loss("bce").discriminator(*logits)
    assert noisy.item() == pytest.approx(higher.item(), abs=1e-3)
    assert abs(noisy - hard) > 0.01


def test_the_average_by_hand_is_that_of_the_library(lesson):
    assert lesson["averages"] == pytest.approx(lesson["library_averages"], abs=1e-5)
    late = slice(200, None)
    spreads = [np.std(list(lesson[name][late])) for name in ("weights", "averages")]
    assert 0.1 < spreads[1] / spreads[0] < 0.3


def test_the_sluggish_mean_turns_after_five_steps(lesson):
    mean, turned = 1 - 0.9**10, 0
    while mean > 0:
        mean, turned = 0.9 * mean - 0.1, turned + 1
    assert [lesson["steps_to_turn"](beta) for beta in (0.0, 0.5, 0.9)] == [1, 1, turned]


def test_two_numbers_circle_and_the_penalty_brings_them_home(lesson):
    plain, braked = lesson["plain"], lesson["braked"]
    turns = (plain[1:, 1].sign() != plain[:-1, 1].sign()).sum()
    assert 4 <= turns <= 8
    assert 0.3 < plain[-1].norm() < 0.5
    assert braked[-1].norm() < 0.001
    assert plain[100:].mean(0).norm() < 0.3 * plain[100:].norm(dim=1).mean()


@pytest.mark.usefixtures("full_length")
def test_a_soft_label_makes_d_less_sure_of_the_reals_and_noise_on_labels_of_the_fakes():
    names = names_of([*(PAGE[name] for name in GAME), "rounds = 200"])
    trials = {"hard": Labels(), "soft": Labels(real=(0.9, 0.9)), "noise": Labels(noise=0.1)}
    games = {name: names["play"](rules=adversarial_loss("bce", labels)) for name, labels in trials.items()}
    real, fake = ({name: game.log[-100:, k].mean() for name, game in games.items()} for k in (2, 3))
    assert 0.5 < real["soft"] < real["hard"] - 0.01
    assert real["hard"] + 0.01 < real["noise"] < 1
    assert 0 < fake["hard"] < fake["noise"] - 0.01 < 0.5


@pytest.mark.usefixtures("full_length")
def test_a_slow_d_paints_better_and_a_sluggish_mean_lets_d_win():
    names = names_of([*(PAGE[name] for name in GAME), "rounds = 300"])
    games = {"plain": {}, "slow": {"d_lr": 2.5e-4}, "sluggish": {"beta1": 0.9}}
    games = {name: names["play"](**settings) for name, settings in games.items()}
    score = {name: names["score_of"](game.generator) for name, game in games.items()}
    lead = {name: (game.log[-100:, 2] - game.log[-100:, 3]).mean().item() for name, game in games.items()}
    assert 0.1 < score["slow"] < 0.75 * score["plain"]
    assert score["sluggish"] > 1.2 * score["plain"]
    assert 0 < lead["slow"] < lead["plain"] < lead["sluggish"] - 0.1 < 1


def test_the_quick_game_hands_on_what_it_was_given(lesson):
    seen = []

    def look(images):
        seen.append(images.requires_grad)
        return images

    plain, looked = lesson["play"](), lesson["play"](on_real=look, on_fake=look)
    assert torch.equal(plain.log, looked.log)
    assert seen == [False, True] * lesson["rounds"]
    for settings in ({"d_lr": 2e-3}, {"beta1": 0.9}, {"seed": 1}, {"rules": adversarial_loss("hinge")}):
        assert not torch.equal(lesson["play"](**settings).log, plain.log)
    average = GeneratorEMA(plain.generator, 1).generator
    assert not torch.equal(average.main[0].weight, plain.average.main[0].weight)


@pytest.mark.parametrize("exercise", ANSWERS)
def test_a_solution_passes_its_check_and_what_stood_there_does_not(lesson, exercise):
    check, answers = ANSWERS[exercise]
    assert lesson[check](*(lesson[name] for name in answers)).startswith("Not yet")
    names = dict(lesson)
    exec(EXERCISES[exercise].answer, names)
    assert lesson[check](*(names[name] for name in answers)).startswith("Right")


def nothing(*_):
    return None


def test_hints_for_a_step(lesson):
    check, right = lesson["check_step"], lesson["generator_step"]

    def forgetful(discriminator, optimizer, loss, fake):
        loss.generator(discriminator(fake)).backward()
        optimizer.step()

    def saturating(discriminator, optimizer, loss, fake):
        optimizer.zero_grad()
        (-loss.discriminator(discriminator(fake), discriminator(fake))).backward()
        optimizer.step()

    def restless(discriminator, optimizer, loss, fake):
        right(discriminator, optimizer, loss, fake)
        next(discriminator.parameters()).data += 1

    def zero_last(discriminator, optimizer, loss, fake):
        forgetful(discriminator, optimizer, loss, fake)
        optimizer.zero_grad()

    assert "left over" in check(forgetful)
    assert "stands still" in check(nothing)
    assert "elsewhere" in check(saturating)
    assert "hold still" in check(restless)
    assert "TypeError" in check(lambda: None)
    assert check(zero_last).startswith("Right")


def test_hints_for_a_logit(lesson):
    check = lesson["check_best_logit"]
    assert "wrong sign" in check(lambda y: math.log((1 - y) / y))
    assert "back into a logit" in check(lambda y: y)
    assert "coin" in check(math.log)
    assert "slope" in check(lambda y: math.log10(y / (1 - y)))
    assert "TypeError" in check(nothing)
    assert check(lambda y: torch.logit(torch.tensor(y))).startswith("Right")


def test_hints_for_an_augmentation(lesson):
    check = lesson["check_bleach"]

    def by(share):
        return lambda images: images + share(images) * (1 - images)

    def right(images):
        return 0.5 * torch.rand(len(images), 1, 1, 1)

    assert "same shape" in check(nothing)
    assert "by heart" in check(lambda images: images)
    assert "within a picture" in check(by(lambda images: 0.5 * torch.rand_like(images)))
    assert "Draw one for each" in check(by(lambda _: 0.3))
    assert "evenly" in check(by(lambda images: 2 * right(images)))
    assert "cut the gradient" in check(lambda images: by(right)(images.detach()))
    assert "gradient is not" in check(lambda images: images + (right(images) * (1 - images)).detach())
    assert check(by(right)).startswith("Right")


def test_hints_for_the_hinge(lesson):
    check, mine = lesson["check_hinge"], adversarial_loss("hinge")
    assert "pay nothing" in check(adversarial_loss("bce").discriminator, mine.generator)
    assert "mean" in check(lambda real, fake: 3 * mine.discriminator(real, fake), mine.generator)
    assert "sign" in check(mine.discriminator, lambda fake: fake.mean())
    assert "TypeError" in check(nothing, nothing)
    assert "D's is right" in check(mine.discriminator, lambda fake: -fake.sum())

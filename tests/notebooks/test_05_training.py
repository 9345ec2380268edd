"""What notebook 05 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import copy

import pytest
import torch
from torch.optim import Adam

import ganlib
from ganlib.losses import (
    adversarial_loss,
    relativistic_discriminator_loss,
    relativistic_generator_loss,
)
from ganlib.training import steps
from tests.notebooks.answers import each_right, edited, expect_hint, expect_right, expect_your_turn, solved_by
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import cells_of, names_in_tiny, names_of

PAGE = {name: cell.source for name, cell in cells_of("05_training").items()}
EXERCISES = {exercise.name.removeprefix("exercise-"): exercise for exercise in exercises_of("05_training")}
STEPS = (
    "setup",
    "sizes",
    "pieces",
    *(f"exercise-{name}-step-{part}" for name in "dg" for part in ("yours", "check")),
)
RUN_HERE = (*STEPS, "exercise-loop-yours", "exercise-loop-check", "experiment")


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook's cells define in a tiny run, with the exercises still to be done."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


@pytest.fixture(scope="module")
def solved(lesson):
    """The same, with all exercises solved."""
    return solved_by(lesson, EXERCISES.values())


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_both_steps_are_those_of_the_library_to_the_bit(solved, norm):
    torch.manual_seed(3)
    g = ganlib.DCGANGenerator(size=32, latent_dim=8, width=4)
    d = ganlib.DCGANDiscriminator(32, width=4, norm=norm)
    real, z = torch.rand(3, 6, 3, 32, 32) * 2 - 1, torch.randn(3, 6, 8)
    loss = adversarial_loss("bce")

    def rounds(d_step, g_step):
        nets = copy.deepcopy(g), copy.deepcopy(d)
        adams = [Adam(net.parameters(), lr=1e-2) for net in nets]
        for k in range(3):
            fake = nets[0](z[k])
            yield d_step(nets[1], adams[1], real[k], fake)
            yield g_step(nets[1], adams[0], fake)
        for net in nets:
            yield from net.state_dict().values()
            assert all(weight.requires_grad for weight in net.parameters())

    ours = rounds(solved["discriminator_step"], solved["generator_step"])
    theirs = rounds(
        lambda net, adam, *pictures: steps.discriminator_step(net, adam, loss, *pictures)[0],
        lambda net, adam, fake: steps.generator_step(net, adam, loss, fake),
    )
    compared = [torch.equal(a, b) for a, b in zip(ours, theirs, strict=True)]
    assert all(compared)
    assert len(compared) > 30


def test_the_relativistic_loss_and_its_gradients_are_those_of_the_library(solved):
    for ours, theirs in (
        (solved["my_discriminator_loss"], relativistic_discriminator_loss),
        (solved["my_generator_loss"], relativistic_generator_loss),
    ):
        first, second = (4 * torch.randn(2, 16)).requires_grad_(), (4 * torch.randn(2, 16)).requires_grad_()
        values = [loss(first[0], second[0]) for loss in (ours, theirs)]
        slopes = [torch.autograd.grad(value, (first, second)) for value in values]
        assert torch.allclose(*values)
        assert all(map(torch.allclose, *slopes))


@pytest.mark.usefixtures("full_length")
def test_a_slow_d_gives_better_pictures_and_a_long_memory_lets_d_win():
    names = names_of(PAGE[name] for name in (*STEPS, "experiment"))
    settings = {"same": {}, "slow": {"d_lr": 2.5e-4}, "sluggish": {"beta1": 0.9}}
    runs = {name: names["experiment"](**chosen) for name, chosen in settings.items()}
    distance = {name: names["distance_of"](g) for name, (g, *_) in runs.items()}
    lead = {name: (seen[-100:, 0] - seen[-100:, 1]).mean().item() for name, (*_, seen) in runs.items()}
    assert 0.05 < distance["slow"] < 0.75 * distance["same"]
    assert 1.2 * distance["same"] < distance["sluggish"] < 0.8
    assert 0 < lead["slow"] < lead["same"] < lead["sluggish"] - 0.05 < 1
    assert 0.2 < names["distance_of"](runs["sluggish"][1]) < 0.9 * distance["sluggish"]


def test_an_experiment_hands_pictures_to_both_augmentations_and_keeps_gradients(lesson):
    seen = []

    def look(images):
        seen.append((tuple(images.shape), images.requires_grad))
        return images

    plain, looked = lesson["experiment"](), lesson["experiment"](on_real=look, on_fake=look)
    assert torch.equal(plain[2], looked[2])
    assert seen == [((32, 3, 32, 32), False), ((32, 3, 32, 32), True)] * lesson["ROUNDS"]


D_STEP = """
def discriminator_step(discriminator, optimizer, real, fake):
    optimizer.zero_grad()
    real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
    loss = bce(real_logits, torch.ones_like(real_logits)) + bce(fake_logits, torch.zeros_like(fake_logits))
    loss.backward()
    optimizer.step()
    return loss
"""
G_STEP = """
def generator_step(discriminator, optimizer, fake):
    optimizer.zero_grad()
    logits = discriminator(fake)
    loss = bce(logits, torch.ones_like(logits))
    loss.backward()
    optimizer.step()
    return loss
"""
LOOP = """
def training_loop(generator, discriminator, g_optimizer, d_optimizer, batches):
    losses = []
    for real in batches:
        fake = generator(torch.randn(len(real), generator.latent_dim))
        d_loss = d_step(discriminator, d_optimizer, real, fake)
        g_loss = g_step(discriminator, g_optimizer, fake)
        losses.append((d_loss, g_loss))
    return losses
"""
FADE = """
def fade(images):
    share = torch.rand(len(images), 1, 1, 1) / 2
    return images + share * (1 - images)
"""
PAIRS = """
def my_discriminator_loss(real_logits, fake_logits):
    return softplus(-(real_logits - fake_logits)).mean()


def my_generator_loss(fake_logits, real_logits):
    return softplus(-(fake_logits - real_logits)).mean()
"""


ZERO_GRAD, BACKWARD, STEP = ("    optimizer.zero_grad()\n", "    loss.backward()\n", "    optimizer.step()\n")
RETURN, FREEZE = "    return loss\n", "    discriminator.requires_grad_(False)\n"
FIRST = "    optimizer.zero_grad()\n"
BCE = "bce(logits, torch.ones_like(logits))"
DRAWN = "torch.randn(len(real), generator.latent_dim)"
SHARE = "torch.rand(len(images), 1, 1, 1)"
RIGHT = {
    "d-step": [
        D_STEP,
        """
def discriminator_step(net, adam, x, fakes):
    with torch.no_grad():
        images = fakes.clone()
    on_real, on_fake = net(x), net(images)
    loss = torch.nn.functional.softplus(-on_real).mean() + torch.nn.functional.softplus(on_fake).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()
""",
        """
def discriminator_step(discriminator, optimizer, real, fake):
    for parameter in discriminator.parameters():
        parameter.grad = None
    fake = fake.detach()
    ones, zeros = torch.ones(len(real)), torch.zeros(len(fake))
    real_loss, fake_loss = bce(discriminator(real), ones), bce(discriminator(fake), zeros)
    real_loss.backward()
    fake_loss.backward()
    optimizer.step()
    return real_loss.detach() + fake_loss.detach()
""",
    ],
    "g-step": [
        G_STEP,
        edited(
            G_STEP,
            (FIRST, FIRST + FREEZE),
            (STEP, STEP + FREEZE.replace("False", "True")),
            (RETURN, RETURN[:-1] + ".item()\n"),
        ),
        """
def generator_step(judge, adam, images):
    loss = -torch.log(torch.sigmoid(judge(images))).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss
""",
    ],
    "loop": [
        LOOP,
        edited(LOOP, ("        g_loss", f"        fake = generator({DRAWN})\n        g_loss")),
        """
def training_loop(g, d, g_adam, d_adam, batches):
    def iteration(real):
        fake = g(torch.randn(len(real), g.latent_dim))
        return [float(d_step(d, d_adam, real, fake)), float(g_step(d, g_adam, fake))]

    return [iteration(batch) for batch in batches]
""",
    ],
    "augment": [
        FADE,
        """
def fade(images):
    s = torch.empty(images.shape[0], device=images.device).uniform_(0, 0.5)
    return torch.lerp(images, torch.ones_like(images), s.view(-1, 1, 1, 1))
""",
        """
def fade(images):
    return torch.stack([image + 0.5 * torch.rand(1) * (1 - image) for image in images])
""",
    ],
    "pairs": [
        PAIRS,
        edited(
            PAIRS,
            ("softplus(-(real_logits - fake_logits))", "torch.log(1 + (fake_logits - real_logits).exp())"),
        ),
        """
def my_discriminator_loss(a, b):
    return torch.nn.functional.binary_cross_entropy_with_logits(a - b, torch.ones_like(a))


def my_generator_loss(b, a):
    return -torch.nn.functional.logsigmoid(b - a).mean(0, keepdim=True)
""",
    ],
}
WRONG = [
    ("d-step", "G has received", edited(D_STEP, ("fake.detach()", "fake"))),
    ("d-step", "gets worse", edited(D_STEP, ("ones", "twos"), ("zeros", "ones"), ("twos", "zeros"))),
    ("d-step", "left over", edited(D_STEP, (ZERO_GRAD, ""))),
    ("d-step", "have not changed", edited(D_STEP, (STEP, ""))),
    ("d-step", "have not changed", edited(D_STEP, (BACKWARD, ""))),
    ("d-step", "return the loss", edited(D_STEP, (RETURN, ""))),
    ("d-step", "not as far", edited(D_STEP, (BACKWARD, "    loss = loss / 2\n" + BACKWARD))),
    ("d-step", "stops with", edited(D_STEP, ("bce(real_logits,", "bce(real,"))),
    ("g-step", "have not changed", edited(G_STEP, ("(fake)\n", "(fake.detach())\n"))),
    ("g-step", "moves away", edited(G_STEP, ("ones", "zeros"))),
    ("g-step", "left over", edited(G_STEP, (ZERO_GRAD, ""))),
    ("g-step", "still frozen", edited(G_STEP, (FIRST, FIRST + FREEZE))),
    ("g-step", "return the loss", edited(G_STEP, (RETURN, ""))),
    ("g-step", "not as the loss", edited(G_STEP, (BCE, "-" + BCE.replace("ones", "zeros")))),
    ("g-step", "stops with", edited(G_STEP, (BCE, "bce(logits, 1)"))),
    ("loop", "G did not change", edited(LOOP, ("g_step(discriminator, g_optimizer, fake)", "0.0"))),
    ("loop", "D did not change", edited(LOOP, ("d_step(discriminator, d_optimizer, real, fake)", "0.0"))),
    ("loop", "weights differ", edited(LOOP, (DRAWN, "torch.ones(len(real), 8)"))),
    ("loop", "weights differ", edited(LOOP, ("    return", "        break\n    return"))),
    ("loop", "Return a list", edited(LOOP, ("    return losses\n", ""))),
    ("loop", "D's loss first", edited(LOOP, ("(d_loss, g_loss)", "(g_loss, d_loss)"))),
    ("loop", "stops with", edited(LOOP, ("len(real)", "real"))),
    ("augment", "stops with", edited(FADE, (", 1, 1, 1", ""))),
    ("augment", "within a picture", edited(FADE, (SHARE, "torch.rand_like(images)"))),
    ("augment", "have the same s", edited(FADE, (SHARE, "torch.rand(1)"))),
    ("augment", "fill 0 to 0.5", edited(FADE, (" / 2", ""))),
    (
        "augment",
        "no gradient passes",
        edited(
            FADE, ("images + share", "images.detach() + share"), ("(1 - images)", "(1 - images.detach())")
        ),
    ),
    (
        "augment",
        "same shape",
        edited(
            FADE,
            ("(1 - images)", "(1 - images)[:1].mean(0)"),
            ("return images", "return images.mean(0)"),
            ("share *", "0.5 *"),
        ),
    ),
    ("augment", "unchanged", "def fade(images):\n    return images\n"),
    ("pairs", "wrong sign", edited(PAIRS, ("-(", "("))),
    ("pairs", "still knows", edited(PAIRS, (".mean()", ".mean().item()"))),
    ("pairs", "one number", edited(PAIRS, (".mean()", ""))),
    ("pairs", "the sum", edited(PAIRS, (".mean()", ".sum()"))),
    ("pairs", "G's loss is not", edited(PAIRS, ("-(fake_logits - real_logits)", "-fake_logits"))),
    ("pairs", "stops with", edited(PAIRS, ("real_logits - fake_logits", "real - fake"))),
]


@each_right(RIGHT)
def test_a_right_answer_is_right_however_it_is_written(solved, exercise, answer):
    expect_right(solved, PAGE, exercise, answer)


@pytest.mark.parametrize(("exercise", "hint", "answer"), WRONG)
def test_a_wrong_answer_gets_the_hint_that_helps(solved, exercise, hint, answer):
    expect_hint(solved, PAGE, exercise, answer, hint)


@pytest.mark.parametrize("exercise", RIGHT)
def test_nothing_written_is_your_turn_and_a_check_leaves_no_trace(solved, exercise):
    before = copy.deepcopy(solved["discriminator"].state_dict())
    expect_your_turn(solved, PAGE, exercise)
    after = solved["discriminator"].state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())

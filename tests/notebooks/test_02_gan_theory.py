"""What notebook 02 builds by hand is what ganlib holds, its claims hold, and its checks are fair."""

import math
import re

import pytest
import torch
from torch.distributions import Normal

from ganlib import losses
from ganlib.course import toy
from ganlib.course.toy import ToyGAN, ToySettings
from tests.notebooks.lesson import cells_of, names_in_tiny, said_of

PAGE = {name: cell.source for name, cell in cells_of("02_gan_theory").items()}
PICTURES = ("image-data", "image-networks", "image-training", "image-samples")
RUN_HERE = [
    name
    for name, cell in cells_of("02_gan_theory").items()
    if cell.cell_type == "code" and name not in ("sliders", *PICTURES)
]


@pytest.fixture(scope="module")
def lesson():
    """The names that the notebook defines in a tiny run, but for its sliders and its GAN on pictures."""
    return names_in_tiny(PAGE[name] for name in RUN_HERE)


def test_training_by_hand_is_that_of_the_library_to_the_bit(lesson):
    by_hand = lesson["train"](20, 10)
    gan = ToyGAN(ToySettings())
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
    torch.manual_seed(3)
    points = lesson["sample_real"](9)
    torch.manual_seed(3)
    assert torch.equal(points, toy.toy_distribution("eight Gaussians").sample(9))


def test_losses_by_hand_are_those_of_the_library_and_so_are_their_gradients(lesson):
    for ours, theirs, count in (
        (lesson["d_loss"], losses.bce_discriminator_loss, 2),
        (lesson["g_loss"], losses.bce_generator_loss, 1),
    ):
        logits = [(4 * torch.randn(9)).requires_grad_() for _ in range(count)]
        assert torch.equal(ours(*logits), theirs(*logits))
        gradients = [torch.autograd.grad(loss(*logits), logits) for loss in (ours, theirs)]
        assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_v_of_the_best_discriminator_is_the_divergence(lesson):
    for mean, width in ((0.0, 1.0), (1.5, 0.7), (4.0, 2.0)):
        p, q = Normal(0.0, 1.0), Normal(mean, width)
        value = 2 * lesson["divergence"](p, q).item() - math.log(4)
        assert lesson["best_value"](p, q).item() == pytest.approx(value, abs=1e-6)


def test_steps_at_once_go_outwards_and_steps_in_turns_go_round(lesson):
    outwards = lesson["path"](lesson["at_once"]).norm(dim=1)
    assert (outwards[1:] / outwards[:-1]).tolist() == pytest.approx([math.sqrt(1.04)] * 100, rel=1e-4)
    x, y = lesson["path"](lesson["in_turns"]).T
    assert (x**2 + y**2 - 0.2 * x * y).tolist() == pytest.approx([1.8] * 101, rel=1e-4)


@pytest.mark.usefixtures("full_length")
def test_a_hasty_generator_collapses_and_both_cures_help():
    hasty = ToyGAN(ToySettings(g_steps=10))
    assert max(snapshot.modes for snapshot in hasty.snapshots(75, 4)) <= 1
    answered = ToyGAN(ToySettings(g_steps=10, d_steps=10))
    answered.train(100)
    assert 6 <= answered.snapshot().modes <= 8
    short = ToyGAN(ToySettings(g_steps=10, g_lr=5e-5))
    short.train(300)
    assert 6 <= short.snapshot().modes <= 8


def test_the_gan_on_pictures_is_a_few_lines_of_pytorch_and_trains(lesson):
    cells = [PAGE[name] for name in PICTURES]
    assert sum(bool(line.strip()) for cell in cells for line in cell.splitlines()) <= 60
    assert 'device = "cuda" if torch.cuda.is_available() else "cpu"' in cells[0]
    names = names_in_tiny([PAGE[name] for name in RUN_HERE] + cells)
    assert {look.shape for look in names["looks"]} == {(8, 3, 32, 32)}
    assert not torch.equal(names["looks"][0], names["looks"][-1])
    assert next(names["generator"].parameters()).device.type == names["device"]


ANSWERS = {
    "uneven": [
        ("", "Your turn"),
        ("def my_best(p_x, q_x, s):\n    return p_x / (p_x + q_x)", "equal shares"),
        ("def my_best(p_x, q_x, s):\n    return (1 - s) * p_x / ((1 - s) * p_x + s * q_x)", "swapped"),
        ("def my_best(p_x, q_x, s):\n    return s * p_x / (p_x + q_x)", "too low"),
        ("def my_best(p_x, q_x, s):\n    return (s * p_x / ((1 - s) * q_x)).log()", "sigmoid"),
        ("def my_best(p_x, q_x, s):\n    return (s * p_x / (s * p_x + (1 - s) * q_x)).mean()", "241"),
        ("def my_best(p_x, q_x, s):\n    return s * p_x.nothing", "stops with AttributeError"),
        ("my_best = 0.5", "Keep the name"),
        ("def my_best(p, q, s):\n    return s * p / (s * p + (1 - s) * q)", "Right"),
        ("def my_best(p, q, s):\n    return torch.sigmoid((p / q).log() + math.log(s / (1 - s)))", "Right"),
        ("def my_best(p, q, s):\n    p *= s\n    q *= 1 - s\n    return p.float() / (p + q)", "Right"),
        ("def my_best(p, q, s):\n    return [s * a / (s * a + (1 - s) * b) for a, b in zip(p, q)]", "Right"),
        ("my_best = lambda p, q, s: 1 / (1 + (1 - s) / s * (q / (p + 1e-12)).numpy())", "Right"),
    ],
    "losses": [
        ("", "Your turn: write my_d_loss"),
        ("{d}", "Your turn: write my_g_loss"),
        ("def my_d_loss(r, f):\n    return (-logsigmoid(r) - logsigmoid(-f)).sum()\n{g}", "take means"),
        ("def my_d_loss(r, f):\n    return -logsigmoid(r) - logsigmoid(-f)\n{g}", "3 numbers"),
        (
            "def my_d_loss(r, f):\n    return -logsigmoid(torch.cat([r, -f])).mean()\n{g}",
            "half of it",
        ),
        ("def my_d_loss(r, f):\n    return -logsigmoid(-r).mean() - logsigmoid(f).mean()\n{g}", "swapped"),
        ("def my_d_loss(r, f):\n    return logsigmoid(r).mean() + logsigmoid(-f).mean()\n{g}", "sign"),
        (
            "def my_d_loss(r, f):\n    return -(r.sigmoid().log() + (1 - f.sigmoid()).log()).mean()\n{g}",
            "gives inf for logits of",
        ),
        ("{d}\ndef my_g_loss(f):\n    return logsigmoid(-f).mean()", "is the saturating loss"),
        ("{d}\ndef my_g_loss(f):\n    return -logsigmoid(-f).mean()", "label 0"),
        ("{d}\ndef my_g_loss(f):\n    return (-logsigmoid(f).mean()).item()", "without a gradient"),
        ("{d}\ndef my_g_loss(f):\n    return f.nothing", "AttributeError"),
        ("{d}\n{g}", "Right"),
        (
            "from torch.nn.functional import binary_cross_entropy_with_logits as loss\n"
            "def my_d_loss(a, b):\n    return loss(a, torch.ones(len(a))) + loss(b, torch.zeros(len(b)))\n"
            "def my_g_loss(a):\n    return loss(a, torch.ones_like(a))[None]",
            "Right",
        ),
        (
            "def my_d_loss(a, b):\n    return sum(softplus(-a) + softplus(b)) / len(a)\n"
            "def my_g_loss(a):\n    return torch.log1p(torch.exp(-a.abs())).mean() + torch.relu(-a).mean()",
            "Right",
        ),
    ],
    "gradient": [
        ("", "Your turn"),
        ("{x}return -grad(g_loss(D(x)), x)[0]", "sign"),
        ("{x}return grad(-logsigmoid(D(x)).sum(), x)[0]", "too large"),
        ("{x}return grad(D(x).mean(), x)[0]", "lengths do not"),
        ("{x}return grad(d_loss(D(x), D(x)), x)[0]", "not|other"),
        ("{x}return g_loss(D(x))", "1 numbers"),
        ("def my_gradient(D, x):\n    return grad(g_loss(D(x)), x)[0]", "hint 2"),
        ("{x}return grad(g_loss(D(x.detach())), x)[0]", "hint 2"),
        ("{x}return grad(g_loss(D(x)), x)[0]", "Right"),
        ("{x}g_loss(D(x)).backward()\n    return x.grad", "Right"),
        ("{x}return grad(g_loss(D(x)), x)", "Right"),
        ("{x}return -(1 - D(x).sigmoid())[:, None] * grad(D(x).sum(), x)[0] / len(x)", "Right"),
    ],
    "ahead": [
        ("", "Your turn"),
        ("def my_step(x, y, rate):\n    return at_once(x, y, rate)", "step from x and y"),
        ("def my_step(x, y, rate):\n    return at_once(*at_once(x, y, rate), rate)", "place ahead"),
        ("def my_step(x, y, rate):\n    return in_turns(x, y, rate)", "closed loop"),
        ("def my_step(x, y, rate):\n    return 0.9 * x, 0.9 * y", "its slope"),
        ("def my_step(x, y, rate):\n    return 0.0, 0.0", "its slope"),
        ("{ahead}return x + rate * b, y - rate * a", "its slope"),
        ("{ahead}return x - rate * a, y + rate * b", "its slope"),
        ("{ahead}return x - rate * b, y + rate * a, rate", "two numbers"),
        ("{ahead}return x - rate * b", "two numbers"),
        ("{ahead}return x - rate * b, y + rate * (x - rate * b) / 0.9", "away|its slope"),
        ("{ahead}return x - rate * b, y + rate * a", "Right"),
        ("{ahead}return torch.tensor([x - rate * b, y + rate * a])", "Right"),
        ("{ahead}x -= rate * b\n    y += rate * a\n    return [x, torch.tensor([y])[0]]", "Right"),
        ("{ahead}x = x - rate * b\n    return x, y + rate * x", "Right"),
    ],
}
PARTS = {
    "{d}": "def my_d_loss(r, f):\n    return -logsigmoid(r).mean() - logsigmoid(-f).mean()",
    "{g}": "def my_g_loss(f):\n    return -logsigmoid(f).mean()",
    "{x}": "grad = torch.autograd.grad\ndef my_gradient(D, x):\n    x = x.requires_grad_()\n    ",
    "{ahead}": "def my_step(x, y, rate):\n    a, b = at_once(x, y, rate)\n    ",
}
EACH = [(exercise, *case) for exercise, cases in ANSWERS.items() for case in cases]


@pytest.mark.parametrize(("exercise", "answer", "said"), EACH)
def test_a_check_is_fair_and_changes_nothing(lesson, exercise, answer, said):
    for part, code in PARTS.items():
        answer = answer.replace(part, code)
    lesson["grad"] = torch.autograd.grad
    kept = {name: lesson[name].clone() for name in ("p_x", "q_x", "best")}
    weights = [one.clone() for one in lesson["discriminator"].parameters()]
    found = said_of(lesson, PAGE, exercise, answer)
    assert re.search(said, found), found
    assert found.startswith(said.split(":")[0] if said.startswith(("Right", "Your turn")) else "Not yet: ")
    assert all(torch.equal(lesson[name], before) for name, before in kept.items())
    for one, before in zip(lesson["discriminator"].parameters(), weights, strict=True):
        assert torch.equal(one, before)
        assert one.grad is None or one.grad.isfinite().all()


@pytest.mark.parametrize("exercise", ANSWERS)
def test_each_check_knows_five_wrong_and_three_right_answers(exercise):
    right = sum(said == "Right" for _, said in ANSWERS[exercise])
    assert right >= 3
    assert len(ANSWERS[exercise]) - right >= 5

import math

import pytest
import torch

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import (
    LOSSES,
    AdversarialLoss,
    Labels,
    adversarial_loss,
    bce_discriminator_loss,
    bce_generator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    with_noise,
)

REAL = torch.tensor([2.0, -1.0, 0.5])
FAKE = torch.tensor([-3.0, 0.25, 1.0])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_bce_is_the_formula_of_the_paper():
    real = sum(-math.log(sigmoid(x)) for x in REAL.tolist()) / 3
    fake = sum(-math.log(1 - sigmoid(x)) for x in FAKE.tolist()) / 3
    assert bce_discriminator_loss(REAL, FAKE).item() == pytest.approx(real + fake, rel=1e-6)
    wanted = sum(-math.log(sigmoid(x)) for x in FAKE.tolist()) / 3
    assert bce_generator_loss(FAKE).item() == pytest.approx(wanted, rel=1e-6)


def test_hinge_is_the_formula_of_the_paper():
    assert hinge_discriminator_loss(REAL, FAKE).item() == pytest.approx(
        (0 + 2 + 0.5) / 3 + (0 + 1.25 + 2) / 3
    )
    assert hinge_generator_loss(FAKE).item() == pytest.approx((3 - 0.25 - 1) / 3)


def test_logits_far_off_keep_loss_and_gradient():
    logits = torch.tensor([-200.0], requires_grad=True)
    loss = bce_generator_loss(logits)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert logits.grad.item() == pytest.approx(-1)


def test_soft_labels_are_drawn_from_their_ranges():
    labels = Labels(real=(0.9, 1.0), fake=(0.0, 0.05), generator=(0.95, 1.0), noise=0.0)
    drawn = labels.draw(labels.real, torch.zeros(10_000))
    assert 0.9 <= drawn.min() < 0.901 < 0.999 < drawn.max() <= 1
    assert drawn.mean().item() == pytest.approx(0.95, abs=0.002)


def test_noise_is_added_to_the_labels():
    labels = Labels(noise=0.05)
    drawn = labels.draw(labels.fake, torch.zeros(10_000))
    assert 0 <= drawn.min() < 0.001 < 0.049 < drawn.max() <= 0.05


def distance_from_even(drawn: torch.Tensor, low: float, high: float) -> float:
    """Kolmogorov and Smirnov's distance between numbers and U(low, high), times the root of their count."""
    count = len(drawn)
    steps = torch.arange(1, count + 1) / count
    return ((drawn.sort().values - low) / (high - low) - steps).abs().max().item() * count**0.5


@pytest.mark.parametrize("bounds", [(0.9, 1.0), (0.0, 0.05), (0.95, 1.0), (0.0, 1.0)])
def test_soft_labels_are_even_over_their_whole_range(bounds):
    drawn = Labels().draw(bounds, torch.zeros(20_000))
    assert bounds[0] <= drawn.min() < drawn.max() <= bounds[1]
    assert 0.1 < distance_from_even(drawn, *bounds) < 1.6  # in 98 of 100 draws from a true U


def test_labels_have_the_range_of_their_own_player():
    labels = Labels(real=(0.9, 1.0), fake=(0.0, 0.05), generator=(0.6, 0.7))
    seen = []
    draw = labels.draw
    object.__setattr__(labels, "draw", lambda bounds, logits: seen.append(bounds) or draw(bounds, logits))
    adversarial_loss("bce", labels).discriminator(REAL, FAKE)
    assert seen == [(0.9, 1.0), (0.0, 0.05)]
    adversarial_loss("bce", labels).generator(FAKE)
    assert seen[2:] == [(0.6, 0.7)]


def test_every_picture_draws_its_own_label_and_every_step_anew():
    labels = Labels(noise=0.05)
    first, second = (labels.draw((0.9, 1.0), torch.zeros(50)) for _ in range(2))
    assert len(first.unique()) == 50
    assert not torch.isin(first, second).any()


def test_hard_labels_draw_no_random_numbers():
    before = torch.get_rng_state()
    loss = adversarial_loss("bce")
    loss.discriminator(REAL, FAKE)
    loss.generator(FAKE)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("bounds", "middle"), [((1.0, 1.0), 1.025), ((0.0, 0.0), 0.025), ((0.5, 0.7), 0.625)]
)
def test_label_noise_comes_on_top_of_every_label(bounds, middle):
    drawn = Labels(noise=0.05).draw(bounds, torch.zeros(20_000))
    assert bounds[0] <= drawn.min() < drawn.max() <= bounds[1] + 0.05
    assert drawn.mean().item() == pytest.approx(middle, abs=0.002)
    if bounds[0] == bounds[1]:
        assert 0.1 < distance_from_even(drawn, bounds[0], bounds[0] + 0.05) < 1.6


class Seen:
    """The logits by which each player was judged."""

    def loss(self):
        return AdversarialLoss(self.discriminator, self.generator)

    def discriminator(self, real, fake):
        self.real, self.fake = real, fake
        return real.mean()

    def generator(self, fake):
        self.painted = fake
        return fake.mean()


def test_noise_spreads_d_s_logits_as_told_and_none_of_g_s():
    seen = Seen()
    loss = with_noise(seen.loss(), 0.2)
    logits = torch.linspace(-3, 3, 20_000)
    loss.discriminator(logits, -logits)
    loss.generator(logits)
    real, fake = seen.real - logits, seen.fake + logits
    for noise in (real, fake):
        assert noise.mean().item() == pytest.approx(0, abs=4 * 0.2 / 20_000**0.5)
        assert noise.std().item() == pytest.approx(0.2, rel=0.02)
        assert (noise.abs() < 0.2).float().mean().item() == pytest.approx(0.6827, abs=0.015)  # normal
    assert abs(torch.corrcoef(torch.stack([real, fake]))[0, 1]) < 0.03
    assert seen.painted is logits


def test_noise_lets_the_gradient_through():
    logits = torch.randn(4, requires_grad=True)
    seen = Seen()
    with_noise(seen.loss(), 0.2).discriminator(logits, FAKE).backward()
    assert torch.equal(logits.grad, torch.full((4,), 0.25))


def test_no_noise_is_the_very_same_loss():
    loss = adversarial_loss("bce")
    before = torch.get_rng_state()
    assert with_noise(loss, 0.0) is loss
    assert torch.equal(before, torch.get_rng_state())


def test_labels_change_the_loss_as_the_formula_says():
    labels = Labels(real=(0.8, 0.8))
    wanted = sum(-0.8 * math.log(sigmoid(x)) - 0.2 * math.log(1 - sigmoid(x)) for x in REAL.tolist()) / 3
    wanted += sum(-math.log(1 - sigmoid(x)) for x in FAKE.tolist()) / 3
    assert adversarial_loss("bce", labels).discriminator(REAL, FAKE).item() == pytest.approx(wanted, rel=1e-6)
    soft = adversarial_loss("bce", Labels(generator=(0.7, 0.7))).generator(FAKE).item()
    wanted = sum(-0.7 * math.log(sigmoid(x)) - 0.3 * math.log(1 - sigmoid(x)) for x in FAKE.tolist()) / 3
    assert soft == pytest.approx(wanted, rel=1e-6)


def test_an_unknown_loss_names_the_known_ones():
    with pytest.raises(GanlibError, match="bce, hinge, relativistic"):
        adversarial_loss("wgan")


def test_the_relativistic_losses_compare_each_painted_picture_with_a_real_one():
    gaps = (REAL - FAKE).tolist()
    loss = adversarial_loss("relativistic")
    wanted = sum(-math.log(sigmoid(gap)) for gap in gaps) / 3
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(wanted, rel=1e-6)
    wanted = sum(-math.log(sigmoid(-gap)) for gap in gaps) / 3
    assert loss.generator(FAKE, REAL).item() == pytest.approx(wanted, rel=1e-6)
    assert [adversarial_loss(name).of_pairs for name in LOSSES] == [False, False, True]


def test_what_all_logits_have_in_common_is_nothing_to_the_relativistic_losses():
    loss = adversarial_loss("relativistic")
    for player in (loss.discriminator, lambda real, fake: loss.generator(fake, real)):
        assert player(REAL + 5, FAKE + 5).item() == pytest.approx(player(REAL, FAKE).item(), rel=1e-5)


def test_noise_keeps_a_loss_one_of_pairs():
    assert with_noise(adversarial_loss("relativistic"), 0.1).of_pairs


IMAGES = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def test_the_penalty_is_the_squared_length_of_the_gradient_at_each_picture():
    half_square = gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, IMAGES, Augment())
    assert half_square.item() == pytest.approx(IMAGES.square().sum((1, 2, 3)).mean().item(), rel=1e-5)


def test_the_penalty_teaches_d_a_shorter_gradient():
    weights = torch.full((3, 8, 8), 0.5, requires_grad=True)
    value = gradient_penalty(lambda x: (weights * x).sum((1, 2, 3)), IMAGES, Augment())
    assert value.item() == pytest.approx(192 * 0.25, rel=1e-5)
    value.backward()
    assert torch.allclose(weights.grad, 2 * weights)


def test_the_penalty_is_taken_at_the_pictures_as_they_are():
    """Twice the contrast makes D's gradient at the picture before it twice as long."""
    plain, louder = (
        gradient_penalty(lambda x: x.sum((1, 2, 3)), IMAGES, augment)
        for augment in (Augment(), lambda images: 2 * images)
    )
    assert louder.item() == pytest.approx(4 * plain.item(), rel=1e-5)


def test_the_penalty_is_in_full_precision_and_leaves_the_pictures_alone():
    net = torch.nn.Conv2d(3, 1, 8)
    images = IMAGES.to(torch.bfloat16)
    plain = gradient_penalty(net, images, Augment())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = gradient_penalty(net, images, Augment())
    assert mixed.dtype == torch.float32
    assert torch.equal(plain, mixed)
    assert images.grad is None
    assert not images.requires_grad

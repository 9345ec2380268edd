import math

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.losses import (
    Labels,
    adversarial_loss,
    bce_discriminator_loss,
    bce_generator_loss,
    hinge_discriminator_loss,
    hinge_generator_loss,
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


def test_labels_change_the_loss_as_the_formula_says():
    labels = Labels(real=(0.8, 0.8))
    wanted = sum(-0.8 * math.log(sigmoid(x)) - 0.2 * math.log(1 - sigmoid(x)) for x in REAL.tolist()) / 3
    wanted += sum(-math.log(1 - sigmoid(x)) for x in FAKE.tolist()) / 3
    assert adversarial_loss("bce", labels).discriminator(REAL, FAKE).item() == pytest.approx(wanted, rel=1e-6)
    soft = adversarial_loss("bce", Labels(generator=(0.7, 0.7))).generator(FAKE).item()
    wanted = sum(-0.7 * math.log(sigmoid(x)) - 0.3 * math.log(1 - sigmoid(x)) for x in FAKE.tolist()) / 3
    assert soft == pytest.approx(wanted, rel=1e-6)


def test_an_unknown_loss_names_the_known_ones():
    with pytest.raises(GanlibError, match="bce, hinge"):
        adversarial_loss("wgan")

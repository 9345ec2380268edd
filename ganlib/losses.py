"""Adversarial losses and gradient penalties: pure functions of logits, and of D and what it sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, relu, softplus

from ganlib.errors import GanlibError

LOSSES = ("bce", "hinge", "relativistic")


@dataclass(frozen=True)
class Labels:
    """The labels D learns, each drawn evenly from a range, and the noise added to them.

    A range such as (0.9, 1.0) is label smoothing (Salimans et al. 2016); `noise` adds U(0, noise).
    """

    real: tuple[float, float] = (1.0, 1.0)
    fake: tuple[float, float] = (0.0, 0.0)
    generator: tuple[float, float] = (1.0, 1.0)
    noise: float = 0.0

    def draw(self, bounds: tuple[float, float], logits: Tensor) -> Tensor:
        """Draw labels (N,) for logits (N,) evenly from `bounds`, and add the noise."""
        low, high = bounds
        labels = torch.full_like(logits, low)
        if high > low:
            labels += (high - low) * torch.rand_like(logits)
        if self.noise:
            labels += self.noise * torch.rand_like(logits)
        return labels


HARD = Labels()


def bce_discriminator_loss(real_logits: Tensor, fake_logits: Tensor, labels: Labels = HARD) -> Tensor:
    """Compute -log D(x) - log(1 - D(G(z))), batch means, from logits (N,), (N,) (Goodfellow et al. 2014)."""
    real = binary_cross_entropy_with_logits(real_logits, labels.draw(labels.real, real_logits))
    fake = binary_cross_entropy_with_logits(fake_logits, labels.draw(labels.fake, fake_logits))
    return real + fake


def bce_generator_loss(fake_logits: Tensor, labels: Labels = HARD) -> Tensor:
    """Compute -log D(G(z)), batch mean, from logits (N,): the non-saturating loss (Goodfellow 2014)."""
    return binary_cross_entropy_with_logits(fake_logits, labels.draw(labels.generator, fake_logits))


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Compute max(0, 1 - D(x)) + max(0, 1 + D(G(z))), batch means, from logits (N,), (N,) (Lim & Ye 2017)."""
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def hinge_generator_loss(fake_logits: Tensor) -> Tensor:
    """Compute -D(G(z)), batch mean, from logits (N,) (Lim & Ye 2017)."""
    return -fake_logits.mean()


def relativistic_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Compute -log sigmoid(D(x) - D(G(z))), pairs' mean, of logits (N,), (N,) (Jolicoeur-Martineau 2019)."""
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Compute -log sigmoid(D(G(z)) - D(x)), mean over pairs of logits (N,), (N,) (Huang et al. 2024)."""
    return softplus(real_logits - fake_logits).mean()


def gradient_penalty(
    discriminator: Callable[..., Tensor],
    images: Tensor,
    augment: Callable[[Tensor], Tensor],
    *labels: Tensor,
) -> Tensor:
    """Compute the squared length of D's gradient at the images (N, 3, H, W), batch mean.

    At real images it is R1, at generated ones R2 (Mescheder et al. 2018). It is taken at the images as they
    are, through their augmentation, and in fp32, since squares of small numbers vanish in half precision.
    """
    images = images.detach().float().requires_grad_()
    with torch.autocast(images.device.type, enabled=False):
        logits = discriminator(augment(images), *labels)
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


class AdversarialLoss(NamedTuple):
    """What D minimises, of real and fake logits, and what G minimises, of fake logits.

    Where a loss looks at pairs, G's takes the real logits, too.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    of_pairs: bool = False


def with_noise(loss: AdversarialLoss, sd: float) -> AdversarialLoss:
    """Add N(0, sd) to every logit that enters D's loss, which slows D down."""
    if not sd:
        return loss

    def noisy(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = real_logits + sd * torch.randn_like(real_logits)
        return loss.discriminator(real, fake_logits + sd * torch.randn_like(fake_logits))

    return loss._replace(discriminator=noisy)


def adversarial_loss(name: str, labels: Labels = HARD) -> AdversarialLoss:
    """Return the losses called `name`: "bce" (which alone has labels), "hinge" or "relativistic".

    Raises:
        GanlibError: there is no such loss.
    """
    if name == "bce":
        return AdversarialLoss(
            lambda real, fake: bce_discriminator_loss(real, fake, labels),
            lambda fake: bce_generator_loss(fake, labels),
        )
    if name == "hinge":
        return AdversarialLoss(hinge_discriminator_loss, hinge_generator_loss)
    if name == "relativistic":
        return AdversarialLoss(relativistic_discriminator_loss, relativistic_generator_loss, of_pairs=True)
    raise GanlibError(f"There is no loss '{name}': choose one of {', '.join(LOSSES)}.")

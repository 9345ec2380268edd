"""One step of each player: the whole game in two functions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganlib.augment import Augment
from ganlib.losses import AdversarialLoss

Backward = Callable[[Tensor], None]
_UNCHANGED = Augment()


def discriminator_step(
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: AdversarialLoss,
    real: Tensor,
    fake: Tensor,
    augment: Callable[[Tensor], Tensor] = _UNCHANGED,
    backward: Backward = Tensor.backward,
) -> tuple[Tensor, Tensor, Tensor]:
    """Teach D to tell real from fake, both (N, 3, S, S).

    Returns the loss and the real and fake logits (N,), without gradient.
    """
    optimizer.zero_grad()
    real_logits = discriminator(augment(real))
    fake_logits = discriminator(augment(fake.detach()))  # G learns nothing here
    value = loss.discriminator(real_logits, fake_logits)
    backward(value)
    optimizer.step()
    return value.detach(), real_logits.detach(), fake_logits.detach()


def generator_step(
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: AdversarialLoss,
    fake: Tensor,
    augment: Callable[[Tensor], Tensor] = _UNCHANGED,
    backward: Backward = Tensor.backward,
    real: Tensor | None = None,
) -> Tensor:
    """Teach G, which painted `fake` (N, 3, S, S), to be taken for real; returns the loss.

    A loss of pairs also needs `real` pictures of the same shape: what D says of them must come from the same
    D, since only the difference of the two means something.
    """
    optimizer.zero_grad()
    with frozen(discriminator):  # gradients pass through D but are not computed for its weights
        logits = [discriminator(augment(fake))]
        if real is not None:
            with torch.no_grad():
                logits += [discriminator(augment(real))]
        value = loss.generator(*logits)
        backward(value)
    optimizer.step()
    return value.detach()


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Compute no gradients for the weights of `net`."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)

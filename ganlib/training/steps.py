"""One training step: a step of D, a step of G, and both as a recipe has them."""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ganlib.augment import Augment
from ganlib.losses import AdversarialLoss, gradient_penalty, with_noise
from ganlib.nets.base import frozen
from ganlib.nets.projected import ProjectedHeads
from ganlib.recipes import Recipe
from ganlib.recipes.schedule import Turn
from ganlib.runtime.distributed import Distributed
from ganlib.training.projected import ProjectedLosses
from ganlib.training.state import TrainingState

Backward = Callable[[Tensor], None]
Labels = tuple[()] | tuple[Tensor]  # of classes, (N,)
_UNCHANGED = Augment()
MEASURES = ("d_loss", "g_loss", "real_probability", "fake_probability")


def discriminator_step(
    discriminator: nn.Module,
    optimizer: Optimizer,
    loss: AdversarialLoss,
    real: Tensor,
    fake: Tensor,
    augment: Callable[[Tensor], Tensor] = _UNCHANGED,
    backward: Backward = Tensor.backward,
    labels: Labels = (),
) -> tuple[Tensor, Tensor, Tensor]:
    """Teach D to tell real from fake, both (N, 3, H, W); `labels` are those of both, if there are classes.

    Returns the loss and the real and fake logits (N,), without gradient.
    """
    optimizer.zero_grad()
    real_logits = discriminator(augment(real), *labels)
    fake_logits = discriminator(augment(fake.detach()), *labels)  # G learns nothing here
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
    labels: Labels = (),
) -> Tensor:
    """Teach G, which generated `fake` (N, 3, H, W), to be taken for real; returns the loss.

    A loss of pairs also needs `real` pictures of the same shape: what D says of them must come from the same
    D, since only the difference of the two means something.
    """
    optimizer.zero_grad()
    with frozen(discriminator):  # gradients pass through D but are not computed for its weights
        logits = [discriminator(augment(fake), *labels)]
        if real is not None:
            with torch.no_grad():
                logits += [discriminator(augment(real), *labels)]
        value = loss.generator(*logits)
        backward(value)
    optimizer.step()
    return value.detach()


class TrainStep:
    """Take one step of a recipe: it changes the nets, the optimisers, the average and the counters.

    Several processes share a step: z is drawn for the whole batch, each process takes its share of it, and
    the gradients are averaged. What is drawn for a share alone (dropout, augmentation, noise on labels and
    logits) is drawn alike in all of them, so that their random streams stay in step.
    """

    def __init__(self, recipe: Recipe, state: TrainingState, distributed: Distributed) -> None:
        self.recipe = recipe
        self.state = state
        self.distributed = distributed
        self.loss = recipe.adversarial_loss()
        self.augment = Augment(recipe.augment)
        self.schedule = recipe.schedule(math.ceil(state.batches.epoch_length / recipe.batch_size))
        self.last_values = torch.zeros_like(state.totals)
        self.projected: ProjectedLosses | None = None
        if recipe.projected:
            heads = cast(ProjectedHeads, state.nets()["discriminator"].projected)
            self.projected = ProjectedLosses(heads, self.loss, state.accelerator.device)

    def turn(self) -> Turn:
        """Return which nets (D, G or both) the next step trains."""
        return self.schedule.turn(self.state.step)

    def __call__(self) -> None:
        """Train D, G or both on one batch."""
        if self.state.replayed:
            torch.compiler.cudagraph_mark_step_begin()
        for place, value in enumerate(self._train(self.turn())):
            if value is not None:
                self.last_values[place] = value
                self.state.totals[place] += value
                self.state.counted[place] += 1

    def _train(self, turn: Turn) -> list[Tensor | None]:
        """Train whose turn it is; returns the losses of D and G, D(x) and D(G(z)), where there are any."""
        state = self.state
        self.augment.p = self.recipe.at(state.kimg).augment_p
        state.set_adam()
        real = state.batches.next() if turn.discriminator else None
        count = self.recipe.batch_size if real is None else len(real) * self.distributed.size
        shared = turn.generator and (real is None or self.recipe.fakes == "shared")
        labels = self._labels(count, real is not None)
        fake = self._generate(count, labels, with_gradient=shared)
        d_loss = g_loss = real_p = fake_p = None
        if real is not None:
            d_loss, real_p, fake_p = self._train_discriminator(real, fake, labels)
        if turn.generator:
            g_loss = self._train_generator(
                fake if shared else self._generate(count, labels, True), real, labels
            )
        state.step += 1
        state.shown += count
        state.images += 0 if real is None else count
        if turn.generator:
            state.ema.half_life_kimg = self.recipe.at(state.kimg).ema_kimg
            state.ema.update(count, state.kimg)
        return [d_loss, g_loss, real_p, fake_p]

    def _labels(self, count: int, with_real: bool) -> Labels:
        """Return the labels of this process's share of a batch: fakes have those of the reals."""
        if not self.recipe.classes:
            return ()
        if with_real:
            return (self.state.batches.labels(),)
        frequency = self.state.batches.class_shares()
        return (self.distributed.share.of(frequency.multinomial(count, replacement=True)),)

    def _generate(self, count: int, labels: Labels, with_gradient: bool) -> Tensor:
        """Generate this process's share of `count` fakes, (N, 3, H, W)."""
        z = torch.randn(count, self.recipe.latent_dim, device=self.state.accelerator.device)
        with torch.set_grad_enabled(with_gradient):
            return self.state.generator(self.distributed.share.of(z), *labels)

    def _train_discriminator(
        self, real: Tensor, fake: Tensor, labels: Labels = ()
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take D's step; returns its loss and the batch means of D(x) and D(G(z)).

        In a loss of pairs these are the probabilities that D picks the one or the other of a pair.
        """
        state = self.state
        loss = with_noise(self.loss, self.recipe.at(state.kimg).logit_noise)
        extra = self._discriminator_extra(real, fake, labels)
        backward = self._backward_for(state.discriminator, lambda: extra)
        value, real_logits, fake_logits = discriminator_step(
            state.discriminator, state.d_optimizer, loss, real, fake, self.augment, backward, labels
        )
        if self.loss.of_pairs:
            real_logits, fake_logits = real_logits - fake_logits, fake_logits - real_logits
        return value, real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()

    def _discriminator_extra(self, real: Tensor, fake: Tensor, labels: Labels) -> Tensor | float:
        """Compute what is added to D's loss: R1 + R2 where they are due, and the loss of projected heads."""
        recipe, state = self.recipe, self.state
        gamma, times = recipe.at(state.kimg).penalty, 0  # every few steps, and as much stronger (Karras 2020)
        if gamma and not self.schedule.discriminator_steps(state.step) % recipe.penalty_every:
            times = recipe.penalty_every
        extra: Tensor | float = 0.0
        if times:
            penalties = [
                gradient_penalty(state.d_forward, images, self.augment, *labels) for images in (real, fake)
            ]
            extra = gamma / 2 * times * (penalties[0] + penalties[1])
        if projected := self._projected_now():
            if state.step == 0:
                projected.begin(real)
            extra = extra + recipe.projected * projected.discriminator(real, fake, times)
        return extra

    def _projected_now(self) -> ProjectedLosses | None:
        """Return the losses of projected heads in the steps in which they take part."""
        return None if self.state.step % self.recipe.projected_every else self.projected

    def _train_generator(self, fake: Tensor, real: Tensor | None, labels: Labels) -> Tensor:
        state = self.state

        def extra() -> Tensor | float:
            projected = self._projected_now()
            return self.recipe.projected * projected.generator() if projected else 0.0

        backward = self._backward_for(state.generator, extra)
        pairs = real if self.loss.of_pairs else None
        return generator_step(
            state.discriminator, state.g_optimizer, self.loss, fake, self.augment, backward, pairs, labels
        )

    def _backward_for(self, net: nn.Module, extra: Callable[[], Tensor | float]) -> Backward:
        """Return what computes the gradients of a loss and an `extra` one of `net`, over the whole batch."""

        def backward(loss: Tensor) -> None:
            self.state.accelerator.backward(loss + extra())
            self.distributed.average_gradients(net.parameters())

        return backward

    def measures(self) -> dict[str, float | None]:
        """Return the means since the last call, and the norms of the last step's gradients.

        They are those of all processes. None stands for what was not trained, and for a gradient too large
        for fp16, in whose step nothing was learnt. Asking waits for the device.
        """
        state = self.state
        totals = self.distributed.mean(state.totals).tolist()
        means = [total / n if n else None for total, n in zip(totals, state.counted, strict=True)]
        values = dict(zip(MEASURES, means, strict=True))
        turn = self.schedule.turn(state.step - 1)
        values["d_gradient"] = gradient_norm(state.discriminator) if turn.discriminator else None
        values["g_gradient"] = gradient_norm(state.generator) if turn.generator else None
        state.totals.zero_()
        state.counted = [0] * len(MEASURES)
        return values

    def last_losses(self) -> tuple[float, float]:
        """Return the losses of D and G in the last step; asking waits for the device."""
        d_loss, g_loss, _, _ = self.last_values.tolist()
        return d_loss, g_loss

    def forget(self) -> None:
        """Forget the last losses: the state has gone elsewhere."""
        self.last_values.zero_()


def gradient_norm(net: nn.Module) -> float | None:
    """Return the length of the gradient of all weights as one vector; None where it is not finite."""
    gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm().item() if gradients else 0.0
    return norm if math.isfinite(norm) else None

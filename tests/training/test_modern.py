"""The modern recipe's step, beside a loop written from the papers; and what changes while it runs."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from ganlib.data.dataset import ImageDataset
from ganlib.recipes import Recipe
from ganlib.training import steps as game
from ganlib.training.callbacks import Callback
from ganlib.training.rng import RunRng
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")

SEED = 5
BATCH = 4
STEPS = 6
MODERN = Recipe(
    "modern",
    family="residual",
    size=32,
    width=2,
    latent_dim=8,
    init="default",
    g_norm="none",
    d_norm="none",
    loss="relativistic",
    penalty=(2.0, 0.2),
    penalty_every=2,
    betas=(0.0, 0.9),
    beta2_end=0.99,
    g_lr=2e-3,
    d_lr=3e-3,
    lr_end=0.25,
    ramp_kimg=0.016,
    batch_size=BATCH,
    ema_kimg=0,
)


class Watch(Callback):
    """What each step came to, and with what it was made."""

    def __init__(self):
        self.losses, self.adam, self.chances, self.half_lives = [], [], [], []

    def on_step(self, trainer):
        self.losses.append(trainer.last_losses())
        groups = [trainer.state.g_optimizer.param_groups[0], trainer.state.d_optimizer.param_groups[0]]
        self.adam.append([(group["lr"], *group["betas"]) for group in groups])
        self.chances.append(trainer.train_step.augment.p)
        self.half_lives.append(trainer.state.ema.half_life_kimg)


def art(count=24):
    coarse = np.random.default_rng(1).integers(0, 256, (2 * count, 4, 4, 3), dtype=np.uint8)
    pictures = ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")
    return ImageDataset(pictures.images[pictures.train[:count]], "blocks")


def play(recipe, folder):
    """Our losses, and what a plain loop needs to come to the same."""
    watch = Watch()
    trainer = Trainer(recipe, art(), folder, device="cpu", callbacks=[watch])
    generator, discriminator = trainer.state.generator, trainer.state.discriminator
    torch.manual_seed(0)
    for net in (generator, discriminator):
        for weights in net.parameters():
            weights.data += 0.05 * torch.randn_like(weights)  # blocks of zeros would hide a mistake
    nets = [copy.deepcopy(net) for net in (generator, discriminator)]
    batches, draw = [], trainer.state.batches.next
    trainer.state.batches.next = lambda: batches.append(draw()) or batches[-1]
    trainer.state.rng = RunRng(torch.device("cpu"), SEED)
    trainer.fit(epochs=1)
    return trainer, watch, nets, batches


def squared_gradient(discriminator, images):
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.pow(2).sum() / len(images)


def from_the_papers(generator, discriminator, batches):
    """Huang et al. 2024, with penalties in every second step, as Karras et al. 2020 have them."""
    torch.manual_seed(SEED)
    adams = [torch.optim.Adam(net.parameters(), betas=(0.0, 0.9)) for net in (generator, discriminator)]
    for step, real in enumerate(batches):
        fall = (1 + np.cos(np.pi * min(1, step * BATCH / 16))) / 2
        for adam, rate in zip(adams, (2e-3, 3e-3), strict=True):
            adam.param_groups[0]["lr"] = rate * (0.25 + 0.75 * fall)
            adam.param_groups[0]["betas"] = (0.0, 0.99 - 0.09 * fall)
        fake = generator(torch.randn(BATCH, 8))
        real_logits, fake_logits = discriminator(real), discriminator(fake.detach())
        d_loss = softplus(-(real_logits - fake_logits)).mean()
        penalty = torch.tensor(0.0)
        if step % 2 == 0:
            gamma = 0.2 + 1.8 * fall
            penalty = 2 * gamma / 2 * sum(squared_gradient(discriminator, images) for images in (real, fake))
        adams[1].zero_grad()
        (d_loss + penalty).backward()
        adams[1].step()
        g_loss = softplus(-(discriminator(fake) - discriminator(real).detach())).mean()
        adams[0].zero_grad()
        g_loss.backward()
        adams[0].step()
        yield d_loss.item(), g_loss.item()


def test_its_steps_equal_the_loop_of_the_papers(tmp_path):
    trainer, watch, nets, batches = play(MODERN, tmp_path / "run")
    plain = list(from_the_papers(*nets, batches))
    assert len(plain) == STEPS
    assert np.abs(np.subtract(watch.losses, plain)).max() < 1e-5
    for ours, theirs in zip((trainer.state.generator, trainer.state.discriminator), nets, strict=True):
        for mine, weights in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(mine, weights, atol=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"penalty": (2.1, 0.2)},
        {"penalty": (2.0, 1.0)},
        {"penalty_every": 1},
        {"penalty_every": 3},
        {"lr_end": 0.3},
        {"beta2_end": 0.9},
        {"ramp_kimg": 0.02},
        {"loss": "hinge"},
        {"augment": ("flip",)},
    ],
)
def test_the_comparison_notices_any_other_value(changes, tmp_path):
    _, watch, nets, batches = play(replace(MODERN, **changes), tmp_path / "run")
    assert np.abs(np.subtract(watch.losses, list(from_the_papers(*nets, batches)))).max() > 1e-5


@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (1, 2), (3, 1)])
def test_the_penalty_comes_every_few_steps_of_d_whoever_plays_besides(
    d_steps, g_steps, tmp_path, monkeypatch
):
    """Of six steps of D's the first, third and fifth, and in none of G's own."""
    measured = []
    penalty = game.gradient_penalty
    monkeypatch.setattr(game, "gradient_penalty", lambda *given: measured.append(1) or penalty(*given))
    recipe = replace(MODERN, loss="hinge", d_steps=d_steps, g_steps=g_steps)
    trainer = Trainer(recipe, art(), tmp_path / "run", device="cpu", callbacks=[])
    penalised = []
    while len(penalised) < 6:
        turn, before = trainer.train_step.turn(), len(measured)
        trainer.train_step()
        if turn.discriminator:
            penalised.append(len(measured) - before)
    assert penalised == [2, 0, 2, 0, 2, 0]  # R1 and R2
    assert len(measured) == 6


def test_all_that_changes_follows_the_ramp_and_stays_at_its_end(tmp_path):
    recipe = replace(MODERN, augment=("flip",), augment_p=(0.0, 0.4), ema_kimg=0.1, ema_start=0.25)
    _, watch, _, _ = play(recipe, tmp_path / "run")
    fall = [(1 + np.cos(np.pi * min(1, step / 4))) / 2 for step in range(STEPS)]
    for step, (g, d) in enumerate(watch.adam):
        assert g == pytest.approx((2e-3 * (0.25 + 0.75 * fall[step]), 0, 0.99 - 0.09 * fall[step]))
        assert d[0] == pytest.approx(1.5 * g[0])
    assert watch.chances == pytest.approx([0.4 - 0.4 * share for share in fall])
    after = [*fall[1:], 0]  # the average moves when the step is counted
    assert watch.half_lives == pytest.approx([0.1 - 0.075 * share for share in after])


def test_a_rollback_halves_the_rates_wherever_they_are(tmp_path):
    trainer, _, _, _ = play(MODERN, tmp_path / "run")
    trainer.state.rollbacks = 2
    trainer.state.set_adam()
    assert trainer.state.g_optimizer.param_groups[0]["lr"] == pytest.approx(2e-3 * 0.25 / 4)
    trainer.state.images = 0
    trainer.state.set_adam()
    assert trainer.state.d_optimizer.param_groups[0]["lr"] == pytest.approx(3e-3 / 4)


def test_what_is_shown_of_d_s_loss_is_without_the_penalty(tmp_path):
    gentle, harsh = (
        play(replace(MODERN, penalty=(gamma, gamma)), tmp_path / f"{gamma}")[1].losses[0]
        for gamma in (1e-6, 1e3)
    )
    assert gentle[0] == pytest.approx(harsh[0], abs=1e-5)


def test_bf16_keeps_the_penalty_in_fp32(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "ganlib.training.steps.gradient_penalty",
        lambda judge, images, _: seen.append(judge(images.detach()).dtype) or torch.tensor(0.0),
    )
    trainer = Trainer(MODERN, art(), tmp_path / "run", device="cpu", callbacks=[])
    trainer.state.discriminator.forward = torch.autocast("cpu", torch.bfloat16)(
        trainer.state.discriminator.forward
    )
    trainer.fit(kimg=0.004)
    assert seen == [torch.float32, torch.float32]


def test_in_a_loss_of_pairs_the_probabilities_are_those_of_telling_a_pair_apart(tmp_path, monkeypatch):
    trainer, _, _, _ = play(MODERN, tmp_path / "run")
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 6.0])
    monkeypatch.setattr(game, "discriminator_step", lambda *_: (torch.tensor(0.0), real, fake))
    pictures = torch.zeros(2, 3, 32, 32)
    _, certain, fooled = trainer.train_step._train_discriminator(pictures, pictures)
    assert certain.item() == pytest.approx(torch.tensor([2.0, -1.0]).sigmoid().mean().item())
    assert fooled.item() == pytest.approx(1 - certain.item())

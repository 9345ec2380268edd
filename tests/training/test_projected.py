"""What the heads learn, what G learns from them, and when."""

from dataclasses import replace

import pytest
import torch

from ganlib.losses import adversarial_loss
from ganlib.nets.projected import ProjectedHeads
from ganlib.recipes import Recipe
from ganlib.training.projected import ProjectedLosses
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")
RECIPE = Recipe("test", size=64, latent_dim=8, width=2, batch_size=8, loss="relativistic", projected=0.5)


@pytest.fixture
def losses():
    return ProjectedLosses(ProjectedHeads(), adversarial_loss("relativistic"), torch.device("cpu"))


def pictures(count=4, seed=0):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_heads_learn_without_g_and_g_learns_through_them(losses):
    real, fake = pictures(), pictures(seed=1).requires_grad_()
    value = losses.discriminator(real, fake)
    value.backward()
    assert fake.grad is None
    assert all(weight.grad.any() for weight in losses.heads.heads.parameters() if weight.ndim > 1)
    losses.generator().backward()
    assert fake.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in losses.features.parameters())


def test_pictures_that_are_alike_are_even(losses):
    losses.augment.steps = []
    real = pictures()
    assert losses.discriminator(real, real).item() == pytest.approx(0.6931, abs=1e-3)
    assert losses.generator().item() == pytest.approx(0.6931, abs=1e-3)


def test_the_penalty_is_the_squared_length_of_the_gradient_at_the_maps(losses, monkeypatch):
    """A head that adds up its map, each number three times: the gradient is 3 everywhere."""
    monkeypatch.setattr(
        ProjectedHeads, "forward", lambda _, maps: 3 * sum(x.flatten(1).sum(1) for x in maps)[:, None]
    )
    fake = pictures(seed=1)
    torch.manual_seed(0)
    plain = losses.discriminator(pictures(), fake)
    torch.manual_seed(0)
    penalised = losses.discriminator(pictures(), fake, penalty_times=2.0)
    numbers = 48 * (16**2 + 8**2 + 4**2)  # of the maps of a picture
    assert (penalised - plain).item() == pytest.approx(2 * 2 * 9 * numbers, rel=1e-4)


def train(art, folder, steps, **changes):
    trainer = Trainer(replace(RECIPE, **changes), art(), folder, device="cpu", callbacks=[])
    heads = trainer.state.discriminator.projected
    seen = []
    for _ in range(steps):
        before = [weight.clone() for weight in heads.heads.parameters()]
        mixers = [weight.clone() for weight in heads.mixers.parameters()]
        trainer.train_step()
        seen.append(not all(map(torch.equal, before, heads.heads.parameters())))
        assert all(map(torch.equal, mixers, heads.mixers.parameters()))
    return trainer, seen


@pytest.fixture
def art():
    import ganlib

    return lambda: ganlib.load_art("portraits", 64)


def test_heads_learn_in_every_step_or_in_some(art, tmp_path):
    assert train(art, tmp_path / "all", 4)[1] == [True] * 4
    assert train(art, tmp_path / "some", 6, projected_every=3)[1] == [True, False, False, True, False, False]


def test_the_checkpoint_holds_the_heads_and_not_the_net(art, tmp_path):
    trainer, _ = train(art, tmp_path / "run", 1)
    names = trainer.state.state_dict()["discriminator"]
    assert {name.split(".")[1] for name in names if name.startswith("projected.")} == {
        "mixers",
        "heads",
        "std",
    }
    std = trainer.state.discriminator.projected.std
    assert std.min() > 0.1
    assert len(std.unique()) == 3  # measured at the first real pictures


def test_a_recipe_without_them_has_none(art, tmp_path):
    trainer = Trainer(replace(RECIPE, projected=0.0), art(), tmp_path / "run", device="cpu", callbacks=[])
    assert trainer.train_step.projected is None
    assert not any("projected" in name for name in trainer.state.state_dict()["discriminator"])

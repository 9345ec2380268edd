"""The toy GAN: fair counts, random numbers of its own, every setting felt, and eight modes found."""

from dataclasses import replace

import pytest
import torch

from ganlib.course import toy
from ganlib.course.toy import DISTRIBUTIONS, TOY_LOSSES, ToyGAN, ToySettings, modes_found, toy_distribution
from ganlib.errors import GanlibError
from ganlib.losses import adversarial_loss


def weights(gan):
    return torch.cat([one.detach().flatten() for one in gan.generator.parameters()])


def verdict(gan):
    return torch.cat([one.detach().flatten() for one in gan.discriminator.parameters()])


def after(steps, **changes):
    gan = ToyGAN(ToySettings(**changes))
    gan.train(steps)
    return gan


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_real_points_find_every_mode_evenly_and_are_of_high_quality(name):
    real = toy_distribution(name)
    points = real.sample(4000)
    assert points.shape == (4000, 2)
    found, high_quality = modes_found(points, real.modes)
    assert found == len(real.modes)
    assert 0.98 < high_quality <= 1
    nearest = torch.cdist(points, real.modes).argmin(1).bincount(minlength=found) / 4000 * found
    assert 0.7 < nearest.min() < nearest.max() < 1.3


def test_a_mode_is_found_with_a_sixth_of_its_share():
    modes = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    points = torch.zeros(120, 2)
    assert modes_found(points, modes) == (1, 1.0)
    points[:9, 0] = 2.25
    assert modes_found(points, modes) == (1, 1.0)
    points[:10, 0] = 2.25
    assert modes_found(points, modes) == (2, 1.0)
    points[:10, 0] = 2.35
    found, high_quality = modes_found(points, modes)
    assert (found, high_quality) == (1, pytest.approx(110 / 120))


def test_the_same_settings_train_the_same_gan_whatever_else_is_drawn():
    one, other = after(4), ToyGAN(ToySettings())
    for _ in range(4):
        torch.randn(7)
        other.train(1)
        other.snapshot()
    assert torch.equal(weights(one), weights(other))
    assert torch.equal(verdict(one), verdict(other))


def test_training_leaves_other_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    after(2).snapshot()
    assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"distribution": "spiral"},
        {"loss": "saturating"},
        {"loss": "hinge"},
        {"loss": "relativistic"},
        {"g_lr": 1e-3},
        {"d_lr": 1e-3},
        {"g_steps": 2},
        {"d_steps": 2},
        {"seed": 1},
    ],
)
def test_every_setting_makes_another_gan(change):
    assert not torch.equal(weights(after(3)), weights(after(3, **change)))


def test_rates_and_steps_belong_to_their_own_player():
    fast = after(1, g_lr=1e-3)
    assert torch.equal(verdict(fast), verdict(after(1)))  # D moves first
    start, usual = weights(ToyGAN(ToySettings())), weights(after(1))
    assert (weights(fast) - start).abs().max().item() == pytest.approx(1e-3, rel=0.02)  # Adam's first step
    assert (usual - start).abs().max().item() == pytest.approx(5e-4, rel=0.02)
    assert torch.equal(verdict(after(1, g_steps=3)), verdict(after(1)))
    d_start = verdict(ToyGAN(ToySettings()))
    moved = [(verdict(after(1, d_steps=steps)) - d_start).norm().item() for steps in (1, 3)]
    assert 1.5 < moved[1] / moved[0] < 3.5


@pytest.mark.parametrize("loss", TOY_LOSSES)
def test_losses_are_those_of_the_library(loss):
    held = ToyGAN(ToySettings(loss=loss))._loss
    real, fake = torch.randn(5), torch.randn(5)
    bce = adversarial_loss("bce")
    if loss in ("non-saturating", "saturating"):
        assert torch.equal(held.discriminator(real, fake), bce.discriminator(real, fake))
    if loss == "saturating":
        assert held.generator(fake).item() == pytest.approx((1 - fake.sigmoid()).log().mean().item())
    if loss == "non-saturating":
        assert torch.equal(held.generator(fake), bce.generator(fake))
    if loss in ("hinge", "relativistic"):
        assert held.of_pairs == (loss == "relativistic")
        assert torch.equal(held.discriminator(real, fake), adversarial_loss(loss).discriminator(real, fake))


def test_a_snapshot_shows_the_same_z_and_all_of_the_plane():
    gan = after(2, latent_dim=3)
    snapshot = gan.snapshot()
    assert snapshot.points.shape == (1000, 2)
    assert torch.equal(snapshot.points, gan.snapshot().points)
    corner = torch.tensor([[3.0, -3.0]])
    assert snapshot.field[0, 60].item() == pytest.approx(gan.discriminator(corner).sigmoid().item(), abs=1e-6)
    assert not snapshot.field.requires_grad
    assert (snapshot.step, gan.step) == (2, 2)


def test_nets_so_small_are_held_to_one_thread_and_the_rest_of_the_program_is_not(monkeypatch):
    threads, seen, step = torch.get_num_threads(), [], toy.discriminator_step

    def watched_step(*parts):
        seen.append(torch.get_num_threads())
        return step(*parts)

    monkeypatch.setattr(toy, "discriminator_step", watched_step)
    torch.set_num_threads(2)
    try:
        gan = after(2)
        gan.discriminator.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
        gan.snapshot()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert seen == [1, 1, 1]


def test_snapshots_come_from_training():
    gan = ToyGAN(ToySettings())
    assert [snapshot.step for snapshot in gan.snapshots(3, 2)] == [3, 6]
    assert torch.equal(weights(gan), weights(after(6)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"distribution": "moons"}, "spiral"),
        ({"loss": "bce"}, "hinge"),
        ({"g_lr": 0.0}, "g_lr"),
        ({"d_lr": float("nan")}, "d_lr"),
        ({"d_steps": 0}, "d_steps"),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, word):
    with pytest.raises(GanlibError, match=word):
        ToyGAN(replace(ToySettings(), **change))


def test_eight_modes_are_found_soon_and_one_at_most_by_a_hasty_generator():
    assert 7 <= after(700).snapshot().modes <= 8
    assert after(700, g_lr=5e-3).snapshot().modes <= 2

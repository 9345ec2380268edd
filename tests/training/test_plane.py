"""The game in the plane: fair counts, its own luck, every setting felt, and eight Gaussians found."""

from dataclasses import replace

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.losses import adversarial_loss
from ganlib.training import plane
from ganlib.course.toy import TOY_LOSSES, SHAPES, ToyGAN, ToySettings, places_found, toy_distribution


def weights(game):
    return torch.cat([one.detach().flatten() for one in game.generator.parameters()])


def judgement(game):
    return torch.cat([one.detach().flatten() for one in game.discriminator.parameters()])


def after(steps, **changes):
    game = ToyGAN(ToySettings(**changes))
    game.play(steps)
    return game


@pytest.mark.parametrize("name", SHAPES)
def test_real_points_find_every_place_evenly_and_lie_near_one(name):
    shape = toy_distribution(name)
    points = shape.draw(4000)
    assert points.shape == (4000, 2)
    found, near = places_found(points, shape.places)
    assert found == len(shape.places)
    assert 0.98 < near <= 1
    nearest = torch.cdist(points, shape.places).argmin(1).bincount(minlength=found) / 4000 * found
    assert 0.7 < nearest.min() < nearest.max() < 1.3


def test_a_place_is_found_with_a_sixth_of_its_share():
    places = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    points = torch.zeros(120, 2)
    assert places_found(points, places) == (1, 1.0)
    points[:9, 0] = 2.25
    assert places_found(points, places) == (1, 1.0)
    points[:10, 0] = 2.25
    assert places_found(points, places) == (2, 1.0)
    points[:10, 0] = 2.35
    found, near = places_found(points, places)
    assert (found, near) == (1, pytest.approx(110 / 120))


def test_the_same_settings_play_the_same_game_whatever_else_is_drawn():
    one, other = after(4), ToyGAN(ToySettings())
    for _ in range(4):
        torch.randn(7)
        other.play(1)
        other.moment()
    assert torch.equal(weights(one), weights(other))
    assert torch.equal(judgement(one), judgement(other))


def test_the_game_leaves_other_luck_alone():
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    after(2).moment()
    assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": "spiral"},
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
def test_every_setting_makes_another_game(change):
    assert not torch.equal(weights(after(3)), weights(after(3, **change)))


def test_rates_and_steps_belong_to_their_own_player():
    fast = after(1, g_lr=1e-3)
    assert torch.equal(judgement(fast), judgement(after(1)))  # D moves first
    start, usual = weights(ToyGAN(ToySettings())), weights(after(1))
    assert (weights(fast) - start).abs().max().item() == pytest.approx(1e-3, rel=0.02)  # Adam's first step
    assert (usual - start).abs().max().item() == pytest.approx(5e-4, rel=0.02)
    assert torch.equal(judgement(after(1, g_steps=3)), judgement(after(1)))
    d_start = judgement(ToyGAN(ToySettings()))
    moved = [(judgement(after(1, d_steps=steps)) - d_start).norm().item() for steps in (1, 3)]
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


def test_a_moment_shows_the_same_z_and_all_of_the_plane():
    game = after(2, latent_dim=3)
    moment = game.moment()
    assert moment.points.shape == (1000, 2)
    assert torch.equal(moment.points, game.moment().points)
    corner = torch.tensor([[3.0, -3.0]])
    assert moment.field[0, 60].item() == pytest.approx(game.discriminator(corner).sigmoid().item(), abs=1e-6)
    assert not moment.field.requires_grad
    assert (moment.step, game.step) == (2, 2)


def test_nets_so_small_are_held_to_one_thread_and_the_rest_of_the_program_is_not(monkeypatch):
    threads, seen, step = torch.get_num_threads(), [], plane.discriminator_step

    def watched_step(*parts):
        seen.append(torch.get_num_threads())
        return step(*parts)

    monkeypatch.setattr(plane, "discriminator_step", watched_step)
    torch.set_num_threads(2)
    try:
        game = after(2)
        game.discriminator.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
        game.moment()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert seen == [1, 1, 1]


def test_watching_is_playing():
    game = ToyGAN(ToySettings())
    assert [moment.step for moment in game.watch(3, 2)] == [3, 6]
    assert torch.equal(weights(game), weights(after(6)))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shape": "moons"}, "spiral"),
        ({"loss": "bce"}, "hinge"),
        ({"g_lr": 0.0}, "g_lr"),
        ({"d_lr": float("nan")}, "d_lr"),
        ({"d_steps": 0}, "d_steps"),
        ({"latent_dim": 0}, "latent_dim"),
    ],
)
def test_what_cannot_be_played_is_refused(change, word):
    with pytest.raises(GanlibError, match=word):
        ToyGAN(replace(ToySettings(), **change))


def test_eight_heaps_are_found_soon_and_one_at_most_by_a_hasty_generator():
    assert 7 <= after(700).moment().found <= 8
    assert after(700, g_lr=5e-3).moment().found <= 2

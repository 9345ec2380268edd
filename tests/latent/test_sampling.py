import math

import pytest
import torch

from ganlib.data.dataset import to_bytes
from ganlib.errors import GanlibError
from ganlib.latent.sampling import (
    check_latent,
    generate,
    in_eval,
    lerp,
    mix,
    sample_latent,
    slerp,
    truncate,
)
from ganlib.latent.timeline import walk
from ganlib.nets.dcgan import DCGANGenerator

WAYS = pytest.mark.parametrize("way", [lerp, slerp])


def test_one_seed_is_one_latent_whatever_the_count():
    many = sample_latent(5, 100, seed=7)
    assert torch.equal(many[3], sample_latent(1, 100, seed=10)[0])
    assert not torch.equal(many[0], many[1])


def test_latents_are_standard_normal():
    z = sample_latent(500, 100)
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.std().item() == pytest.approx(1, abs=0.01)


def test_one_seed_is_one_picture_whatever_the_batch():
    generator = DCGANGenerator(32, 8, 4)
    for _ in range(50):
        generator(torch.randn(16, 8))  # BatchNorm learns its statistics, so that pictures have contrast
    z = sample_latent(9, 8)
    together = to_bytes(generate(generator, z)).int()
    apart = to_bytes(generate(generator, z, batch_size=2)).int()
    assert (together - apart).abs().max() <= 1
    assert together.float().std() > 1


def test_painting_leaves_the_generator_as_it_was():
    generator = DCGANGenerator(32, 8, 4).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    images = generate(generator, sample_latent(3, 8))
    assert generator.training
    assert not images.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())


def test_every_layer_returns_to_the_mode_that_it_was_in():
    generator = DCGANGenerator(32, 8, 4).train()
    generator.main[1].eval()
    before = [layer.training for layer in generator.modules()]
    with pytest.raises(RuntimeError), in_eval(generator):
        assert not any(layer.training for layer in generator.modules())
        raise RuntimeError
    assert [layer.training for layer in generator.modules()] == before


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-1, 0), (1, -1), (1, 2**63)])
def test_counts_and_seeds_out_of_range_are_refused(count, seed):
    with pytest.raises(GanlibError):
        sample_latent(count, 8, seed)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        (torch.zeros(2, 7), r"\(N, 8\), not \(2, 7\)"),
        (torch.zeros(8), r"not \(8,\)"),
        (torch.full((1, 8), math.nan), "NaN"),
        (torch.full((1, 8), -math.inf), "infinity"),
    ],
)
def test_what_is_no_latent_is_named(z, message):
    with pytest.raises(GanlibError, match=message):
        check_latent(z, 8)
    good = torch.zeros(1, 8)
    assert check_latent(good, 8) is good


def test_truncation_brings_z_nearer_to_the_mean():
    z = sample_latent(4, 100)
    assert torch.equal(truncate(z, 1), z)
    assert torch.equal(truncate(z, 0), torch.zeros(4, 100))
    assert torch.allclose(truncate(z, 0.7).norm(dim=1), 0.7 * z.norm(dim=1))


@pytest.mark.parametrize("amount", [-0.1, math.nan, math.inf])
def test_a_truncation_that_is_no_amount_is_refused(amount):
    with pytest.raises(GanlibError, match=r"such as 0\.9"):
        truncate(torch.zeros(1, 8), amount)


@WAYS
def test_both_ways_begin_and_end_to_the_bit(way):
    for seed in range(50):
        start, end = sample_latent(2, 100, seed)
        path = way(start, 3 * end, torch.tensor([0.0, 0.5, 1.0]))
        assert torch.equal(path[0], start)
        assert torch.equal(path[2], 3 * end)


def test_the_middle_of_the_line_is_the_mean():
    start, end = sample_latent(2, 100)
    assert torch.allclose(lerp(start, end, torch.tensor([0.5]))[0], (start + end) / 2, atol=1e-6)


def test_the_arc_keeps_the_length_and_turns_evenly():
    start, end = (10 * z / z.norm() for z in sample_latent(2, 100))
    path = slerp(start, end, torch.linspace(0, 1, 11)).double()
    assert path.norm(dim=1).tolist() == pytest.approx([10.0] * 11, rel=1e-6)
    turns = torch.acos((path[1:] * path[:-1]).sum(1) / 100)
    whole = torch.acos((start.double() @ end.double()) / 100).item()
    assert turns.tolist() == pytest.approx([whole / 10] * 10, rel=1e-5)
    line = lerp(start, end, torch.tensor([0.5])).norm().item()
    assert line == pytest.approx(10 * math.cos(whole / 2), rel=1e-5)  # a chord sags, by this much


def test_on_the_arc_the_length_goes_evenly_from_one_to_the_other():
    start, end = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 6.0])
    path = slerp(start, end, torch.tensor([0.25, 0.5]))
    assert path.norm(dim=1).tolist() == pytest.approx([3.0, 4.0])
    assert path[1].tolist() == pytest.approx([math.sqrt(8), math.sqrt(8)])


def test_a_short_arc_is_not_rounded_away():
    start = torch.tensor([10.0, 0.0])
    end = torch.tensor([10 * math.cos(0.001), 10 * math.sin(0.001)])
    third = slerp(start, end, torch.tensor([1 / 3]))[0]
    assert math.atan2(third[1], third[0]) == pytest.approx(0.001 / 3, rel=1e-4)


@pytest.mark.parametrize("factor", [1.0, 2.0, 1.0 + 1e-6, -1.0, -3.0, 0.0])
def test_where_there_is_no_one_arc_it_is_the_straight_line(factor):
    start = sample_latent(1, 100)[0]
    share = torch.linspace(0, 1, 5)
    assert torch.allclose(slerp(start, factor * start, share), lerp(start, factor * start, share), atol=1e-6)
    assert torch.equal(slerp(torch.zeros(100), start, share), lerp(torch.zeros(100), start, share))
    assert slerp(torch.zeros(100), torch.zeros(100), share).abs().max() == 0


@pytest.mark.parametrize("straight", [False, True])
def test_a_walk_visits_its_stops_in_turn(straight):
    stops = sample_latent(4, 100)
    path = walk(stops, 31, straight=straight)
    assert path.shape == (31, 100)
    assert torch.equal(path[::10], stops)
    assert (path.norm(dim=1).min() < 8) == straight  # only lines cut through the ball


def test_a_walk_may_be_shorter_than_its_legs_would_like():
    stops = sample_latent(5, 100)
    assert torch.equal(walk(stops, 5), stops)
    path = walk(stops, 7)
    assert torch.equal(path[[0, 3, 6]], stops[[0, 2, 4]])


@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_loop_closes_with_a_step_like_the_others_and_shows_no_frame_twice(count, straight):
    angles = 2 * math.pi * torch.arange(count) / count + (0.1 if count == 2 else 0) * torch.arange(count)
    stops = 10 * torch.stack([angles.cos(), angles.sin()], dim=1)  # a regular polygon
    path = walk(stops, 12 * count, closed=True, straight=straight)
    assert torch.equal(path[::12], stops)
    steps = (torch.cat([path, path[:1]]).diff(dim=0)).norm(dim=1)  # the last one back to the first frame
    assert steps.min().item() == pytest.approx(steps.max().item(), rel=1e-4)
    assert steps.min() > 0.1


@pytest.mark.parametrize("legs", [2, 3, 7])
def test_no_stop_is_missed_by_rounding(legs):
    stops = sample_latent(legs, 100)
    for frames in range(1, 60):
        assert torch.equal(walk(stops, frames * legs, closed=True, straight=True)[::frames], stops)


@pytest.mark.parametrize(("shape", "frames"), [((1, 8), 5), ((3, 8), 2), ((8,), 9), ((2, 8), 0)])
def test_a_walk_that_goes_nowhere_is_refused(shape, frames):
    with pytest.raises(GanlibError, match=r"two keyframes or more|frames or more|of shape"):
        walk(torch.zeros(shape), frames)


def test_a_mix_is_the_means_added_and_taken_away():
    hat, bare, smiling = sample_latent(3, 8), sample_latent(2, 8, 10), sample_latent(4, 8, 20)
    by_hand = [
        sum(hat[:, k].tolist()) / 3 - sum(bare[:, k].tolist()) / 2 + sum(smiling[:, k].tolist()) / 4
        for k in range(8)
    ]
    assert mix([hat, smiling], [bare]).tolist() == pytest.approx(by_hand, abs=1e-6)
    assert torch.equal(mix([hat[:1]]), hat[0])


@pytest.mark.parametrize(
    ("plus", "minus"), [([], []), ([torch.zeros(0, 8)], []), ([torch.ones(1, 8)], [torch.zeros(0, 8)])]
)
def test_a_mean_of_nothing_is_refused(plus, minus):
    with pytest.raises(GanlibError, match="one z or more"):
        mix(plus, minus)

"""The sliced Wasserstein distance ranks pictures as a person would, and leaves chance alone."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

import ganlib
from ganlib.evaluation.scores import SlicedWasserstein, _descriptors, _Part, _patches, _pyramid


@pytest.fixture(scope="module")
def portraits():
    """Real portraits that nobody trained on, 256 to compare with and 256 others, (512, 3, 64, 64)."""
    art = ganlib.load_art("portraits")
    return art.tensor(art.held_out[:512])


@pytest.fixture(scope="module")
def distance(portraits):
    return SlicedWasserstein(portraits[:256])


@pytest.fixture(scope="module")
def generated():
    """What the bundled generator paints, (256, 3, 64, 64)."""
    generator, recipe = ganlib.load_generator("portraits")
    return ganlib.generate(generator, ganlib.sample_latent(256, recipe.latent_dim))


def noise(count=256, size=64):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def test_the_same_pictures_are_at_no_distance(distance, portraits):
    assert distance(portraits[:256]) == 0


def test_real_is_better_than_generated_and_generated_than_noise(distance, portraits, generated):
    assert 0.02 < distance(portraits[256:]) < 0.07
    assert distance(portraits[256:]) < distance(generated) < 0.08
    assert 0.7 < distance(noise()) < 1
    assert 0.6 < distance(torch.zeros(256, 3, 64, 64)) < 0.9


def test_half_generated_lies_between(distance, generated):
    half = (generated + noise()) / 2
    assert 1.5 * distance(generated) < distance(half) < 0.8 * distance(noise())


def test_copies_of_few_pictures_are_worse_than_many(distance, portraits, generated):
    for pictures in (portraits[256:], generated):
        few = pictures[:4].repeat(9, 1, 1, 1)
        assert 1.3 * distance(pictures[:36]) < distance(few) < 0.6


def test_each_kind_of_fault_counts(distance, portraits):
    others = portraits[256:]
    good = distance(others)
    blurred = interpolate(avg_pool2d(others, 4), scale_factor=4, mode="bilinear")
    swapped = torch.cat([others[:, :, 32:], others[:, :, :32]], dim=2)
    for faulty in (blurred, swapped, (others - 0.2).clamp(-1, 1), others + 0.1 * noise()):
        assert 1.25 * good < distance(faulty) < 12 * good


def test_patches_of_each_level_and_whole_pictures_are_described(distance, portraits):
    wanted = [(4096, 3, 49)] * 3 + [(256, 3, 64)]
    assert [tuple(descriptors.shape) for descriptors in _descriptors(portraits[256:])] == wanted
    assert len(distance._parts) == len(wanted)


def test_whole_pictures_tell_heads_that_do_not_belong_to_their_shoulders(distance, portraits):
    """Upper and lower halves of different people: every patch is real, but for those on the seam."""
    others = portraits[256:]
    mixed = torch.cat([others[:, :, :40], others.roll(1, 0)[:, :, 40:]], dim=2)
    *patches, whole = [
        part.distance(faulty) / part.distance(good)
        for part, faulty, good in zip(distance._parts, _descriptors(mixed), _descriptors(others), strict=True)
    ]
    assert 1.3 < whole < 4
    assert max(patches[1:]) < whole


def test_it_is_the_distance_that_numpy_finds():
    """Along each direction the mean gap between the quantiles, whatever the number of pictures."""
    real, generated = avg_pool2d(noise(64, 32), 4).flatten(2), 0.5 * avg_pool2d(noise(24, 32), 4).flatten(2)
    part = _Part(real, seed=0)
    grid = np.linspace(0, 1, 1024)
    scale = real.mean((0, 2), keepdim=True), real.std((0, 2), keepdim=True)
    real, generated = (
        ((values - scale[0]) / scale[1]).flatten(1) @ part._directions.T for values in (real, generated)
    )
    wanted = np.abs(np.quantile(real, grid, axis=0) - np.quantile(generated, grid, axis=0)).mean()
    assert part.distance(0.5 * avg_pool2d(noise(24, 32), 4).flatten(2)).item() == pytest.approx(
        wanted, rel=1e-4
    )
    assert torch.allclose(part._directions.norm(dim=1), torch.ones(64))


def test_chance_has_no_part_and_none_is_used_up(distance, generated):
    before = torch.get_rng_state()
    first = distance(generated)
    torch.manual_seed(5)
    assert distance(generated) == first
    torch.set_rng_state(before)
    SlicedWasserstein(generated[:8])(generated)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("size", [32, 128, 512])
@pytest.mark.parametrize("count", [8, 36])
def test_any_size_and_number_of_pictures_will_do(size, count):
    distance = SlicedWasserstein(noise(16, size))
    assert 0 < distance(noise(count, size).flip(0)) < 0.4
    assert 0.2 < distance(torch.zeros(count, 3, size, size)) < 2


def test_flat_real_pictures_do_no_harm():
    distance = SlicedWasserstein(torch.zeros(16, 3, 32, 32))
    assert distance(torch.zeros(16, 3, 32, 32)) == 0
    assert math.isfinite(distance(noise(16, 32)))


def test_the_pyramid_loses_nothing():
    pictures = noise(4)
    levels = list(_pyramid(pictures))
    assert [level.shape[2] for level in levels] == [64, 32, 16]
    built = levels[-1]
    for level in reversed(levels[:-1]):
        built = interpolate(built, scale_factor=2, mode="bilinear") + level
    assert torch.allclose(built, pictures, atol=1e-5)


def test_patches_are_cut_from_all_pictures_and_places():
    rows = torch.arange(32.0)
    pictures = (rows[:, None] * 100 + rows).expand(5, 3, 32, 32) + 10_000 * torch.arange(5.0)[
        :, None, None, None
    ]
    patches = _patches(pictures, torch.Generator().manual_seed(0)).reshape(-1, 3, 7, 7)
    assert torch.equal(patches[:, :, 1:, :] - patches[:, :, :-1, :], torch.full((4096, 3, 6, 7), 100.0))
    assert torch.equal(patches[:, :, :, 1:] - patches[:, :, :, :-1], torch.ones(4096, 3, 7, 6))
    owners = (patches[:, 0, 0, 0] // 10_000).long().bincount()
    assert owners.tolist() == [820, 819, 819, 819, 819]
    corners = patches[:, 0, 0, 0] % 10_000
    assert (corners // 100).unique().tolist() == list(range(26))
    assert (corners % 100).unique().tolist() == list(range(26))

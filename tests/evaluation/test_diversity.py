"""Diversity is 1 for real pictures, 0 for copies, and grain does not count."""

import pytest
import torch

import ganlib
from ganlib.evaluation.scores import Diversity


@pytest.fixture(scope="module")
def portraits():
    art = ganlib.load_art("portraits", 32)
    return art.tensor(art.held_out[:512])  # (512, 3, 32, 32)


@pytest.fixture(scope="module")
def diversity(portraits):
    return Diversity(portraits[:256])


@pytest.mark.parametrize("count", [9, 36])
def test_real_pictures_have_a_diversity_of_about_one(diversity, portraits, count):
    shares = [diversity(group) for group in portraits[256:].split(count) if len(group) == count]
    assert 0.9 < sum(shares) / len(shares) < 1.1
    assert 0.6 < min(shares) < max(shares) < 1.5


@pytest.mark.parametrize("count", [9, 36])
def test_copies_have_none(diversity, portraits, count):
    for few in (1, 2, count // 3):
        assert diversity(portraits[:few].repeat(count, 1, 1, 1)[:count]) == 0


def test_nearly_alike_is_nearly_none(diversity, portraits):
    mixed = portraits[:1] + 0.1 * (portraits[1:37] - portraits[:1])
    assert diversity(mixed) == pytest.approx(0.1 * diversity(portraits[1:37]), rel=1e-3)


def test_grain_does_not_count(diversity, portraits):
    grain = 0.1 * torch.randn(36, 3, 32, 32)
    assert 0.1 < diversity(portraits[:1] + grain) < 0.3
    assert diversity(portraits[:36] + grain) == pytest.approx(diversity(portraits[:36]), rel=0.1)


def test_the_bundled_generator_is_as_varied_as_its_pictures():
    art = ganlib.load_art("portraits")
    generator, recipe = ganlib.load_generator("portraits")
    generated = ganlib.generate(generator, ganlib.sample_latent(36, recipe.latent_dim))
    assert 0.9 < Diversity(art.tensor(art.held_out[:256]))(generated) < 1.25


def test_it_is_the_median_to_the_nearest_over_that_of_as_many_real_ones():
    """Flat greys on a line: the distances are known."""
    real = torch.tensor([0.0, 0.1, 0.3, 0.6])[:, None, None, None].expand(
        4, 3, 16, 16
    )  # nearest: .1 .1 .2 .3
    generated = torch.tensor([0.0, 0.05, 0.2, 0.5])[:, None, None, None].expand(
        4, 3, 16, 16
    )  # .05 .05 .15 .3
    assert Diversity(real)(generated) == pytest.approx(0.05 / 0.1)
    too_few_for_a_second_group = torch.cat([real, real[:2] + 5])
    assert Diversity(too_few_for_a_second_group)(generated) == pytest.approx(0.05 / 0.1)
    twice_as_far = torch.cat([real, 2 * real])
    assert Diversity(twice_as_far)(generated) == pytest.approx(0.05 / 0.15)


def test_few_real_pictures_and_real_ones_all_alike_do_no_harm(portraits):
    assert 0.3 < Diversity(portraits[:8])(portraits[100:136]) < 1.5
    assert Diversity(torch.zeros(20, 3, 32, 32))(portraits[:9]) == 1
    assert Diversity(portraits[:1])(portraits[:9]) == 1


def test_chance_has_no_part(diversity, portraits):
    before = torch.get_rng_state()
    assert diversity(portraits[:36]) == diversity(portraits[:36])
    assert torch.equal(torch.get_rng_state(), before)

"""Heads on the maps of a frozen net: shapes, scale, and what does not learn."""

import pytest
import torch

from ganlib.nets.projected import FrozenFeatures, ProjectedHeads


@pytest.fixture(scope="module")
def features():
    return FrozenFeatures()


@pytest.mark.parametrize(
    ("size", "largest"), [((64, 64), 16), ((96, 64), 24), ((128, 128), 32), ((512, 512), 32)]
)
def test_maps_are_a_quarter_an_eighth_and_a_sixteenth_of_at_most_128_px(features, size, largest):
    maps = features(torch.zeros(2, 3, *size))
    assert [one.shape[1] for one in maps] == [24, 40, 112]
    assert [one.shape[2] for one in maps] == [largest, largest // 2, largest // 4]


def test_a_large_picture_is_averaged_first(features):
    small = torch.rand(1, 3, 128, 128) * 2 - 1
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    for one, other in zip(features(small), features(large), strict=True):
        assert torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize(("side", "places"), [(32, 2), (64, 4), (128, 8)])
def test_every_map_has_the_same_number_of_logits(features, side, places):
    heads = ProjectedHeads()
    mixed = heads.mix(features(torch.rand(8, 3, side, side)))
    assert [head(one).shape for head, one in zip(heads.heads, mixed, strict=True)] == [
        (8, 1, places, places)
    ] * 3
    assert heads(mixed).shape == (8, 3 * places**2)


def test_maps_are_scaled_by_those_of_real_pictures(features):
    heads = ProjectedHeads()
    maps = features(torch.rand(8, 3, 64, 64) * 2 - 1)
    before = [one.std().item() for one in heads.mix(maps)]
    heads.scale(maps)
    assert [one.std().item() for one in heads.mix(maps)] == pytest.approx([1] * 3, abs=1e-5)
    heads.scale(maps)
    assert [one.std().item() for one in heads.mix(maps)] == pytest.approx([1] * 3, abs=1e-5)
    assert min(before) > 1.5


def test_the_net_and_the_mixing_stay_as_they_are(features):
    heads = ProjectedHeads()
    assert not any(weight.requires_grad for weight in (*features.parameters(), *heads.mixers.parameters()))
    assert all(weight.requires_grad for weight in heads.heads.parameters())
    assert "std" in heads.state_dict()

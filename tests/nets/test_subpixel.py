"""Nets with blocks of pixels at their ends: every size, even blocks at first, the same layers inside."""

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from ganlib.nets.subpixel import SubpixelDiscriminator, SubpixelGenerator, block_side, channels_inside
from ganlib.sizes import as_size
from ganlib.training.transfer import copy_fitting, share_that_fits
from tests.nets.sizes import ALL_SIZES


@pytest.mark.parametrize("size", [*ALL_SIZES, 1024])
def test_every_size_has_a_pair_of_nets(size):
    generator, discriminator = SubpixelGenerator(size, 10, 2), SubpixelDiscriminator(size, 2)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, 3, *as_size(size))
    assert -1 <= images.min() < images.max() <= 1
    assert discriminator(images).shape == (3,)


@pytest.mark.parametrize(
    ("size", "side"), [(64, 1), (128, 1), (160, 2), (256, 2), ("96x192", 2), (512, 4), (1024, 8)]
)
def test_no_map_but_the_picture_is_larger_than_128_px(size, side):
    assert block_side(as_size(size)) == side
    seen = []
    net = SubpixelDiscriminator(size, 2)
    for layer in net.main:
        layer.register_forward_hook(lambda _, __, x: seen.append(max(x.shape[2:], default=0)))
    net(torch.zeros(2, 3, *as_size(size)))
    assert max(seen) <= 128


def test_channels_are_counted_from_the_smallest_map():
    assert (
        channels_inside(as_size(512), 32) == channels_inside(as_size(128), 32) == [256, 256, 128, 64, 32, 16]
    )
    assert channels_inside(as_size(64), 32) == [256, 256, 128, 64, 32]
    assert channels_inside(as_size(128), 1) == [8, 8, 4, 2, 1, 1]


def test_an_even_map_gives_an_even_picture():
    net = SubpixelGenerator(512, 10, 4).eval()
    with torch.no_grad():
        drawn = net.main[-7:-2](torch.full((1, 2, 128, 128), 0.5))  # (1, 8, 512, 512)
    assert drawn.std((2, 3)).max() < 1e-6
    assert drawn.std() > 0.01


def test_a_slanting_edge_is_drawn_between_the_places_of_a_map():
    """A map of distances to a line, at 128 px, gives a line at 512 px that is nowhere a stair of 4 px."""
    net = SubpixelGenerator(512, 10, 4)
    rows, columns = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    distance = 2 * rows + columns - 190.5
    with torch.no_grad():
        for layer in (net.main[-7], net.main[-4], net.main[-2]):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[0, 0, layer.weight.shape[2] // 2, layer.weight.shape[3] // 2] = 5
        picture = net.main[-7:](torch.stack([distance, distance])[None])[0, 0]
    heights = (picture < 0).sum(0)[:376].float()  # of the dark part in each column, as far as the line goes
    exact = (190.5 + 1.5 - torch.arange(376) / 4 - 0.125) * 2
    assert (heights - exact).abs().max() <= 1


def test_a_net_of_512_px_can_start_from_one_of_128():
    for kind, most in ((SubpixelGenerator, 0.85), (SubpixelDiscriminator, 0.8)):
        small, large = kind(128, width=4), kind(512, width=4)
        assert share_that_fits(large, small.state_dict()) > most


def test_the_last_stages_may_enlarge_and_convolve():
    net = SubpixelGenerator(512, 10, 4, resize_stages=2)
    kinds = [type(layer).__name__ for layer in net.main if "Conv" in type(layer).__name__]
    to_pixels = ["Conv2d"] * 3
    assert kinds == [*["ConvTranspose2d"] * 4, "Conv2d", "Conv2d", *to_pixels]
    assert net(torch.zeros(2, 10)).shape == (2, 3, 512, 512)


def test_there_is_no_norm_in_d():
    assert not [
        layer for layer in SubpixelDiscriminator(64, 2).modules() if isinstance(layer, nn.BatchNorm2d)
    ]


@pytest.mark.parametrize(("size", "side"), [(256, 2), (512, 4)])
def test_a_larger_net_begins_with_the_pictures_of_a_smaller_one(size, side):
    small, large = SubpixelGenerator(128, 10, 4).eval(), SubpixelGenerator(size, 10, 4).eval()
    with torch.no_grad():
        small.main[-2].weight *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])  # it looks at one place
        small.main[-2].weight *= 20
    copy_fitting(large, small.state_dict())
    z = torch.randn(2, 10)
    wanted = interpolate(small(z).atanh(), scale_factor=side, mode="bilinear").tanh()
    assert wanted.std() > 0.05
    assert torch.allclose(large(z), wanted, atol=1e-5)


def test_a_larger_d_begins_by_judging_blocks_as_a_smaller_one_judges_pixels():
    small, large = SubpixelDiscriminator(128, 4), SubpixelDiscriminator(512, 4)
    with torch.no_grad():
        small.main[0].weight *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    images = torch.rand(3, 3, 128, 128) * 2 - 1
    before = large(images.repeat_interleave(4, 2).repeat_interleave(4, 3))
    copy_fitting(large, small.state_dict())
    after = large(images.repeat_interleave(4, 2).repeat_interleave(4, 3))
    assert torch.allclose(after, small(images), atol=1e-4)
    assert not torch.allclose(before, after, atol=1e-3)


def test_between_nets_with_blocks_and_within_one_size_nothing_is_set_anew():
    for sizes in ((128, 128), (64, 128), (256, 512)):
        small, large = (SubpixelGenerator(size, 10, 4) for size in sizes)
        before = large.main[-2].weight.clone()
        large.begin_from(small.state_dict())
        assert torch.equal(large.main[-2].weight, before)
        judge, other = (SubpixelDiscriminator(size, 4) for size in sizes)
        before = other.main[0].weight.clone()
        other.begin_from(judge.state_dict())
        assert torch.equal(other.main[0].weight, before)

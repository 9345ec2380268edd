import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.excitation import ExcitedGenerator, SkipExcitation
from ganlib.nets.residual import (
    ResidualBlock,
    ResidualDiscriminator,
    ResidualGenerator,
    Resize,
    channels_by_stage,
)
from ganlib.sizes import as_size
from tests.nets.sizes import ALL_SIZES


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def blocks(net: nn.Module) -> list[ResidualBlock]:
    return [layer for layer in net.main if isinstance(layer, ResidualBlock)]


@pytest.mark.parametrize("size", ALL_SIZES)
def test_every_size_paints_and_judges(size):
    generator, discriminator = ResidualGenerator(size, 10, 2), ResidualDiscriminator(size, 2)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, 3, *as_size(size))
    assert -1 <= images.min() < images.max() <= 1
    assert discriminator(images).shape == (3,)


@pytest.mark.parametrize("net", [ResidualGenerator(16 * 8, 10, 2), ResidualDiscriminator(64, 2)])
def test_nothing_is_normalised(net):
    assert not [layer for layer in net.modules() if "Norm" in type(layer).__name__]


def test_parameters_at_64_px_are_those_counted_by_hand():
    channels = [256, 128, 64, 32, 16]
    assert channels_by_stage(as_size(64), 16) == channels
    assert channels_by_stage(as_size(64), 64) == [384, 384, 256, 128, 64]
    assert channels_by_stage(as_size(32), 600) == [600] * 4
    block = sum(11 * c * c + 2 * c for c in channels)
    change = 256 * 128 + 128 * 64 + 64 * 32 + 32 * 16
    first, last = 100 * 256 * 16 + 256, 16 * 3 + 3
    assert count(ResidualGenerator(64, 100, 16)) == first + block + change + last
    first, last = 3 * 16 + 16, 256 * 16 + 1
    assert count(ResidualDiscriminator(64, 16)) == first + block + change + last


def test_at_first_every_block_does_nothing():
    x = torch.randn(2, 6, 8, 8)
    for net in (ResidualGenerator(64, 10, 2), ResidualDiscriminator(64, 2)):
        assert len(blocks(net)) == 5
        for block in blocks(net):
            assert not block.branch[-1].weight.any()
    assert torch.equal(ResidualBlock(6, 5)(x), x)


def test_the_deeper_the_net_the_smaller_its_blocks_start():
    torch.manual_seed(0)
    ratio = ResidualBlock(64, 16).branch[2].weight.std() / ResidualBlock(64, 1).branch[2].weight.std()
    assert ratio.item() == pytest.approx(16 ** (-1 / 4), rel=0.02)
    he = (2 / 1.04 / (64 * 9)) ** 0.5
    assert ResidualBlock(64, 1).branch[2].weight.std().item() == pytest.approx(he, rel=0.02)


def test_what_is_halved_is_averaged_and_what_is_doubled_is_smooth():
    x = torch.randn(1, 3, 8, 8)
    assert torch.allclose(Resize(3, 3, 0.5)(x), nn.functional.avg_pool2d(x, 2), atol=1e-6)
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    doubled = Resize(1, 1, 2)(ramp)[0, 0, 0]
    assert torch.allclose(doubled[1:-1].diff(), torch.full((13,), 0.5))


@pytest.mark.parametrize("size", [64, 128, 256, 512])
def test_small_maps_excite_large_ones_from_128_px_on(size):
    gates = [layer for layer in ResidualGenerator(size, 10, 2).main if isinstance(layer, SkipExcitation)]
    assert [gate.source for gate in gates] == {64: [], 128: [8], 256: [8, 16], 512: [8, 16, 32]}[size]


def test_a_gate_scales_each_channel_of_each_picture_by_what_the_small_map_holds():
    gate = SkipExcitation(4, 5, 3)
    large, small = torch.randn(2, 3, 16, 16), torch.randn(2, 5, 4, 4)
    scale = gate(large, small) / large
    assert torch.allclose(scale, scale[:, :, :1, :1].expand_as(scale), atol=1e-5)
    assert 0 < scale.min() < scale.max() < 1
    assert not torch.allclose(scale[0], scale[1])


def test_the_gate_sees_the_map_of_its_source_and_not_another():
    generator = ResidualGenerator(128, 10, 2)
    gate = next(layer for layer in generator.main if isinstance(layer, SkipExcitation))
    seen = []
    gate.register_forward_hook(lambda _, inputs, __: seen.append([tuple(x.shape) for x in inputs]))
    generator(torch.randn(2, 10))
    assert seen == [[(2, 2, 128, 128), (2, 32, 8, 8)]]


@pytest.mark.parametrize("build", [ResidualGenerator, ExcitedGenerator])
def test_all_weights_learn(build):
    generator = build(128, 10, 2)
    discriminator = ResidualDiscriminator(128, 2)
    for block in [*blocks(generator), *blocks(discriminator)]:
        nn.init.normal_(block.branch[-1].weight, 0, 0.1)
    discriminator(generator(torch.randn(4, 10))).sum().backward()
    for net in (generator, discriminator):
        for name, weights in net.named_parameters():
            assert weights.grad is not None, name
            assert weights.grad.abs().sum() > 0, name


@pytest.mark.parametrize("size", ALL_SIZES)
def test_the_excited_generator_paints_every_size(size):
    generator = ExcitedGenerator(size, 10, 2)
    images = generator(torch.randn(2, 10))
    assert images.shape == (2, 3, *as_size(size))
    assert -1 <= images.min() < images.max() <= 1


@pytest.mark.parametrize(
    ("size", "sources"),
    [
        (32, [4]),
        (64, [4]),
        (96, [3, 6]),
        ("64x96", [6]),
        (128, [4, 8]),
        (256, [4, 8, 16]),
        (512, [4, 8, 16, 32]),
    ],
)
def test_a_large_map_is_excited_by_one_of_a_sixteenth_of_its_sides(size, sources):
    gates = [
        layer.source for layer in ExcitedGenerator(size, 10, 2).main if isinstance(layer, SkipExcitation)
    ]
    assert gates == sources


@pytest.mark.parametrize("build", [ResidualGenerator, ResidualDiscriminator, ExcitedGenerator])
def test_an_odd_size_is_refused(build):
    with pytest.raises(GanlibError, match="does not fit"):
        build(100)

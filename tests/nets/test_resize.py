import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator
from ganlib.sizes import as_size
from tests.nets.sizes import ALL_SIZES, SIZES


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def layers(net: nn.Module, kind: type) -> list[nn.Module]:
    return [layer for layer in net.main if isinstance(layer, kind)]


@pytest.mark.parametrize("size", ALL_SIZES)
def test_every_size_paints_and_judges(size):
    generator, discriminator = ResizeGenerator(size, 10, 1), ResizeDiscriminator(size, 2)
    images = generator(torch.randn(2, 10))
    assert images.shape == (2, 3, *as_size(size))
    assert -1 <= images.min() < images.max() <= 1
    assert discriminator(images).shape == (2,)
    assert len(layers(generator, nn.Upsample)) == as_size(size).doublings


def test_the_parameters_at_width_64_are_those_counted_by_hand():
    dense = 100 * 4096 + 4096
    block = 256 * 256 * 9 + 256 + 2 * 256
    assert count(ResizeGenerator()) == dense + 4 * block + 256 * 3 * 9 + 3 == 2_782_979
    convolutions = sum(9 * a * b + b for a, b in [(3, 32), (32, 64), (64, 128), (128, 256), (256, 512)])
    norms = 2 * (64 + 128 + 256 + 512)
    assert count(ResizeDiscriminator()) == convolutions + norms + 512 * 2 * 2 + 1 == 1_572_545


def test_the_layers_stand_in_the_order_of_the_project():
    block = [nn.Upsample, nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    dense = [nn.Flatten, nn.Linear, nn.ReLU, nn.Unflatten]
    kinds = [type(layer) for layer in ResizeGenerator(64, 10, 2).main]
    assert kinds == [*dense, *block * 4, nn.Conv2d, nn.Tanh]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU, nn.Dropout]
    kinds = [type(layer) for layer in ResizeDiscriminator(64, 2).main]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, nn.Dropout, *block * 4, nn.Flatten, nn.Linear]


def test_the_discriminator_s_numbers_are_those_of_the_project():
    discriminator = ResizeDiscriminator()
    convolutions = layers(discriminator, nn.Conv2d)
    assert [layer.out_channels for layer in convolutions] == [32, 64, 128, 256, 512]
    assert {(layer.kernel_size, layer.stride) for layer in convolutions} == {((3, 3), (2, 2))}
    assert {layer.negative_slope for layer in layers(discriminator, nn.LeakyReLU)} == {0.2}
    assert {layer.p for layer in layers(discriminator, nn.Dropout)} == {0.25}
    assert not layers(ResizeDiscriminator(64, 2, dropout=0), nn.Dropout)


@pytest.mark.parametrize("net", [ResizeGenerator(64, 10, 2), ResizeDiscriminator(64, 4)], ids=["g", "d"])
def test_batchnorm_follows_a_fifth_of_what_it_sees(net):
    norms = layers(net, nn.BatchNorm2d)
    assert len(norms) == 4
    assert {norm.momentum for norm in norms} == {0.2}
    seen = []
    norms[0].register_forward_hook(lambda norm, args, out: seen.append(args[0].mean((0, 2, 3))))
    net(torch.randn(8, 10) if isinstance(net, ResizeGenerator) else torch.randn(8, 3, 64, 64))
    assert torch.allclose(norms[0].running_mean, 0.2 * seen[0], atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_of_one_trains_at_every_size(size):
    discriminator = ResizeDiscriminator(size, 2)
    discriminator(torch.randn(1, 3, size, size)).sum().backward()
    assert all(weights.grad.isfinite().all() for weights in discriminator.parameters())
    assert layers(discriminator, nn.Linear)[0].in_features == 16 * max(2, size // 32) ** 2


def test_the_width_reaches_every_layer_and_one_is_enough():
    assert {layer.out_channels for layer in layers(ResizeGenerator(32, 8, 3), nn.Conv2d)} == {12, 3}
    assert [layer.out_channels for layer in layers(ResizeDiscriminator(32, 1), nn.Conv2d)] == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("net", [ResizeGenerator, ResizeDiscriminator])
@pytest.mark.parametrize("size", [0, 16, 100, 2048])
def test_other_sizes_are_refused(net, size):
    with pytest.raises(GanlibError, match="does not fit"):
        net(size)


def shares(enlarge: nn.Module) -> set[float]:
    """How many weights each inner pixel is made of, where every weight and every feature is 1."""
    for weights in enlarge.parameters():
        nn.init.ones_(weights)
    return set(enlarge(torch.ones(1, 1, 8, 8))[0, 0, 2:-2, 2:-2].flatten().tolist())


def test_every_pixel_has_the_same_share_of_the_weights_unlike_a_transposed_convolution():
    upsample, convolution = ResizeGenerator(32, 8, 2).main[4:6]
    assert isinstance(upsample, nn.Upsample)
    alike = nn.Conv2d(1, 1, convolution.kernel_size, convolution.stride, convolution.padding, bias=False)
    assert shares(nn.Sequential(upsample, alike)) == {9}
    assert shares(nn.ConvTranspose2d(1, 1, 3, 2, 1, 1, bias=False)) == {1, 2, 4}


def test_every_feature_has_the_same_gradient_unlike_before_a_transposed_convolution():
    def gradients(enlarge):
        features = torch.ones(1, 1, 8, 8, requires_grad=True)
        pixels = enlarge(features)
        chosen = torch.zeros_like(pixels)
        chosen[..., ::2, ::2] = 1  # one pixel of every four, whichever
        gradients = []
        for down in (0, 1):
            for right in (0, 1):
                mask = chosen.roll((down, right), (2, 3))
                (gradient,) = torch.autograd.grad((pixels * mask).sum(), features, retain_graph=True)
                gradients.append(gradient[0, 0, 2:-2, 2:-2].mean().item())
        return gradients

    ones = nn.Conv2d(1, 1, 3, 1, 1, bias=False)
    transposed = nn.ConvTranspose2d(1, 1, 3, 2, 1, 1, bias=False)
    nn.init.ones_(ones.weight)
    nn.init.ones_(transposed.weight)
    upsample = ResizeGenerator(32, 8, 2).main[4]
    assert gradients(nn.Sequential(upsample, ones)) == pytest.approx([9, 9, 9, 9])
    assert gradients(transposed) == pytest.approx([1, 2, 2, 4])


def test_a_uniform_feature_map_is_painted_without_a_checkerboard():
    generator = ResizeGenerator(64, 8, 4).eval()
    pictures = generator.main[4:](torch.randn(1, 16, 1, 1).expand(1, 16, 4, 4))
    inside = pictures[..., 16:48, 16:48]  # further out the padding shows: 1, 3, 7, 15 and 16 pixels
    assert (inside - inside[..., :1, :1]).abs().max() < 1e-6
    assert pictures.std() > 1e-3

    before = torch.randn(1, 16, 1, 1).expand(1, 16, 8, 8)
    chequered = nn.ConvTranspose2d(16, 3, 3, 2, 1, 1)(before)[..., 2:-2, 2:-2]
    assert (chequered[..., 1:, :] - chequered[..., :-1, :]).abs().min(3).values.max() > 1e-3

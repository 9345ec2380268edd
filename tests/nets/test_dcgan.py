import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator, channels_by_resolution
from ganlib.sizes import as_size
from tests.nets.sizes import ALL_SIZES


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def test_the_parameters_at_64_px_are_those_of_the_reference():
    assert count(DCGANGenerator()) == 3_576_704
    assert count(DCGANDiscriminator()) == 2_765_568


@pytest.mark.parametrize("size", ALL_SIZES)
def test_every_size_paints_and_judges(size):
    generator, discriminator = DCGANGenerator(size, 10, 2), DCGANDiscriminator(size, 2)
    images = generator(torch.randn(3, 10))
    assert images.shape == (3, 3, *as_size(size))
    assert -1 <= images.min() < images.max() <= 1
    assert discriminator(images).shape == (3,)


def test_layers_widen_to_eight_times_and_no_further():
    assert channels_by_resolution(as_size(64), 64) == [512, 256, 128, 64]
    assert channels_by_resolution(as_size(32), 64) == [256, 128, 64]
    assert channels_by_resolution(as_size(512), 16) == [128, 128, 128, 128, 64, 32, 16]


def test_z_may_be_flat_or_have_sides_of_one():
    generator = DCGANGenerator(32, 10, 4).eval()
    z = torch.randn(2, 10)
    assert torch.equal(generator(z), generator(z[:, :, None, None]))


@pytest.mark.parametrize("shape", [(10,), (2, 9), (2, 10, 1), (2, 10, 2, 2), (2, 1, 10)])
def test_any_other_z_is_told_what_is_wanted(shape):
    with pytest.raises(GanlibError, match=r"\(N, 10\) or \(N, 10, 1, 1\)"):
        DCGANGenerator(32, 10, 4)(torch.randn(shape))


def test_a_discriminator_refuses_pictures_of_another_size():
    with pytest.raises(GanlibError, match=r"\(N, 3, 32, 32\), not \(2, 3, 64, 64\)"):
        DCGANDiscriminator(32, 4)(torch.zeros(2, 3, 64, 64))


@pytest.mark.parametrize("size", [0, 16, 63, 100, 1025, 2048, "64x128", "64x", "64x-96"])
def test_other_sizes_are_refused(size):
    with pytest.raises(GanlibError, match=r"does not fit|not an image size"):
        DCGANGenerator(size)


def test_an_unknown_norm_is_refused():
    with pytest.raises(GanlibError, match="batch, spectral, none"):
        DCGANDiscriminator(norm="layer")


def test_probability_is_the_sigmoid_of_the_logits():
    discriminator = DCGANDiscriminator(32, 4).eval()
    images = torch.rand(5, 3, 32, 32) * 2 - 1
    assert torch.equal(discriminator.probability(images), discriminator(images).sigmoid())


def test_initial_weights_are_drawn_as_the_paper_says():
    generator = DCGANGenerator()
    convolution, norm = generator.main[3], generator.main[4]
    assert convolution.weight.mean().item() == pytest.approx(0, abs=2e-4)
    assert convolution.weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.005)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.15)
    assert not norm.bias.any()


def test_the_discriminator_leaves_the_first_and_last_layer_without_batchnorm():
    kinds = [type(layer) for layer in DCGANDiscriminator().main]
    middle = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * 3
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *middle, nn.Conv2d]
    assert {
        layer.negative_slope for layer in DCGANDiscriminator().main if isinstance(layer, nn.LeakyReLU)
    } == {0.2}


def kinds(net: nn.Module) -> list[type]:
    return [type(layer) for layer in net.main]


def test_the_first_layer_may_have_a_batchnorm_too():
    first, middle = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU], [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU] * 3
    discriminator = DCGANDiscriminator(width=4, norm_first=True)
    assert kinds(discriminator) == [*first, *middle, nn.Conv2d]
    assert count(discriminator) == count(DCGANDiscriminator(width=4)) + 2 * 4
    assert discriminator.main[0].bias is None


def test_dropout_follows_the_middle_layers_alone():
    middle = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU, nn.Dropout] * 3
    discriminator = DCGANDiscriminator(width=4, dropout=0.2)
    assert kinds(discriminator) == [nn.Conv2d, nn.LeakyReLU, *middle, nn.Conv2d]
    assert {layer.p for layer in discriminator.main if isinstance(layer, nn.Dropout)} == {0.2}
    assert count(discriminator) == count(DCGANDiscriminator(width=4))
    assert nn.Dropout not in kinds(DCGANDiscriminator(width=4))


def test_dropout_acts_in_training_only_and_keeps_the_mean():
    discriminator = DCGANDiscriminator(width=4, dropout=0.2, norm="none")
    images = torch.randn(2, 3, 64, 64)
    assert not torch.equal(discriminator(images), discriminator(images))
    discriminator.eval()
    assert torch.equal(discriminator(images), discriminator(images))
    dropped = nn.Dropout(0.2)(torch.ones(100_000))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.2, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)


def test_there_are_eight_stages_at_512_px():
    generator, discriminator = DCGANGenerator(512, 256, 2), DCGANDiscriminator(512, 2, norm_first=True)
    assert kinds(generator).count(nn.ConvTranspose2d) == 8
    assert kinds(discriminator).count(nn.Conv2d) == 8
    assert kinds(discriminator).count(nn.BatchNorm2d) == 7
    assert [layer.in_channels for layer in generator.main if isinstance(layer, nn.ConvTranspose2d)] == [
        256, 16, 16, 16, 16, 8, 4, 2,
    ]  # fmt: skip


def test_a_batch_of_one_trains():
    generator, discriminator = DCGANGenerator(32, 8, 2), DCGANDiscriminator(32, 2, norm_first=True)
    discriminator(generator(torch.randn(1, 8))).sum().backward()
    for net in (generator, discriminator):
        assert all(weights.grad.isfinite().all() for weights in net.parameters())


def test_spectral_norm_holds_every_layer_at_one():
    discriminator = DCGANDiscriminator(32, 4, norm="spectral")
    for _ in range(200):
        discriminator(torch.randn(2, 3, 32, 32))
    for layer in discriminator.main:
        if isinstance(layer, nn.Conv2d):
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
            assert largest.item() == pytest.approx(1, abs=0.01)


def example_state_dict(
    convolutions: dict[int, tuple[int, ...]], norms: dict[int, int]
) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes that the official PyTorch DCGAN example saves."""
    state = {f"main.{place}.weight": torch.randn(shape) for place, shape in convolutions.items()}
    for place, channels in norms.items():
        state[f"main.{place}.weight"] = torch.rand(channels)
        state[f"main.{place}.bias"] = torch.randn(channels)
        state[f"main.{place}.running_mean"] = torch.randn(channels)
        state[f"main.{place}.running_var"] = torch.rand(channels)
        state[f"main.{place}.num_batches_tracked"] = torch.tensor(7)
    return state


def test_weights_of_the_official_example_load_unchanged(tmp_path):
    shapes = {
        0: (100, 512, 4, 4),
        3: (512, 256, 4, 4),
        6: (256, 128, 4, 4),
        9: (128, 64, 4, 4),
        12: (64, 3, 4, 4),
    }
    saved = example_state_dict(shapes, {1: 512, 4: 256, 7: 128, 10: 64})
    torch.save(saved, tmp_path / "netG_epoch_24.pth")
    generator = DCGANGenerator(64, 100, 64)
    generator.load_state_dict(torch.load(tmp_path / "netG_epoch_24.pth", weights_only=True))
    assert all(torch.equal(saved[name], tensor) for name, tensor in generator.state_dict().items())

    shapes = {
        0: (64, 3, 4, 4),
        2: (128, 64, 4, 4),
        5: (256, 128, 4, 4),
        8: (512, 256, 4, 4),
        11: (1, 512, 4, 4),
    }
    saved = example_state_dict(shapes, {3: 128, 6: 256, 9: 512})
    discriminator = DCGANDiscriminator(64, 64)
    discriminator.load_state_dict(saved)
    assert all(torch.equal(saved[name], tensor) for name, tensor in discriminator.state_dict().items())


def test_a_generator_without_batchnorm_has_biases_instead():
    plain = DCGANGenerator(32, 8, 2, "none", init="default")
    kinds = [type(layer) for layer in plain.main]
    assert nn.BatchNorm2d not in kinds
    assert [layer.bias is not None for layer in plain.main if hasattr(layer, "kernel_size")] == [
        True,
        True,
        True,
        False,
    ]
    one, two = plain(torch.ones(1, 8)), plain(torch.ones(2, 8))
    torch.testing.assert_close(two, one.expand(2, -1, -1, -1))  # what is beside a picture changes nothing
    with pytest.raises(GanlibError, match="batch, none"):
        DCGANGenerator(32, 8, 2, "spectral")


@pytest.mark.parametrize("size", [32, 64, "48x80", 128])
@pytest.mark.parametrize("stages", [1, 2, 8])
def test_the_last_stages_may_enlarge_and_convolve(size, stages):
    net = DCGANGenerator(size, 10, 2, resize_stages=stages)
    layers = [layer for layer in net.main if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    doublings = as_size(size).doublings
    assert [isinstance(layer, nn.Conv2d) for layer in layers[1:]] == [
        stage >= doublings - stages for stage in range(doublings)
    ]
    assert net(torch.zeros(2, 10)).shape == (2, 3, *as_size(size))


def test_of_constant_maps_a_resize_convolution_makes_no_checkerboard():
    """A transposed convolution makes four kinds of pixels."""
    for stages, kinds in ((0, 4), (1, 1)):
        last = DCGANGenerator(64, 10, 2, resize_stages=stages).main[-3 + (stages == 0) : -1]
        inside = last(torch.ones(1, 2, 8, 8))[0, 0, 4:-4, 4:-4]
        assert len(inside.detach().mul(1e4).round().unique()) == kinds

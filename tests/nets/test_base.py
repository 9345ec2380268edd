import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator


class Keep(nn.Module):
    """Remember what comes in."""

    def forward(self, x):
        self.seen = x
        return x


def test_a_generator_gives_its_net_z_with_sides_of_one():
    keep = Keep()
    generator = Generator(5, nn.Sequential(keep))
    z = torch.randn(3, 5)
    for given in (z, z[:, :, None, None]):
        generator(given)
        assert torch.equal(keep.seen, z[:, :, None, None])


def test_a_discriminator_gives_one_number_a_picture_even_for_one_picture():
    discriminator = Discriminator(32, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 1, 1)))
    for count in (1, 4):
        images = torch.randn(count, 3, 32, 32)
        logits = discriminator(images)
        assert logits.shape == (count,)
        assert torch.equal(discriminator.probability(images), logits.sigmoid())


@pytest.mark.parametrize(
    "generator", [DCGANGenerator(32, 10, 2), ResizeGenerator(32, 10, 2)], ids=["dcgan", "resize"]
)
@pytest.mark.parametrize("shape", [(10,), (2, 9), (2, 10, 1), (2, 10, 2, 2), (2, 1, 10)])
def test_a_z_of_another_shape_is_told_what_is_wanted(generator, shape):
    with pytest.raises(GanlibError, match=r"\(N, 10\) or \(N, 10, 1, 1\)"):
        generator(torch.randn(shape))


@pytest.mark.parametrize(
    "discriminator", [DCGANDiscriminator(32, 2), ResizeDiscriminator(32, 2)], ids=["dcgan", "resize"]
)
@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (2, 1, 32, 32), (3, 32, 32), (2, 3, 32, 16)])
def test_pictures_of_another_shape_are_told_what_is_wanted(discriminator, shape):
    with pytest.raises(GanlibError, match=r"\(N, 3, 32, 32\), not"):
        discriminator(torch.zeros(shape))


def test_every_net_has_a_base():
    assert issubclass(DCGANGenerator, Generator)
    assert issubclass(ResizeGenerator, Generator)
    assert issubclass(DCGANDiscriminator, Discriminator)
    assert issubclass(ResizeDiscriminator, Discriminator)

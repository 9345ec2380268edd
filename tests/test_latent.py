import pytest
import torch

from ganlib.data.imageset import to_bytes
from ganlib.errors import GanlibError
from ganlib.latent import paint, sample_latent
from ganlib.nets.dcgan import Generator


def test_one_seed_is_one_latent_whatever_the_count():
    many = sample_latent(5, 100, seed=7)
    assert torch.equal(many[3], sample_latent(1, 100, seed=10)[0])
    assert not torch.equal(many[0], many[1])


def test_latents_are_standard_normal():
    z = sample_latent(500, 100)
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.std().item() == pytest.approx(1, abs=0.01)


def test_one_seed_is_one_picture_whatever_the_batch():
    generator = Generator(32, 8, 4)
    for _ in range(50):
        generator(torch.randn(16, 8))  # BatchNorm learns its statistics, so that pictures have contrast
    z = sample_latent(9, 8)
    together = to_bytes(paint(generator, z)).int()
    apart = to_bytes(paint(generator, z, batch_size=2)).int()
    assert (together - apart).abs().max() <= 1
    assert together.float().std() > 1


def test_painting_leaves_the_generator_as_it_was():
    generator = Generator(32, 8, 4).train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    images = paint(generator, sample_latent(3, 8))
    assert generator.training
    assert not images.requires_grad
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-1, 0), (1, -1), (1, 2**63)])
def test_counts_and_seeds_out_of_range_are_refused(count, seed):
    with pytest.raises(GanlibError):
        sample_latent(count, 8, seed)

import pytest
import torch

from ganlib.nets.dcgan import DCGANDiscriminator
from ganlib.nets.layers import MinibatchStdDev


def test_the_channel_is_the_spread_of_the_group_averaged():
    x = torch.randn(8, 3, 4, 4)
    y = MinibatchStdDev()(x)
    assert y.shape == (8, 4, 4, 4)
    assert torch.equal(y[:, :3], x)
    wanted = x.numpy().std(0).mean()
    assert torch.allclose(y[:, 3], torch.full((8, 4, 4), float(wanted)), atol=1e-5)


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (5, 1), (8, 1), (9, 1), (16, 2), (24, 3)])
def test_batches_of_any_size_are_shared_out(count, groups):
    spreads = MinibatchStdDev()(torch.randn(count, 2, 4, 4))[:, -1, 0, 0]
    assert len(spreads) == count
    assert len(spreads.unique()) == groups
    if groups > 1:
        assert len(spreads.view(8, groups).unique(dim=0)) == 1  # every eighth belongs together


def test_pictures_that_are_all_the_same_have_none_and_a_gradient():
    x = torch.randn(1, 2, 4, 4).repeat(8, 1, 1, 1).requires_grad_()
    spread = MinibatchStdDev()(x)[:, -1]
    assert spread.detach().max() == pytest.approx(1e-4, rel=0.01)
    spread.sum().backward()
    assert x.grad.isfinite().all()


def test_d_hears_of_it():
    torch.manual_seed(0)
    discriminator = DCGANDiscriminator(32, 2, "none", spread=True, init="default")
    one = torch.rand(1, 3, 32, 32)
    alike, varied = one.repeat(8, 1, 1, 1), torch.cat([one, torch.rand(7, 3, 32, 32)])
    assert not torch.allclose(discriminator(alike)[0], discriminator(varied)[0])
    plain = DCGANDiscriminator(32, 2, "none", init="default")
    assert torch.allclose(plain(alike)[0], plain(varied)[0], atol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "spectral", "none"])
def test_every_norm_goes_with_it(norm):
    assert DCGANDiscriminator(64, 2, norm, spread=True)(torch.rand(4, 3, 64, 64)).shape == (4,)

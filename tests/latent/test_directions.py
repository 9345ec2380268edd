import math

import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.latent.directions import fitted_direction, ganspace_directions, orthogonalise, sefa_directions
from ganlib.latent.sampling import sample_latent
from ganlib.nets.base import Generator
from ganlib.nets.dcgan import DCGANGenerator
from ganlib.nets.excitation import ExcitedGenerator
from ganlib.nets.residual import ResidualGenerator
from ganlib.nets.resize import ResizeGenerator

FAMILIES = {
    "dcgan": lambda: DCGANGenerator(32, 8, 4),
    "no norm": lambda: DCGANGenerator(32, 8, 4, "none", init="default"),
    "resize": lambda: ResizeGenerator(32, 8, 2),
}
EACH_WAY = pytest.mark.parametrize("find", [sefa_directions, ganspace_directions])


@pytest.fixture(params=FAMILIES)
def generator(request):
    """A net of each family whose BatchNorms have seen something, so that they weigh the channels."""
    net = FAMILIES[request.param]()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.2, 2)
            nn.init.normal_(layer.bias)
    for _ in range(20):
        net(torch.randn(16, 8))
    return net.train()


def before_first_activation(generator, z):
    """What the first activation is given for one z, (latent_dim,)."""
    x = z[None, :, None, None]
    for layer in generator.main:
        if isinstance(layer, nn.ReLU):
            return x.flatten()
        x = layer(x)
    raise AssertionError


def test_factorised_directions_are_those_of_the_jacobian(generator):
    found = sefa_directions(generator, 8)
    generator.eval().double()
    jacobian = torch.autograd.functional.jacobian(
        lambda z: before_first_activation(generator, z), torch.randn(8).double()
    )
    _, singular, right = torch.linalg.svd(jacobian)
    alike = (found.vectors.double() @ right.T).abs()
    assert torch.allclose(alike, torch.eye(8).double(), atol=1e-4)
    shares = singular.square() / singular.square().sum()
    assert found.shares.tolist() == pytest.approx(shares.tolist(), rel=1e-4)


def test_factorised_directions_are_at_right_angles_and_explain_everything_together(generator):
    found = sefa_directions(generator, 8)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(8), atol=1e-5)
    assert found.shares.sum().item() == pytest.approx(1, abs=1e-5)
    assert sefa_directions(generator, 3).shares.sum() < 0.99


@EACH_WAY
def test_the_strongest_come_first_as_unit_vectors_with_a_sign_of_their_own(find, generator):
    found = find(generator, 5)
    assert len(found) == 5
    assert found.vectors.shape == (5, 8)
    assert found.vectors.norm(dim=1).tolist() == pytest.approx([1.0] * 5, abs=1e-5)
    assert (found.shares.diff() <= 0).all()
    assert found.shares.min() >= 0
    assert 0 < found.shares.sum() <= 1 + 1e-6
    largest = found.vectors.abs().argmax(1)
    assert all(vector[place] > 0 for vector, place in zip(found.vectors, largest, strict=True))
    again = find(generator, 5)
    assert torch.equal(found.vectors, again.vectors)
    assert torch.equal(found.shares, again.shares)


@EACH_WAY
def test_finding_them_leaves_the_net_and_chance_alone(find, generator):
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    random = torch.get_rng_state()
    find(generator, 2)
    assert all(layer.training for layer in generator.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())
    assert all(weight.grad is None for weight in generator.parameters())
    assert torch.equal(torch.get_rng_state(), random)


class Nested(nn.Module):
    """A net of somebody's own: no `main`, and its layers in modules of modules, called out of their order."""

    def __init__(self, act, first):
        super().__init__()
        self.latent_dim = 8
        self.late = nn.ModuleDict({"last": nn.Linear(20, 3 * 32 * 32), "act": act()})
        self.early = nn.ModuleList([nn.Sequential(nn.Sequential(first), act())])
        self.flat = isinstance(first, nn.Linear)

    def forward(self, z):
        x = self.early[0](z if self.flat else z[:, :, None, None]).flatten(1)  # (N, 20)
        return self.late["last"](self.late["act"](x + 0.1)).tanh().reshape(-1, 3, 32, 32)


NESTED = {
    "linear": lambda: Nested(nn.LeakyReLU, nn.Linear(8, 20)),
    "convolution": lambda: Nested(nn.SiLU, nn.ConvTranspose2d(8, 5, 2)),
}


@pytest.mark.parametrize("net", NESTED)
def test_in_any_net_the_first_layer_that_is_called_is_looked_at(net):
    generator = NESTED[net]()
    first = generator.early[0][0][0]
    weight = first.weight.detach().flatten(1)
    _, strengths, right = torch.linalg.svd((weight if net == "linear" else weight.T).double())
    found = sefa_directions(generator, 3)
    assert torch.allclose((found.vectors.double() @ right.T)[:, :3].abs(), torch.eye(3).double(), atol=1e-4)
    shares = strengths.square() / strengths.square().sum()
    assert found.shares.tolist() == pytest.approx(shares[:3].tolist(), rel=1e-4)


@pytest.mark.parametrize("net", NESTED)
def test_in_any_net_activations_count_in_the_order_of_their_calls(net):
    generator = NESTED[net]().train()
    z = sample_latent(64, 8)
    with torch.no_grad():
        one = generator.early[0](z if net == "linear" else z[:, :, None, None]).flatten(1)
        two = generator.late["act"](one + 0.1)
        features = {1: one, 2: two, 3: generator(z).flatten(1)}  # there is no third: the pictures
    for depth, wanted in features.items():
        found = ganspace_directions(generator, 2, samples=64, depth=depth)
        centred = (wanted - wanted.mean(0)).double()
        strengths = torch.linalg.svdvals(centred).square()
        assert found.shares.tolist() == pytest.approx((strengths / strengths.sum())[:2].tolist(), rel=1e-3)
    assert generator.training
    assert not any(layer._forward_hooks for layer in generator.modules())


def test_a_net_in_which_nothing_takes_z_is_named():
    generator = nn.Sequential(nn.Unflatten(1, (8, 1, 1)), nn.Conv2d(8, 3, 1), nn.Upsample(scale_factor=32))
    generator.latent_dim = 8
    with pytest.raises(GanlibError, match="no linear layer or transposed convolution"):
        sefa_directions(generator, 2)
    assert len(ganspace_directions(generator, 2, samples=16)) == 2


@pytest.mark.parametrize("size", [32, 128])
def test_layers_that_look_back_do_no_harm(size):
    """In these two families early maps excite late ones, so `main` is more than one layer after the other."""
    for net in (ExcitedGenerator(size, 8, 4), ResidualGenerator(size, 8, 4)):
        assert ganspace_directions(net, 2, samples=16).vectors.isfinite().all()


def planted(strengths, basis):
    """A generator whose first layer stretches z along each row of `basis` by a strength of its own."""
    first = nn.Linear(len(basis), len(basis), bias=True)
    with torch.no_grad():
        first.weight.copy_(strengths[:, None] * basis)
        first.bias.fill_(50.0)  # so that ReLU lets all of it through
    layers = [nn.Flatten(), first, nn.ReLU(), nn.Unflatten(1, (len(basis), 1, 1)), nn.ReLU(), nn.Tanh()]
    return Generator(len(basis), nn.Sequential(*layers))


@EACH_WAY
def test_planted_directions_are_found_with_their_shares(find):
    basis, _ = torch.linalg.qr(torch.randn(8, 8))
    strengths = torch.tensor([0.1, 5.0, 0.2, 3.0, 0.1, 0.1, 0.2, 0.1])
    found = find(planted(strengths, basis), 2)
    assert (found.vectors @ basis.T).abs().argmax(1).tolist() == [1, 3]
    assert (found.vectors * basis[[1, 3]]).sum(1).abs().min() > 0.995
    assert found.shares.tolist() == pytest.approx([25 / 34.12, 9 / 34.12], abs=0.03)


def test_components_need_samples_and_depth_counts_activations():
    generator = DCGANGenerator(32, 8, 4)
    with pytest.raises(GanlibError, match="more than 8 samples"):
        ganspace_directions(generator, 2, samples=8)
    one, two = (ganspace_directions(generator, 2, samples=64, depth=depth) for depth in (1, 2))
    assert not torch.allclose(one.vectors, two.vectors, atol=1e-2)


@EACH_WAY
@pytest.mark.parametrize("count", [0, 9, -1])
def test_a_count_out_of_range_is_refused(find, count):
    with pytest.raises(GanlibError, match="1 to 8 directions"):
        find(DCGANGenerator(32, 8, 4), count)


def test_a_generator_of_zeros_has_no_share_of_anything():
    generator = DCGANGenerator(32, 8, 4, "none")
    nn.init.zeros_(generator.main[0].weight)
    assert sefa_directions(generator, 2).shares.tolist() == [0, 0]
    assert ganspace_directions(generator, 2).vectors.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_a_fitted_direction_is_the_one_that_was_planted(seed):
    z = sample_latent(2000, 100, 10_000 * seed)
    wanted = nn.functional.normalize(torch.randn(100), dim=0)
    places = z @ wanted
    found = fitted_direction(z[places < -0.7], z[places > 0.7])
    assert found.norm().item() == pytest.approx(1, abs=1e-5)
    assert 0.93 < (found @ wanted).item() < 0.999
    assert torch.allclose(fitted_direction(z[places > 0.7], z[places < -0.7]), -found, atol=1e-6)


def test_of_unequal_groups_none_counts_more():
    z = sample_latent(3000, 20)
    few, many = z[z[:, 0] < -1.5][:40], z[z[:, 0] > 0.3]
    assert len(many) > 20 * len(few)
    assert fitted_direction(few, many)[0] > 0.9
    assert torch.allclose(fitted_direction(few, many), fitted_direction(few, many.repeat(3, 1)), atol=1e-5)


def test_one_picture_in_each_group_gives_the_way_from_one_to_the_other():
    one, other = sample_latent(2, 100)
    found = fitted_direction(one[None], other[None])
    assert found @ nn.functional.normalize(other - one, dim=0) > 0.9999


def test_a_fit_knows_spread_from_difference():
    """Along the second axis the groups are wide, so the mean's difference there is chance."""
    z = sample_latent(4000, 2)
    wide = z * torch.tensor([0.1, 10.0])
    one, other = wide[:2000], wide[2000:] + torch.tensor([1.0, 1.0])
    assert fitted_direction(one, other, ridge=1e-6)[0] > 0.999


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (torch.zeros(0, 8), torch.ones(1, 8), "one or more for each"),
        (torch.ones(2, 8), torch.ones(3, 8), "the same pictures"),
        (torch.ones(2, 8), torch.full((1, 8), math.nan), "NaN"),
        (torch.ones(2, 8), torch.ones(2, 7), r"\(N, 8\)"),
    ],
)
def test_groups_that_show_no_way_are_refused(one, other, message):
    with pytest.raises(GanlibError, match=message):
        fitted_direction(one, other)


def test_a_direction_orthogonalised_leaves_the_others_alone_and_goes_as_far_as_it_can():
    direction, *others = torch.randn(4, 20)
    left = orthogonalise(direction, torch.stack(others))
    assert left.norm().item() == pytest.approx(1, abs=1e-5)
    assert max(abs(left @ other).item() for other in others) < 1e-5
    assert (left @ direction) > 0
    assert torch.allclose(orthogonalise(left, torch.stack(others)), left, atol=1e-6)
    twice = torch.stack([others[0], 2 * others[0]])
    assert torch.allclose(
        orthogonalise(direction, twice), orthogonalise(direction, others[0][None]), atol=1e-5
    )


def test_nothing_is_left_of_a_direction_that_the_others_hold():
    with pytest.raises(GanlibError, match="Nothing is left"):
        orthogonalise(torch.tensor([1.0, 1.0, 0.0]), torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))

import math

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.latent.projection import project
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.dcgan import DCGANGenerator
from ganlib.nets.resize import ResizeGenerator

FAMILIES = {
    "dcgan": lambda: DCGANGenerator(32, 8, 4, init="default"),
    "resize": lambda: ResizeGenerator(32, 8, 2),
}


@pytest.fixture(params=FAMILIES)
def generator(request):
    """A net whose BatchNorms know their averages, so that pictures have contrast, left in train mode."""
    net = FAMILIES[request.param]()
    for _ in range(50):
        net(torch.randn(16, 8))
    return net.train()


def test_a_picture_that_the_generator_painted_is_found_again(generator):
    wanted = sample_latent(1, 8, seed=5)
    picture = generate(generator, wanted)[0]
    found = project(generator, picture, shown=False)
    off = 127.5 * (found.picture - picture).square().mean().sqrt().item()
    assert found.error == pytest.approx(off, rel=1e-3)
    assert 0 < found.error < 0.1 * found.nearest_drawn
    assert found.nearest_drawn < found.typical
    assert torch.nn.functional.cosine_similarity(found.z, wanted[0], dim=0) > 0.95
    assert torch.equal(generate(generator, found.z[None])[0], found.picture)


def test_a_picture_that_it_cannot_paint_is_met_half_way(generator):
    chequered = torch.ones(3, 32, 32)
    chequered[:, ::2, ::2] = -1
    found = project(generator, chequered, steps=60, shown=False)
    assert found.error <= found.nearest_drawn + 1
    assert found.error > 30


def test_it_stays_where_drawn_z_lie(generator):
    found = project(generator, torch.ones(3, 32, 32), steps=60, shown=False)
    assert 0.2 < found.z.norm().item() / math.sqrt(8) < 2


def test_the_same_picture_gives_the_same_z(generator):
    picture = generate(generator, sample_latent(1, 8, seed=5))[0]
    one, other = (project(generator, picture, steps=10, shown=False) for _ in range(2))
    assert torch.equal(one.z, other.z)
    assert str(one) == str(other)
    assert "steps of 255" in str(one)


def test_the_net_its_gradients_and_chance_are_left_as_they_were(generator):
    generator.main[0].eval()
    modes = [layer.training for layer in generator.modules()]
    generator(torch.randn(4, 8)).sum().backward()
    gradients = [weight.grad.clone() for weight in generator.parameters()]
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    random = torch.get_rng_state()
    picture = torch.zeros(3, 32, 32)
    project(generator, picture, steps=3, shown=False)
    assert [layer.training for layer in generator.modules()] == modes
    assert all(weight.requires_grad for weight in generator.parameters())
    assert all(map(torch.equal, gradients, [weight.grad for weight in generator.parameters()]))
    assert all(torch.equal(before[name], tensor) for name, tensor in generator.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(picture, torch.zeros(3, 32, 32))


def test_it_works_where_gradients_are_switched_off():
    generator = DCGANGenerator(32, 8, 4)
    wanted = project(generator, torch.zeros(3, 32, 32), steps=3, shown=False)
    with torch.no_grad():
        assert torch.equal(project(generator, torch.zeros(3, 32, 32), steps=3, shown=False).z, wanted.z)
    with torch.inference_mode():
        assert torch.equal(project(generator, torch.zeros(3, 32, 32), steps=3, shown=False).z, wanted.z)


def test_more_starts_come_no_further_off_and_each_step_is_told(generator):
    picture = generate(generator, sample_latent(1, 8, seed=9))[0]
    told = []
    few = project(generator, picture, starts=1, steps=40, shown=False, on_step=told.append)
    many = project(generator, picture, starts=8, steps=40, shown=False)
    assert told == list(range(1, 41))
    assert many.error <= few.error * 1.01


def test_a_bar_is_shown_only_if_wanted(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "ganlib.latent.projection.progress", lambda items, *words: shown.append(words) or items
    )
    generator = DCGANGenerator(32, 8, 4)
    project(generator, torch.zeros(3, 32, 32), steps=2)
    assert shown == [("projecting", "step", 2)]
    project(generator, torch.zeros(3, 32, 32), steps=2, shown=False)
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("picture", "settings", "message"),
    [
        (torch.zeros(3, 64, 64), {}, r"pictures \(3, 32, 32\) .* yours, \(3, 64, 64\)"),
        (torch.zeros(1, 3, 32, 32), {}, "resize it first"),
        (torch.full((3, 32, 32), math.nan), {}, "from -1 to 1"),
        (torch.full((3, 32, 32), 255.0), {}, "from -1 to 1"),
        (torch.zeros(3, 32, 32), {"starts": 0}, "1 to 256 starts"),
        (torch.zeros(3, 32, 32), {"starts": 257}, "1 to 256 starts"),
        (torch.zeros(3, 32, 32), {"steps": 0}, "1 step or more"),
    ],
)
def test_what_cannot_be_projected_is_named(picture, settings, message):
    with pytest.raises(GanlibError, match=message):
        project(DCGANGenerator(32, 8, 4), picture, shown=False, **settings)

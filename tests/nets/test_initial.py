import copy
import math

import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlib.nets.layers import INITIAL_WEIGHTS, draw_normal, initial_weights, leave_as_built
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator

NETS = [
    lambda init: DCGANGenerator(32, 64, 16, init=init),
    lambda init: DCGANDiscriminator(32, 32, norm_first=True, init=init),
    lambda init: ResizeGenerator(32, 64, 8, init=init),
    lambda init: ResizeDiscriminator(32, 32, init=init),
]
NAMES = ["dcgan-g", "dcgan-d", "resize-g", "resize-d"]
WEIGHTY = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def layers(net: nn.Module, kinds: type | tuple[type, ...]) -> list[nn.Module]:
    return [layer for layer in net.main if isinstance(layer, kinds)]


@pytest.mark.parametrize("build", NETS, ids=NAMES)
def test_normal_draws_every_layer_as_the_paper_says(build):
    net = build("normal")
    for layer in layers(net, WEIGHTY):
        count = layer.weight.numel()
        assert layer.weight.mean().item() == pytest.approx(0, abs=4 * 0.02 / count**0.5)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=4 / (2 * count) ** 0.5)
        assert layer.bias is None or not layer.bias.any()
    scales = torch.cat([layer.weight for layer in layers(net, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=4 * 0.02 / len(scales) ** 0.5)
    assert scales.std().item() == pytest.approx(0.02, rel=4 / (2 * len(scales)) ** 0.5)
    assert not any(layer.bias.any() for layer in layers(net, nn.BatchNorm2d))


@pytest.mark.parametrize("build", NETS, ids=NAMES)
def test_default_leaves_what_pytorch_draws(build):
    net = build("default")
    for layer in layers(net, WEIGHTY):
        bound = 1 / math.sqrt(layer.weight[0].numel())  # even on both sides, PyTorch's own rule
        largest = layer.weight.abs().max().item()
        assert 0.9 * bound < largest <= bound * (1 + 1e-6)
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.06)
        assert layer.bias is None or layer.bias.any()
    for layer in layers(net, nn.BatchNorm2d):
        assert (layer.weight == 1).all()
        assert not layer.bias.any()


def test_default_changes_nothing_and_draws_nothing():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    before, random = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    net.apply(leave_as_built)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())


def test_the_words_for_initial_weights():
    assert initial_weights("normal") is draw_normal
    assert initial_weights("default") is leave_as_built
    assert set(INITIAL_WEIGHTS) == {"normal", "default"}
    with pytest.raises(GanlibError, match="normal, default"):
        initial_weights("orthogonal")
    for build in NETS:
        with pytest.raises(GanlibError, match="no init 'xavier'"):
            build("xavier")

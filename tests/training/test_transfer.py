"""Transfer learning: what fits is taken, and a sentence says how much."""

from dataclasses import replace

import pytest
import torch

from ganlib.errors import GanlibError
from ganlib.training.transfer import copy_fitting, share_that_fits, start_from
from tests.training.test_trainer import train


@pytest.fixture
def trained(recipe, art, tmp_path):
    return train(recipe, art, tmp_path / "trained", kimg=0.1).state


@pytest.fixture
def fresh(recipe, art, tmp_path):
    return train(replace(recipe, seed=1), art, tmp_path / "fresh", kimg=0.01).state


def weights(state):
    return {name: dict(net.state_dict()) for name, net in state.nets().items()}


def test_all_weights_of_the_same_nets_are_taken(trained, fresh):
    theirs = weights(trained)
    said = start_from(fresh, theirs["generator"], theirs["discriminator"], "portraits")
    assert said == "Started from 'portraits': 100% of G, 100% of D."
    for net in (fresh.nets()["generator"], fresh.ema.generator):
        assert all(
            torch.equal(tensor, theirs["generator"][name]) for name, tensor in net.state_dict().items()
        )
    for name, tensor in fresh.nets()["discriminator"].state_dict().items():
        assert torch.equal(tensor, theirs["discriminator"][name])


def test_without_a_discriminator_d_begins_anew(trained, fresh):
    before = {key: tensor.clone() for key, tensor in weights(fresh)["discriminator"].items()}
    assert start_from(fresh, weights(trained)["generator"], {}, "mine").endswith("100% of G, D begins anew.")
    for key, tensor in weights(fresh)["discriminator"].items():
        assert torch.equal(tensor, before[key])


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_a_net_for_larger_pictures_takes_all_but_its_new_stage(recipe, net):
    recipe = replace(recipe, width=1, latent_dim=5, minibatch_stddev=True)
    small, large = (getattr(replace(recipe, size=size), net)() for size in (64, 128))
    share = share_that_fits(large, small.state_dict())
    assert 0.8 < share < 1
    before = {name: tensor.clone() for name, tensor in large.state_dict().items()}
    with torch.no_grad():
        for tensor in small.state_dict().values():
            tensor.fill_(7)
    copy_fitting(large, small.state_dict())
    taken = [name for name, tensor in large.state_dict().items() if (tensor == 7).all()]
    assert len(taken) == round(share * len(before))
    for name, tensor in large.state_dict().items():
        assert name in taken or torch.equal(tensor, before[name])


def test_less_than_half_of_the_generator_is_an_error(recipe, fresh):
    other = replace(recipe, width=8).generator().state_dict()
    with pytest.raises(
        GanlibError, match=r"'wide' has weights for only \d+% of this generator: .* same family"
    ):
        start_from(fresh, other, {}, "wide")

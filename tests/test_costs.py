from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from ganlib.augment import Augment
from ganlib.costs import cost
from ganlib.losses import gradient_penalty
from ganlib.recipes import get_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_parameters_are_those_of_the_nets(name):
    recipe = replace(get_recipe(name), width=8)
    counted = cost(recipe)
    for net, expected in (
        (recipe.generator(), counted.generator_parameters),
        (recipe.discriminator(), counted.discriminator_parameters),
    ):
        assert sum(weights.numel() for weights in net.parameters()) == expected


def convolutions(recipe):
    """Multiplications of one forward pass of G and of D, by hand (Radford et al. 2016)."""
    g = [(recipe.latent_dim, 512, 1), (512, 256, 4), (256, 128, 8), (128, 64, 16), (64, 3, 32)]
    d = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4), (512, 1, 1)]
    return [sum(before * after * 16 * side**2 for before, after, side in net) for net in (g, d)]


def test_the_arithmetic_of_the_reference_is_what_is_counted_by_hand():
    recipe = get_recipe("portraits64")
    g, d = convolutions(recipe)
    # forwards: G once, D thrice; backwards: G and D's own two passes twice each, D for G's sake once
    by_hand = 2 * (g + 3 * d + 2 * g + 4 * d + d)
    assert cost(recipe).flops == pytest.approx(by_hand, rel=0.02)


def test_fresh_fakes_cost_another_pass_of_g():
    shared, fresh = (cost(replace(get_recipe("portraits64"), fakes=fakes)) for fakes in ("shared", "fresh"))
    g, _ = convolutions(get_recipe("portraits64"))
    assert fresh.flops - shared.flops == pytest.approx(2 * g, rel=0.01)
    assert fresh.activation_bytes == shared.activation_bytes


def test_a_loss_of_pairs_costs_another_look_at_the_reals():
    plain = replace(get_recipe("portraits64"), d_norm="none")
    _, d = convolutions(plain)
    more = cost(replace(plain, loss="relativistic")).flops - cost(plain).flops
    assert more == pytest.approx(2 * d, rel=0.01)


def test_penalties_cost_two_more_passes_and_their_derivatives_in_the_steps_that_have_them():
    plain = replace(get_recipe("portraits64"), d_norm="none")
    flops = [
        cost(replace(plain, penalty=(gamma, gamma), penalty_every=every)).flops
        for gamma, every in ((0.0, 1), (1.0, 1), (1.0, 4))
    ]
    _, d = convolutions(plain)
    # at reals and at fakes: forward, back to the pictures, and either of these with two derivatives more
    assert (flops[1] - flops[0]) / (2 * 2 * d) == pytest.approx(6, rel=0.02)
    assert (flops[2] - flops[0]) * 4 == pytest.approx(flops[1] - flops[0], rel=1e-6)


def test_arithmetic_and_activations_grow_with_the_area():
    small, large = (cost(replace(get_recipe("portraits64"), size=size, width=8)) for size in (256, 512))
    assert large.activation_bytes / small.activation_bytes == pytest.approx(4, rel=0.1)
    assert 3.5 < large.flops / small.flops < 4.5


@contextmanager
def kept(*nets):
    """The tensors that torch keeps for the gradients, weights left out, each storage once."""
    weights = {weight.data_ptr() for net in nets for weight in net.parameters()}
    tensors = {}

    def keep(tensor):
        if tensor.data_ptr() not in weights:
            tensors[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield tensors


def test_activations_are_what_torch_keeps():
    recipe = replace(get_recipe("portraits64"), width=8)
    generator, discriminator = recipe.generator(), recipe.discriminator()
    with kept(generator, discriminator) as tensors:
        fake = generator(torch.randn(4, 100))
        logits = discriminator(torch.randn(4, 3, 64, 64)), discriminator(fake.detach()), discriminator(fake)
    total = sum(tensor.untyped_storage().nbytes() for tensor in tensors.values()) / 4
    assert len(logits) == 3
    assert 0.9 * total < cost(recipe).activation_bytes < 1.1 * total


@pytest.mark.parametrize("family", ["dcgan", "residual"])
def test_what_the_penalties_keep_is_counted(family):
    norms = {} if family == "dcgan" else {"g_norm": "none", "init": "default"}
    plain = replace(get_recipe("portraits64"), family=family, d_norm="none", width=8, **norms)
    recipe = replace(plain, penalty=(1.0, 1.0))
    discriminator = recipe.discriminator()
    with kept(discriminator) as tensors:
        for _ in range(2):
            gradient_penalty(discriminator, torch.rand(4, 3, 64, 64), Augment())
    total = sum(tensor.untyped_storage().nbytes() for tensor in tensors.values()) / 4
    assert cost(plain).penalty_bytes == 0
    assert 0.9 * total < cost(recipe).penalty_bytes < 1.1 * total
    counted = cost(recipe)
    of_penalties = [counted.memory(8, mixed) - cost(plain).memory(8, mixed) for mixed in (False, True)]
    assert of_penalties == [8 * counted.penalty_bytes] * 2


def test_memory_is_state_and_activations():
    counted = cost(get_recipe("portraits64"))
    state = 4 * (5 * counted.generator_parameters + 4 * counted.discriminator_parameters)
    assert counted.memory(0) == state
    assert counted.memory(16) == state + 16 * counted.activation_bytes
    assert counted.memory(16, mixed=True) == state + 8 * counted.activation_bytes


def test_the_large_canvas_fits_on_a_t4():
    recipe = get_recipe("gallery512")
    assert recipe.batch_size == 16
    assert 1 * 2**30 < cost(recipe).memory(16, mixed=True) < 14 * 2**30


def test_spectral_norm_can_be_counted_too():
    recipe = get_recipe("portraits64")
    assert cost(replace(recipe, d_norm="spectral")).flops == cost(replace(recipe, d_norm="none")).flops

"""A family of nets is one file and one line: its arguments are filled from a recipe, and all else refused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.registry import FAMILIES, Family, check_options
from ganlib.recipes import Recipe, get_recipe


class TinyGenerator(Generator):
    def __init__(self, size=64, latent_dim=100, *, heads=2):
        super().__init__(latent_dim, nn.Sequential(nn.ConvTranspose2d(latent_dim, 3, size), nn.Tanh()))
        self.heads = heads


class TinyDiscriminator(Discriminator):
    def __init__(self, size=64, dropout=0.0):
        super().__init__(size, nn.Sequential(nn.Dropout(dropout), nn.Conv2d(3, 1, size)))


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(FAMILIES, "tiny", Family(TinyGenerator, TinyDiscriminator, "As small as can be."))
    return replace(Recipe("x", size=32), init="default", g_norm="none", d_norm="none")


def values(recipe, **changes):
    return vars(recipe) | changes


def test_arguments_are_filled_from_the_recipe_and_one_that_it_has_not_keeps_its_default(tiny):
    from ganlib.nets.registry import build_discriminator, build_generator

    generator = build_generator("tiny", values(tiny, latent_dim=7))
    assert (generator.latent_dim, generator.heads) == (7, 2)
    assert generator(torch.zeros(1, 7)).shape == (1, 3, 32, 32)
    assert build_discriminator("tiny", values(tiny, d_dropout=0.3)).main[0].p == 0.3


def test_an_option_that_a_family_does_not_have_is_refused(tiny):
    check_options("tiny", values(tiny, d_dropout=0.3))
    for change in (
        {"width": 32},
        {"g_norm": "batch"},
        {"d_norm": "spectral"},
        {"minibatch_stddev": True},
        {"init": "normal"},
    ):
        with pytest.raises(GanlibError, match=f"family 'tiny' takes only one {next(iter(change))}"):
            check_options("tiny", values(tiny, **change))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("artgan64", {"d_norm": "spectral"}),
        ("artgan64", {"d_norm_first": True}),
        ("artgan64", {"minibatch_stddev": True}),
        ("modern64", {"g_norm": "batch"}),
        ("modern64", {"d_dropout": 0.1}),
        ("modern64", {"init": "normal"}),
    ],
)
def test_the_families_of_ganlib_refuse_what_they_do_not_know(name, change):
    with pytest.raises(GanlibError, match="takes only one"):
        replace(get_recipe(name), **change)


def test_the_light_generator_has_batchnorm_and_its_opponent_all_of_a_dcgan_s_options():
    recipe = Recipe("x", family="excited", d_norm="spectral", d_dropout=0.1, width=4)
    assert recipe.discriminator()(torch.zeros(2, 3, 64, 64)).shape == (2,)
    with pytest.raises(GanlibError, match="family 'excited' takes only one g_norm: set it to 'batch'"):
        replace(recipe, g_norm="none")


def test_every_family_has_a_sentence():
    assert all(family.about.endswith(".") for family in FAMILIES.values())

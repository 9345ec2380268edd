from dataclasses import FrozenInstanceError, asdict, replace

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from ganlib.errors import GanlibError
from ganlib.machine import Machine
from ganlib.recipes import Recipe, default_recipe, get_recipe, override, recipe_names


def test_the_reference_recipe_is_as_its_project_has_it():
    values = asdict(get_recipe("portraits64"))
    wanted = {
        "size": 64,
        "latent_dim": 100,
        "width": 64,
        "d_norm": "batch",
        "loss": "bce",
        "real_labels": (1.0, 1.0),
        "fake_labels": (0.0, 0.0),
        "generator_labels": (1.0, 1.0),
        "label_noise": 0.0,
        "augment": (),
        "batch_size": 64,
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "betas": (0.5, 0.999),
        "epochs": 100.0,
    }
    assert {name: values[name] for name in wanted} == wanted


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_builds_its_nets_and_survives_json(name):
    recipe = get_recipe(name)
    generator, discriminator = recipe.generator(), recipe.discriminator()
    logits = discriminator(generator(torch.randn(2, recipe.latent_dim)))
    assert recipe.adversarial_loss().discriminator(logits, logits).isfinite()
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert is_parametrized(discriminator.main[0]) == (recipe.d_norm == "spectral")


def test_a_recipe_is_frozen():
    with pytest.raises(FrozenInstanceError):
        get_recipe("portraits64").width = 3


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GanlibError, match="portraits64, portraits64-cpu"):
        get_recipe("portrait")


def test_settings_are_put_in_with_the_type_of_their_field():
    settings = ["width=16", "g_lr=1", "betas=[0, 0.9]", "augment=flip,colour", "loss=hinge", "mirror=True"]
    recipe = override(get_recipe("portraits64"), settings)
    assert (recipe.width, recipe.g_lr, recipe.betas) == (16, 1.0, (0.0, 0.9))
    assert all(isinstance(value, float) for value in (recipe.g_lr, *recipe.betas))
    assert (recipe.augment, recipe.loss, recipe.mirror) == (("flip", "colour"), "hinge", True)
    assert recipe.differences(get_recipe("portraits64")) == [
        "width", "loss", "augment", "mirror", "g_lr", "betas",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width", "FIELD=VALUE"),
        ("wdith=3", "FIELD=VALUE"),
        ("width=0", "above zero"),
        ("width=wide", "takes a value such as 64"),
        ("width=1.5", "takes a value such as 64"),
        ("size=48", "power of two"),
        ("size=1024", "power of two"),
        ("loss=wgan", "bce, hinge"),
        ("augment=blur", "flip, translate, colour"),
        ("d_norm=group", "batch, spectral, none"),
        ("betas=0.5", "takes a list"),
        ("betas=[0.5]", "two numbers"),
        ("betas=[0.5, 1.5]", r"\[0, 1\)"),
        ("real_labels=soft", "takes a list"),
        ("betas=['a', 'b']", "numbers"),
        ("batch_size=-1", "above zero"),
        ("g_lr=nan", "takes a value such as"),
        ("g_lr=1e999", "0 or more"),
        ("ema_kimg=-1", "0 or more"),
        ("label_noise=-0.1", "0 or more"),
        ("real_labels=[2, -3]", "within"),
        ("real_labels=[1.0, 0.9]", "within"),
        ("seed=99999999999999999999", "between 0 and"),
        ("width=99999", "between 0 and 1024"),
        ("latent_dim=1000000000", "between 0 and 4096"),
    ],
)
def test_a_bad_setting_is_a_sentence(setting, message):
    with pytest.raises(GanlibError, match=message):
        override(get_recipe("portraits64"), [setting])


def test_a_recipe_of_another_version_is_refused():
    with pytest.raises(GanlibError, match="'colour_space'"):
        Recipe.from_json({"name": "x", "colour_space": "lab"})
    with pytest.raises(GanlibError, match="no name"):
        Recipe.from_json({})


@pytest.mark.parametrize(("device", "name"), [("cpu", "portraits64-cpu"), ("cuda", "portraits64")])
def test_the_default_recipe_suits_the_machine(device, name):
    assert default_recipe(Machine(torch.device(device), "no", "", 1.0)).name == name


def test_a_recipe_may_be_changed_by_replace_and_is_checked_again():
    with pytest.raises(GanlibError):
        replace(get_recipe("portraits64"), d_lr=0.0)

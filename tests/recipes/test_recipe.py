import math
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, default_recipe, get_recipe, override, recipe_names
from ganlib.runtime import device
from ganlib.runtime.device import Machine


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
    recipe = replace(get_recipe(name), width=4)  # tests/recipes looks at the full ones
    generator, discriminator = recipe.generator(), recipe.discriminator()
    logits = discriminator(generator(torch.randn(2, recipe.latent_dim)))
    assert recipe.adversarial_loss().discriminator(logits, logits).isfinite()
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert is_parametrized(discriminator.main[0]) == (recipe.d_norm == "spectral")


def test_a_recipe_is_frozen():
    with pytest.raises(FrozenInstanceError):
        get_recipe("portraits64").width = 3


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(GanlibError, match=", ".join(recipe_names())):
        get_recipe("portrait")


def test_settings_are_put_in_with_the_type_of_their_field():
    settings = ["width=16", "g_lr=1", "betas=[0, 0.9]", "augment=flip,colour", "loss=hinge", "hflip=True"]
    recipe = override(get_recipe("portraits64"), settings)
    assert (recipe.width, recipe.g_lr, recipe.betas) == (16, 1.0, (0.0, 0.9))
    assert all(isinstance(value, float) for value in (recipe.g_lr, *recipe.betas))
    assert (recipe.augment, recipe.loss, recipe.hflip) == (("flip", "colour"), "hinge", True)
    assert recipe.differences(get_recipe("portraits64")) == [
        "width", "loss", "augment", "hflip", "g_lr", "betas",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("width", "FIELD=VALUE"),
        ("wdith=3", "FIELD=VALUE"),
        ("width=0", "width cannot be 0: it takes a whole number >= 1"),
        ("width=wide", "it takes a whole number"),
        ("width=1.5", "it takes a whole number"),
        ("size=100", "does not fit"),
        ("size=64x128", "does not fit"),
        ("loss=wgan", "bce, hinge"),
        ("augment=blur", "flip, translate, colour"),
        ("d_norm=group", "batch, spectral, none"),
        ("betas=0.5", "length 2"),
        (["loss=hinge", "label_noise=0.1"], "has no labels"),
        (["loss=hinge", "real_labels=[0.9, 1]"], "has no labels"),
        ("betas=[0.5]", "length 2"),
        ("betas=[0.5, 1.5]", "< 1.0"),
        ("real_labels=soft", "length 2"),
        ("betas=['a', 'b']", "it takes a number"),
        ("batch_size=-1", ">= 1"),
        ("g_lr=nan", "it takes a number"),
        ("g_lr=1e999", "<= 1000000000000"),
        ("ema_kimg=-1", ">= 0.0"),
        ("ema_start=1.1", "<= 1.0"),
        ("label_noise=-0.1", ">= 0.0"),
        ("real_labels=[2, -3]", "<= 1.0"),
        ("real_labels=[1.0, 0.9]", "the lower number first"),
        ("seed=99999999999999999999", "<= 1099511627776"),
        ("width=99999", "<= 256"),
        ("latent_dim=1000000000", "<= 1024"),
        (
            ["projected=1.0", "fakes=fresh"],
            "With projected, .* fakes='shared', d_steps=1 and g_steps=1",
        ),
        (["projected=1.0", "d_steps=2"], "With projected, D and G learn from the same fakes"),
        (["quarter_turns=True", "size=64x96"], "quarter_turns needs square pictures, and 64x96 px is not"),
        ("family=style", "no family 'style': choose one of dcgan, excited, residual, resize, subpixel"),
        ("fakes=old", "shared, fresh"),
        ("steps_in=kimg", "batches, epochs"),
        ("init=zeros", "normal, default"),
        ("d_dropout=1", "< 1.0"),
        ("d_dropout=-0.1", ">= 0.0"),
        ("d_steps=0", ">= 1"),
        ("g_steps=1.5", "it takes a whole number"),
        ("logit_noise=-1", ">= 0.0"),
        ("logit_noise=0.2", "logit_noise_kimg: set that above 0"),
        ("d_norm_first=1", "it takes True or False"),
        ("epochs=0", "> 0.0"),
    ],
)
def test_a_bad_setting_is_a_sentence(setting, message):
    with pytest.raises(GanlibError, match=message):
        override(get_recipe("portraits64"), [setting] if isinstance(setting, str) else setting)


@pytest.mark.parametrize(
    "changes", [{"d_norm": "spectral"}, {"d_norm": "none"}, {"d_norm_first": True}, {"g_norm": "none"}]
)
def test_the_resize_family_has_no_other_norm(changes):
    with pytest.raises(GanlibError, match=r"The family 'resize' takes only one [gd]_norm"):
        replace(get_recipe("artgan64"), **changes)


def test_the_options_of_the_nets_reach_them():
    plain, changed = (
        Recipe("x", width=4),
        Recipe("x", width=4, d_norm_first=True, d_dropout=0.3, init="default"),
    )
    before = [type(layer).__name__ for layer in plain.discriminator().main]
    after = [type(layer).__name__ for layer in changed.discriminator().main]
    assert (before.count("BatchNorm2d"), after.count("BatchNorm2d")) == (3, 4)
    assert (before.count("Dropout"), after.count("Dropout")) == (0, 3)
    assert (changed.generator().main[1].weight == 1).all()
    assert not (plain.generator().main[1].weight == 1).any()
    bare = Recipe("x", width=4, g_norm="none").generator().main
    assert "BatchNorm2d" not in [type(layer).__name__ for layer in bare]
    dropped = replace(changed, family="resize", d_norm_first=False).discriminator().main
    assert [layer.p for layer in dropped if type(layer).__name__ == "Dropout"] == [0.3] * 5


def test_noise_on_d_s_output_falls_evenly_to_exactly_zero():
    recipe = Recipe("x", logit_noise=0.4, logit_noise_kimg=200)
    assert [recipe.at(kimg).logit_noise for kimg in (0, 50, 100, 150)] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert [recipe.at(kimg).logit_noise for kimg in (200, 200.001, 1e9)] == [0.0] * 3
    assert Recipe("x").at(0).logit_noise == Recipe("x", logit_noise_kimg=5).at(0).logit_noise == 0.0


def test_labels_and_their_noise_reach_the_loss():
    ranges = {"real_labels": (0.9, 0.9), "fake_labels": (0.1, 0.1), "generator_labels": (0.7, 0.7)}
    logits = torch.full((3,), 2.0)
    p = 1 / (1 + math.exp(-2.0))
    loss = Recipe("x", **ranges).adversarial_loss()

    def entropy(label):
        return -label * math.log(p) - (1 - label) * math.log(1 - p)

    assert loss.discriminator(logits, logits).item() == pytest.approx(entropy(0.9) + entropy(0.1), rel=1e-6)
    assert loss.generator(logits).item() == pytest.approx(entropy(0.7), rel=1e-6)
    noisy = Recipe("x", label_noise=0.5, **ranges).adversarial_loss()
    many = torch.full((20_000,), 2.0)
    assert noisy.generator(many).item() == pytest.approx(entropy(0.95), abs=0.01)


def test_a_recipe_written_before_a_field_was_there_has_its_default():
    values = get_recipe("portraits64").to_json()
    for name in ("family", "fakes", "logit_noise", "logit_noise_kimg", "steps_in", "project", "art"):
        del values[name]
    assert Recipe.from_json(values).differences(get_recipe("portraits64")) == ["project"]


def test_a_recipe_of_another_version_is_refused():
    with pytest.raises(GanlibError, match="'colour_space'"):
        Recipe.from_json({"name": "x", "colour_space": "lab"})
    with pytest.raises(GanlibError, match="no name"):
        Recipe.from_json({})


def test_the_default_recipe_is_the_one_that_won_and_on_a_gpu_one_that_fills_it(monkeypatch):
    assert default_recipe("cpu") == get_recipe("modern64-cpu")
    gpu = Machine(torch.device("cuda"), "fp16", "T4", 15.0)
    found = device._describe
    monkeypatch.setattr(device, "_best_device", lambda: "cuda")
    monkeypatch.setattr(device, "_describe", lambda kind: gpu if kind == "cuda" else found(kind))
    wide = default_recipe()
    assert wide == get_recipe("modern64-wide")
    assert default_recipe("cpu") == get_recipe("modern64-cpu")
    changed = {name for name, value in vars(wide).items() if value != vars(default_recipe("cpu"))[name]}
    assert changed == {"name", "about", "width", "batch_size"}


def test_a_recipe_may_be_changed_by_replace_and_is_checked_again():
    with pytest.raises(GanlibError):
        replace(get_recipe("portraits64"), d_lr=0.0)


def test_nothing_is_evaluated_by_the_net_through_which_d_looks():
    plain, projected = Recipe("plain"), Recipe("projected", projected=0.5)
    assert [plain.extractor(asked) for asked in ("", "lite0", "lite2")] == ["lite0", "lite0", "lite2"]
    assert [projected.extractor(asked) for asked in ("", "inception")] == ["lite2", "inception"]
    with pytest.raises(GanlibError, match=r"trained through lite0.*measure them with lite2 or inception"):
        projected.extractor("lite0")

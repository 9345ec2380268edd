"""The four reference systems, column by column, beside the recipes that carry their names.

Where a project says nothing (a width, how much noise) the recipe chooses, and no value stands here.
"""

import math
from dataclasses import dataclass, field, replace
from itertools import pairwise
from shutil import copyfile
from typing import Any

import pytest
import torch
from torch import nn

from ganlib.data.dataset import ImageDataset, load_art
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.recipes import Recipe, get_recipe
from ganlib.runtime.files import bundled_folder
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")

HARD = {"real_labels": (1.0, 1.0), "fake_labels": (0.0, 0.0), "generator_labels": (1.0, 1.0)}
ONE_TO_ONE = {"d_steps": 1, "g_steps": 1, "steps_in": "batches"}
PLAIN = {
    "augment": (),
    "augment_p": (1.0, 1.0),
    "hflip": False,
    "quarter_turns": False,
}  # none of the four changes its pictures
UNPENALISED = {
    "penalty": (0.0, 0.0),
    "penalty_every": 1,
    "minibatch_stddev": False,
    "projected": 0.0,
    "projected_every": 1,
}
STEADY = {
    "lr_end": 1.0,
    "beta2_end": 0.999,
    "ramp_kimg": 0.0,
    "ema_start": 1.0,
}  # nothing changes in the course of a run


@dataclass(frozen=True)
class Seed:
    """What is known of one system: a row for every line of the table, and what the nets must be made of."""

    data: dict[str, Any]
    image: dict[str, Any]
    latent: dict[str, Any]
    generator: dict[str, Any]
    discriminator: dict[str, Any]
    initial_weights: dict[str, Any]
    loss: dict[str, Any]
    optimiser: dict[str, Any]
    batch_and_epochs: dict[str, Any]
    schedule: dict[str, Any]
    departures: dict[str, str] = field(default_factory=dict)  # a field of ours that differs: why

    def stated(self) -> dict[str, Any]:
        """The fields of a recipe that the table states."""
        rows = (value for name, value in vars(self).items() if name != "departures")
        return {name: value for row in rows for name, value in row.items()}


SEEDS = {
    "portraits64": Seed(
        data={"project": "https://github.com/Neill-Erasmus/ai-generated-art"},
        image={"size": 64, **PLAIN},
        latent={"latent_dim": 100},
        generator={"family": "dcgan", "width": 64, "resize_stages": 0},
        discriminator={"g_norm": "batch", "d_norm": "batch", "d_norm_first": False, "d_dropout": 0.0},
        initial_weights={"init": "normal"},
        loss={**UNPENALISED, "loss": "bce", **HARD, "label_noise": 0.0, "logit_noise": 0.0},
        optimiser={**STEADY, "g_lr": 2e-4, "d_lr": 2e-4, "betas": (0.5, 0.999)},
        batch_and_epochs={"batch_size": 64, "epochs": 100},
        schedule={**ONE_TO_ONE, "fakes": "shared"},
    ),
    "gallery512": Seed(
        data={
            "project": "https://github.com/aseemdandgaval/GalleryGAN",
            "pictures": "bryanb/abstract-art-gallery",
            "art": "patchwork",
        },
        image={"size": 512, **PLAIN},
        latent={"latent_dim": 256},
        generator={"family": "dcgan", "resize_stages": 0},
        discriminator={"g_norm": "batch", "d_norm": "batch", "d_norm_first": True, "d_dropout": 0.0},
        initial_weights={"init": "default"},
        loss={**UNPENALISED, "loss": "bce", **HARD, "label_noise": 0.0, "logit_noise": 0.0},
        optimiser={**STEADY, "g_lr": 2e-4, "d_lr": 2e-4, "betas": (0.5, 0.999)},
        batch_and_epochs={"batch_size": 128, "epochs": 500},
        schedule={**ONE_TO_ONE, "fakes": "fresh"},
        departures={"batch_size": "16: by ganlib.cost, 128 at this width take 16 GiB in fp32, 8 in fp16"},
    ),
    "artportraits64": Seed(
        data={
            "project": "https://github.com/houssemeddinebayoudha/GAN-art-portraits",
            "pictures": "karnikakapoor/art-portraits",
        },
        image={"size": 64, **PLAIN},
        latent={"latent_dim": 100},
        generator={"family": "dcgan", "width": 64, "resize_stages": 0},
        discriminator={"g_norm": "batch", "d_norm": "batch", "d_norm_first": False, "d_dropout": 0.2},
        initial_weights={"init": "normal"},
        loss={
            **UNPENALISED,
            "loss": "bce",
            "real_labels": (0.9, 1.0),
            "fake_labels": (0.0, 0.05),
            "generator_labels": (0.95, 1.0),
            "label_noise": 0.0,
            "logit_noise": 0.0,
        },
        optimiser={**STEADY, "g_lr": 2e-4, "d_lr": 2e-4, "betas": (0.5, 0.999)},
        batch_and_epochs={"batch_size": 128, "epochs": 315},
        schedule={**ONE_TO_ONE, "fakes": "shared"},
    ),
    "artgan64": Seed(
        data={
            "project": "https://github.com/1391819/artGAN",
            "pictures": "karnikakapoor/art-portraits",
        },
        image={"size": 64, **PLAIN},
        latent={"latent_dim": 100},
        generator={"family": "resize", "width": 64, "resize_stages": 0},
        discriminator={"g_norm": "batch", "d_norm": "batch", "d_norm_first": False, "d_dropout": 0.25},
        initial_weights={"init": "default"},
        loss={**UNPENALISED, "loss": "bce", **HARD, "label_noise": 0.05},
        optimiser={**STEADY, "g_lr": 1.2e-4, "d_lr": 1.5e-4, "betas": (0.5, 0.999)},
        batch_and_epochs={"batch_size": 32, "epochs": 150},
        schedule={**ONE_TO_ONE},
    ),
}
WITHOUT_A_SOURCE = {  # what the four do not have or do not say
    "portraits64": {"logit_noise_kimg"},
    "gallery512": {"logit_noise_kimg", "width"},
    "artportraits64": {"logit_noise_kimg"},
    "artgan64": {"logit_noise", "logit_noise_kimg", "fakes"},
}
OURS_TO_TELL = {"name", "about", "project", "pictures", "art"}
OUR_OWN = OURS_TO_TELL | {"classes", "freeze_d", "ema_kimg", "sync_norm", "seed"}


@pytest.mark.parametrize("name", SEEDS)
def test_every_stated_value_is_the_one_used(name):
    recipe, seed = get_recipe(name), SEEDS[name]
    stated = seed.stated()
    different = {field for field, value in stated.items() if getattr(recipe, field) != value}
    assert different == set(seed.departures)


@pytest.mark.parametrize("name", SEEDS)
def test_no_field_is_left_without_a_row_or_a_reason(name):
    covered = set(SEEDS[name].stated()) | WITHOUT_A_SOURCE[name] | OUR_OWN
    assert covered == set(get_recipe(name).to_json())


def test_a_departure_is_named_with_its_value():
    assert get_recipe("gallery512").batch_size == 16
    assert [seed.departures for name, seed in SEEDS.items() if name != "gallery512"] == [{}] * 3


def test_d_s_output_has_noise_in_artgan64_that_ends_within_its_run():
    recipe = get_recipe("artgan64")
    pictures, whole = 4117 * 0.85, recipe.epochs
    assert recipe.logit_noise > 0
    assert recipe.at(0).logit_noise == recipe.logit_noise
    assert recipe.at(pictures * whole / 1000).logit_noise == 0


def count(net: nn.Module) -> int:
    return sum(weights.numel() for weights in net.parameters())


def dcgan_parameters(latent: int, channels: list[int], first_norm: bool) -> tuple[int, int]:
    """Of G and of D, from the sizes of their feature maps: 16 weights a kernel, 2 for a BatchNorm."""
    kernels = 16 * (sum(a * b for a, b in pairwise(channels)) + 3 * channels[-1])
    generator = 16 * latent * channels[0] + kernels + 2 * sum(channels)
    norms = 2 * (sum(channels) - (0 if first_norm else channels[-1]))
    return generator, kernels + 16 * channels[0] + norms


def resize_parameters(latent: int, wide: int, strided: list[int]) -> tuple[int, int]:
    """Of G and of D: 9 weights a kernel and one bias, 2 for a BatchNorm."""
    generator = (latent + 1) * wide * 16 + 4 * (9 * wide * wide + wide + 2 * wide) + 27 * wide + 3
    convolutions = sum(9 * a * b + b for a, b in pairwise([3, *strided]))
    return generator, convolutions + 2 * sum(strided[1:]) + 4 * strided[-1] + 1


WIDE = [256, 256, 256, 256, 128, 64, 32]
PARAMETERS = {
    "portraits64": (3_576_704, 2_765_568),
    "gallery512": dcgan_parameters(256, WIDE, first_norm=True),
    "artportraits64": (3_576_704, 2_765_568),
    "artgan64": resize_parameters(100, 256, [32, 64, 128, 256, 512]),
}


def test_the_formula_for_parameters_gives_the_known_numbers():
    assert dcgan_parameters(100, [512, 256, 128, 64], first_norm=False) == (3_576_704, 2_765_568)


@pytest.mark.parametrize("name", SEEDS)
def test_every_recipe_has_as_many_parameters_as_it_should(name):
    recipe = get_recipe(name)
    assert (count(recipe.generator()), count(recipe.discriminator())) == PARAMETERS[name]


def of_kind(net: nn.Module, kind: type) -> list[Any]:
    return [layer for layer in net.modules() if isinstance(layer, kind)]


@pytest.mark.parametrize("name", ["portraits64", "gallery512", "artportraits64"])
def test_the_nets_of_the_dcgan_family_are_made_as_stated(name):
    recipe = get_recipe(name)
    stages = {64: 5, 512: 8}[recipe.size]
    generator, discriminator = recipe.generator(), recipe.discriminator()
    up, down = of_kind(generator, nn.ConvTranspose2d), of_kind(discriminator, nn.Conv2d)
    assert [len(up), len(down)] == [stages, stages]
    assert {layer.kernel_size for layer in up + down} == {(4, 4)}
    assert not any(layer.bias is not None for layer in up + down)
    assert [layer.stride for layer in down] == [(2, 2)] * (stages - 1) + [(1, 1)]
    assert len(of_kind(generator, nn.BatchNorm2d)) == len(of_kind(generator, nn.ReLU)) == stages - 1
    assert len(of_kind(discriminator, nn.BatchNorm2d)) == stages - 2 + recipe.d_norm_first
    assert [layer.negative_slope for layer in of_kind(discriminator, nn.LeakyReLU)] == [0.2] * (stages - 1)
    dropped = [layer.p for layer in of_kind(discriminator, nn.Dropout)]
    assert dropped == ([0.2] * 3 if name == "artportraits64" else [])
    if recipe.size == 64:
        assert [layer.in_channels for layer in up] == [100, 512, 256, 128, 64]
        assert [layer.out_channels for layer in down] == [64, 128, 256, 512, 1]
    assert isinstance(generator.main[-1], nn.Tanh)


def test_the_nets_of_artgan64_are_made_as_stated():
    generator, discriminator = get_recipe("artgan64").generator(), get_recipe("artgan64").discriminator()
    assert generator.main[1].out_features == 4 * 4 * 256
    assert [layer.out_channels for layer in of_kind(generator, nn.Conv2d)] == [256] * 4 + [3]
    assert {(layer.scale_factor, layer.mode) for layer in of_kind(generator, nn.Upsample)} == {(2, "nearest")}
    down = of_kind(discriminator, nn.Conv2d)
    assert [layer.out_channels for layer in down] == [32, 64, 128, 256, 512]
    assert {(layer.kernel_size, layer.stride) for layer in down} == {((3, 3), (2, 2))}
    assert {layer.p for layer in of_kind(discriminator, nn.Dropout)} == {0.25}
    assert {layer.negative_slope for layer in of_kind(discriminator, nn.LeakyReLU)} == {0.2}
    norms = of_kind(generator, nn.BatchNorm2d) + of_kind(discriminator, nn.BatchNorm2d)
    assert [norm.momentum for norm in norms] == [0.2] * 8
    for net in (generator, discriminator):
        assert not any("Pool" in type(layer).__name__ for layer in net.modules())
        assert len(of_kind(net, nn.Linear)) == 1  # no hidden dense layers
    assert not of_kind(discriminator, nn.ReLU)
    assert not of_kind(generator, nn.LeakyReLU)


@pytest.mark.parametrize("name", SEEDS)
def test_the_first_weights_are_drawn_as_stated(name):
    recipe = get_recipe(name)
    normal = SEEDS[name].initial_weights["init"] == "normal"
    for net in (recipe.generator(), recipe.discriminator()):
        for layer in of_kind(net, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            library = 1 / math.sqrt(3 * layer.weight[0].numel())
            wanted = 0.02 if normal else library
            noise = 4 / math.sqrt(2 * layer.weight.numel())
            assert layer.weight.std().item() == pytest.approx(wanted, rel=noise)
        scales = torch.cat([norm.weight for norm in of_kind(net, nn.BatchNorm2d)])
        assert scales.std().item() == pytest.approx(0.02 if normal else 0, rel=0.15)
        assert scales.mean().item() == pytest.approx(1, abs=0.005 if normal else 0)


@pytest.fixture(scope="module")
def some_art(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImageDataset]:
    """Bundled art for two steps of each recipe: portraits at 64 px, and patchwork at 512 px."""
    folder = tmp_path_factory.mktemp("patchwork")
    for picture in sorted((bundled_folder() / "patchwork").iterdir())[:6]:
        copyfile(picture, folder / picture.name)
    portraits = load_art("portraits", 64)
    return {
        "portraits": ImageDataset(portraits.images[:400], "portraits"),
        "patchwork": ImageDataset.open(prepare(folder, Settings(512, at_least=4), folder / "prepared")),
    }


class Watch(Callback):
    """Who lost what in each step, and how many pictures there were."""

    def __init__(self) -> None:
        self.losses: list[tuple[float, float]] = []
        self.images: list[int] = []

    def on_step(self, trainer: Trainer) -> None:
        self.losses.append(trainer.last_losses())
        self.images.append(trainer.state.images)


@pytest.mark.parametrize("name", SEEDS)
def test_two_steps_on_bundled_art(name, some_art, tmp_path):
    recipe: Recipe = replace(get_recipe(name), width=4)
    if recipe.size == 512:
        recipe = replace(recipe, batch_size=2, width=2)
    watch = Watch()
    trainer = Trainer(recipe, some_art[recipe.art], tmp_path / "run", device="cpu", callbacks=[watch])
    before = [tensor.clone() for tensor in trainer.state.generator.parameters()]
    trainer.fit(kimg=2 * recipe.batch_size / 1000)
    assert watch.images == [recipe.batch_size, 2 * recipe.batch_size]
    assert all(math.isfinite(value) and value > 0 for pair in watch.losses for value in pair)
    for net in (trainer.state.generator, trainer.state.discriminator):
        assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
    after = list(trainer.state.generator.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    rates = [trainer.state.g_optimizer, trainer.state.d_optimizer]
    assert [adam.param_groups[0]["lr"] for adam in rates] == [recipe.g_lr, recipe.d_lr]
    assert {adam.param_groups[0]["betas"] for adam in rates} == {(0.5, 0.999)}
    assert {type(adam.optimizer) for adam in rates} == {torch.optim.Adam}
    assert {adam.param_groups[0]["weight_decay"] for adam in rates} == {0}

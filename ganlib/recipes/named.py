"""The recipes that come with ganlib, by name."""

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ganlib.errors import GanlibError
from ganlib.recipes.recipe import Recipe, RecipeValues
from ganlib.runtime.device import detect
from ganlib.runtime.files import expand_home, read_json

_PORTRAITS = 64  # px


def _modern(
    size: int, width: int, batch_size: int, penalty: tuple[float, float], ramp_kimg: float = 500
) -> Recipe:
    """Huang et al. 2024, made small: the penalty grows fourfold with each doubling of the side.

    The rates are four times theirs, since the budgets are far smaller: `benchmarks.quality --size rates`.
    """
    return Recipe(
        f"modern{size}",
        about=f"Residual nets without a norm, relativistic pairs, R1 + R2, {size} px: for a GPU.",
        art="portraits" if size == _PORTRAITS else "patchwork",
        family="residual",
        size=size,
        latent_dim=128,
        width=width,
        init="default",
        g_norm="none",
        d_norm="none",
        loss="relativistic",
        penalty=penalty,
        penalty_every=4,
        augment=("translate", "colour"),
        augment_p=(0.0, 0.3),
        batch_size=batch_size,
        g_lr=8e-4,
        d_lr=8e-4,
        betas=(0.0, 0.9),
        beta2_end=0.99,
        lr_end=0.25,
        ramp_kimg=ramp_kimg,
        ema_kimg=50,
        ema_start=0.0,
        epochs=300,
    )


_STRIDED = Recipe(
    "modern64-cpu",
    about="Small strided nets, relativistic pairs, rare R1 + R2: the best for a CPU's minutes.",
    width=32,
    init="default",
    d_norm="none",
    minibatch_stddev=True,
    loss="relativistic",
    penalty=(0.5, 0.5),
    penalty_every=8,
    batch_size=16,
    g_lr=8e-4,
    d_lr=8e-4,
    betas=(0.5, 0.99),
)

_SUBPIXEL = replace(
    _STRIDED,
    name="modern128-cpu",
    about="Nets that are at most 128 px inside: recognisable in minutes on a CPU, and few pictures will do.",
    family="subpixel",
    size=128,
    latent_dim=128,
    width=24,
    resize_stages=2,
    penalty=(2.0, 2.0),
    augment=("translate",),
    augment_p=(0.5, 0.5),
    ema_kimg=5.0,
)

_RECIPES = (
    Recipe(
        "portraits64",
        about="The reference: DCGAN as the paper has it, hard labels, 64 px.",
        project="https://github.com/Neill-Erasmus/ai-generated-art",
        pictures="6,244 portraits of its author",
    ),
    Recipe(
        "gallery512",
        about="Abstract art at 512 px: DCGAN with eight stages and a BatchNorm in D's first layer.",
        project="https://github.com/aseemdandgaval/GalleryGAN",
        pictures="bryanb/abstract-art-gallery",
        art="patchwork",
        size=512,
        latent_dim=256,
        width=32,
        init="default",
        d_norm_first=True,
        batch_size=16,
        fakes="fresh",
        epochs=500,
    ),
    Recipe(
        "artportraits64",
        about="DCGAN with dropout in D and soft labels, 64 px.",
        project="https://github.com/houssemeddinebayoudha/GAN-art-portraits",
        pictures="karnikakapoor/art-portraits",
        d_dropout=0.2,
        real_labels=(0.9, 1.0),
        fake_labels=(0.0, 0.05),
        generator_labels=(0.95, 1.0),
        batch_size=128,
        epochs=315,
    ),
    Recipe(
        "artgan64",
        about="Resize-convolution G, dropout in D, noise on labels and on D's output, 64 px.",
        project="https://github.com/1391819/artGAN",
        pictures="karnikakapoor/art-portraits",
        family="resize",
        init="default",
        d_dropout=0.25,
        label_noise=0.05,
        logit_noise=0.2,
        logit_noise_kimg=300,
        batch_size=32,
        g_lr=1.2e-4,
        d_lr=1.5e-4,
        epochs=150,
    ),
    Recipe(
        "portraits64-cpu",
        about="Recognisable portraits in ten minutes on two CPU cores.",
        width=32,
        d_norm="spectral",
        batch_size=16,
        g_lr=4e-4,
        d_lr=4e-4,
    ),
    _STRIDED,
    replace(
        _STRIDED,
        name="modern64-wide",
        about="modern64-cpu twice as wide, in batches of 32: the first choice on a GPU.",
        width=64,
        batch_size=32,
    ),
    _SUBPIXEL,
    replace(
        _SUBPIXEL,
        name="modern512-cpu",
        about="modern128-cpu for 512 px: start it from a run of that.",
        size=512,
        batch_size=8,
        g_lr=4e-4,
        d_lr=4e-4,
        penalty=(32.0, 32.0),
    ),
    _modern(64, width=48, batch_size=64, penalty=(2.0, 0.2)),
    _modern(128, width=24, batch_size=32, penalty=(8.0, 0.8)),
    _modern(256, width=16, batch_size=16, penalty=(32.0, 3.2)),
    _modern(512, width=8, batch_size=8, penalty=(128.0, 12.8), ramp_kimg=300),
)


def recipe_names() -> list[str]:
    """List the names of the recipes that come with ganlib."""
    return [recipe.name for recipe in _RECIPES]


def get_recipe(name: str | Path) -> Recipe:
    """Return the recipe called `name`, or read it from a JSON file; fields left out there are a DCGAN's.

    Raises:
        GanlibError: there is no such recipe (the text lists the known ones), or the file is no recipe.
    """
    for recipe in _RECIPES:
        if recipe.name == name:
            return recipe
    path = expand_home(name)
    if path.suffix == ".json":
        return Recipe.from_json({"name": path.stem, **read_json(path, RecipeValues)})
    raise GanlibError(
        f"There is no recipe '{name}': choose one of {', '.join(recipe_names())}, or name a .json file."
    )


def default_recipe(device: str | None = None) -> Recipe:
    """Return the recipe that a kind of device is given by default; the best device here unless told.

    On a CPU it is the one that came first in `benchmarks.quality`. On a GPU, where none has been measured, it
    is the same in batches that keep one busy by the count of `benchmarks.roofline`, and with nets twice as
    wide, since there is time for thousands of kimg.
    """
    on_cuda = detect(device).device.type == "cuda"
    return get_recipe("modern64-wide" if on_cuda else "modern64-cpu")


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Change a recipe by settings such as "batch_size=32" or "augment=flip,translate".

    Raises:
        GanlibError: a setting has no "=", or names no field, or its value does not fit.
    """
    values = dict(_parse(setting) for setting in settings)
    return replace(recipe, **values)


def _parse(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    defaults = {field.name: field.default for field in fields(Recipe)}
    if not equals or name not in defaults:
        known = ", ".join(defaults)
        raise GanlibError(f"'{setting}' is not a setting: write FIELD=VALUE, where FIELD is one of {known}.")
    if isinstance(defaults[name], tuple):
        parts = text.strip("()[] ").split(",")
        return name, tuple(_value(part.strip()) for part in parts if part.strip())
    return name, _value(text.strip())


def _value(text: str) -> Any:
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(text)
    return text

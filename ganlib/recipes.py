"""Recipes: everything that decides what a training run computes, under a name."""

import ast
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import AdversarialLoss, Labels, adversarial_loss
from ganlib.machine import Machine
from ganlib.nets.dcgan import GENERATOR_NORMS, NORMS, Discriminator, Generator
from ganlib.nets.initial import initial_weights
from ganlib.nets.players import Judge, Painter
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator
from ganlib.schedule import Schedule
from ganlib.sizes import check_size


@dataclass(frozen=True)
class Recipe:
    """One way to train a GAN; the defaults are those of the DCGAN paper (Radford et al. 2016).

    Lengths: `size` in pixels, `ema_kimg` (the half-life of the generator's moving average) and
    `logit_noise_kimg` in thousands of real pictures, `epochs` in passes over the data. Ranges and betas are
    pairs. `project` is where the recipe comes from, `pictures` what was trained on there, and `art` the
    bundled set that stands in for it.
    """

    name: str
    about: str = ""
    project: str = ""
    pictures: str = ""
    art: str = "portraits"
    family: str = "dcgan"
    size: int = 64
    latent_dim: int = 100
    width: int = 64
    init: str = "normal"
    g_norm: str = "batch"
    d_norm: str = "batch"
    d_norm_first: bool = False
    d_dropout: float = 0.0
    sync_norm: bool = True
    loss: str = "bce"
    real_labels: tuple[float, float] = (1.0, 1.0)
    fake_labels: tuple[float, float] = (0.0, 0.0)
    generator_labels: tuple[float, float] = (1.0, 1.0)
    label_noise: float = 0.0
    logit_noise: float = 0.0
    logit_noise_kimg: float = 0.0
    augment: tuple[str, ...] = ()
    mirror: bool = False
    batch_size: int = 64
    fakes: str = "shared"
    d_steps: int = 1
    g_steps: int = 1
    steps_in: str = "batches"
    g_lr: float = 2e-4
    d_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    ema_kimg: float = 5.0
    epochs: float = 100.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Bring every value to the type of its field and check it; raise `GanlibError` otherwise."""
        for field in fields(self):
            default = "" if field.name == "name" else field.default
            value = _as_type_of(default, getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, value)
        _check(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe that `to_json` wrote.

        Raises:
            GanlibError: a field is unknown or its value is out of range.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown or "name" not in values:
            what = f"it has the field '{min(unknown)}'" if unknown else "it has no name"
            raise GanlibError(f"This recipe cannot be read by this version of ganlib: {what}.")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)

    def generator(self) -> Painter:
        """A new generator with random weights."""
        return _FAMILIES[self.family].generator(self)

    def discriminator(self) -> Judge:
        """A new discriminator with random weights."""
        return _FAMILIES[self.family].discriminator(self)

    def schedule(self, batches_an_epoch: int) -> Schedule:
        """Who plays when, if an epoch has so many batches."""
        unit = batches_an_epoch if self.steps_in == "epochs" else 1
        return Schedule(self.d_steps * unit, self.g_steps * unit)

    def logit_noise_at(self, kimg: float) -> float:
        """The spread of the noise on D's logits after `kimg`: it falls evenly to zero."""
        if not self.logit_noise:
            return 0.0
        return self.logit_noise * max(0.0, 1 - kimg / self.logit_noise_kimg)

    def adversarial_loss(self) -> AdversarialLoss:
        """What D and G minimise."""
        return adversarial_loss(self.loss, self.labels())

    def labels(self) -> Labels:
        """The labels that D and G learn towards."""
        return Labels(self.real_labels, self.fake_labels, self.generator_labels, self.label_noise)

    def differences(self, other: "Recipe") -> list[str]:
        """The names of the fields in which the two recipes differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def _as_type_of(default: object, value: Any, name: str) -> Any:
    """`value` as the type of `default`: 1 for a float becomes 1.0, a list for a pair becomes a tuple."""
    if isinstance(default, tuple):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise GanlibError(
                f"{name} takes a list, such as [{', '.join(map(repr, default))}], not {value!r}."
            )
        kind = float if default else str
        try:
            return tuple(kind(part) for part in value)
        except (TypeError, ValueError) as error:
            raise GanlibError(f"{name} takes a list of numbers, not {value!r}.") from error
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise GanlibError(f"{name} takes a value such as {default!r}, not {value!r}.")
    return value


class _Family(NamedTuple):
    generator: Callable[[Recipe], Painter]
    discriminator: Callable[[Recipe], Judge]


_FAMILIES = {
    "dcgan": _Family(
        lambda r: Generator(r.size, r.latent_dim, r.width, r.g_norm, init=r.init),
        lambda r: Discriminator(
            r.size, r.width, r.d_norm, norm_first=r.d_norm_first, dropout=r.d_dropout, init=r.init
        ),
    ),
    "resize": _Family(
        lambda r: ResizeGenerator(r.size, r.latent_dim, r.width, init=r.init),
        lambda r: ResizeDiscriminator(r.size, r.width, dropout=r.d_dropout, init=r.init),
    ),
}
_WORDS: dict[str, tuple[str, ...]] = {
    "family": tuple(_FAMILIES),
    "g_norm": GENERATOR_NORMS,
    "d_norm": NORMS,
    "fakes": ("shared", "fresh"),
    "steps_in": ("batches", "epochs"),
}


def _check(recipe: Recipe) -> None:
    check_size(recipe.size)
    Augment(recipe.augment)
    adversarial_loss(recipe.loss)
    initial_weights(recipe.init)
    for name, words in _WORDS.items():
        if getattr(recipe, name) not in words:
            raise GanlibError(
                f"There is no {name} '{getattr(recipe, name)}': choose one of {', '.join(words)}."
            )
    norms = (recipe.g_norm, recipe.d_norm, recipe.d_norm_first)
    if recipe.family == "resize" and norms != ("batch", "batch", False):
        raise GanlibError(
            "The family 'resize' has BatchNorm in G and in all layers of D but the first, and only that."
        )
    _check_numbers(recipe)
    _check_pairs(recipe)
    if recipe.loss != "bce" and recipe.labels() != Labels():
        raise GanlibError(f"The loss '{recipe.loss}' has no labels: leave them and label_noise as they are.")


def _check_numbers(recipe: Recipe) -> None:
    for name in ("latent_dim", "width", "batch_size", "d_steps", "g_steps", "g_lr", "d_lr", "epochs"):
        if getattr(recipe, name) <= 0:
            raise GanlibError(f"{name} must be above zero, not {getattr(recipe, name)}.")
    for name in ("g_lr", "d_lr", "epochs", "ema_kimg", "label_noise", "logit_noise", "logit_noise_kimg"):
        if not 0 <= getattr(recipe, name) < math.inf:
            raise GanlibError(f"{name} must be a number of 0 or more, not {getattr(recipe, name)}.")
    for name, most in (("seed", 2**40), ("width", 1024), ("latent_dim", 4096)):
        if not 0 <= getattr(recipe, name) <= most:
            raise GanlibError(f"{name} must lie between 0 and {most}, not {getattr(recipe, name)}.")
    if not 0 <= recipe.d_dropout < 1:
        raise GanlibError(f"d_dropout must lie in [0, 1), not {recipe.d_dropout}.")
    if recipe.logit_noise and not recipe.logit_noise_kimg:
        raise GanlibError("logit_noise falls to zero over logit_noise_kimg, which must be above zero then.")


def _check_pairs(recipe: Recipe) -> None:
    for name in ("real_labels", "fake_labels", "generator_labels"):
        low, high = _pair(recipe, name)
        if not 0 <= low <= high <= 1:
            raise GanlibError(f"{name} must be a range within [0, 1], not {getattr(recipe, name)}.")
    if not all(0 <= beta < 1 for beta in _pair(recipe, "betas")):
        raise GanlibError(f"betas must lie in [0, 1), not {recipe.betas}.")


def _pair(recipe: Recipe, name: str) -> tuple[float, float]:
    try:
        low, high = getattr(recipe, name)
    except ValueError as error:
        raise GanlibError(f"{name} takes two numbers, not {getattr(recipe, name)}.") from error
    return low, high


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
)


def recipe_names() -> list[str]:
    """The names of the recipes that come with ganlib."""
    return [recipe.name for recipe in _RECIPES]


def get_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        GanlibError: there is no such recipe; the text lists the known ones.
    """
    for recipe in _RECIPES:
        if recipe.name == name:
            return recipe
    raise GanlibError(f"There is no recipe '{name}': choose one of {', '.join(recipe_names())}.")


def default_recipe(machine: Machine) -> Recipe:
    """The recipe that shows something soon on this machine."""
    return get_recipe("portraits64-cpu" if machine.device.type == "cpu" else "portraits64")


def override(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with settings such as "batch_size=32" or "augment=flip,translate" put in.

    Raises:
        GanlibError: a setting has no "=", or names no field, or its value does not fit.
    """
    values = dict(_parse(setting) for setting in settings)
    return replace(recipe, **values)


def _parse(setting: str) -> tuple[str, Any]:
    name, equals, text = setting.partition("=")
    names = [field.name for field in fields(Recipe)]
    if not equals or name not in names:
        raise GanlibError(f"'{setting}' sets nothing: write FIELD=VALUE with a FIELD of {', '.join(names)}.")
    if name == "augment":
        return name, tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return name, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return name, text

"""Recipes: everything that decides what a training run computes, under a name."""

import ast
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import AdversarialLoss, Labels, adversarial_loss
from ganlib.machine import Machine
from ganlib.nets.dcgan import NORMS, Discriminator, Generator, channels_by_resolution


@dataclass(frozen=True)
class Recipe:
    """One way to train a GAN; the defaults are those of the DCGAN paper (Radford et al. 2016).

    Lengths: `size` in pixels, `ema_kimg` (the half-life of the generator's moving average) in thousands
    of real pictures, `epochs` in passes over the data. Ranges and betas are pairs.
    """

    name: str
    about: str = ""
    size: int = 64
    latent_dim: int = 100
    width: int = 64
    d_norm: str = "batch"
    loss: str = "bce"
    real_labels: tuple[float, float] = (1.0, 1.0)
    fake_labels: tuple[float, float] = (0.0, 0.0)
    generator_labels: tuple[float, float] = (1.0, 1.0)
    label_noise: float = 0.0
    augment: tuple[str, ...] = ()
    mirror: bool = False
    batch_size: int = 64
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

    def generator(self) -> Generator:
        """A new generator with random weights."""
        return Generator(self.size, self.latent_dim, self.width)

    def discriminator(self) -> Discriminator:
        """A new discriminator with random weights."""
        return Discriminator(self.size, self.width, self.d_norm)

    def adversarial_loss(self) -> AdversarialLoss:
        """What D and G minimise."""
        labels = Labels(self.real_labels, self.fake_labels, self.generator_labels, self.label_noise)
        return adversarial_loss(self.loss, labels)

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


def _check(recipe: Recipe) -> None:
    channels_by_resolution(recipe.size, recipe.width)
    Augment(recipe.augment)
    adversarial_loss(recipe.loss)
    if recipe.d_norm not in NORMS:
        raise GanlibError(f"There is no d_norm '{recipe.d_norm}': choose one of {', '.join(NORMS)}.")
    _check_numbers(recipe)
    _check_pairs(recipe)


def _check_numbers(recipe: Recipe) -> None:
    for name in ("latent_dim", "width", "batch_size", "g_lr", "d_lr", "epochs"):
        if getattr(recipe, name) <= 0:
            raise GanlibError(f"{name} must be above zero, not {getattr(recipe, name)}.")
    for name in ("g_lr", "d_lr", "epochs", "ema_kimg", "label_noise"):
        if not 0 <= getattr(recipe, name) < math.inf:
            raise GanlibError(f"{name} must be a number of 0 or more, not {getattr(recipe, name)}.")
    for name, most in (("seed", 2**40), ("width", 1024), ("latent_dim", 4096)):
        if not 0 <= getattr(recipe, name) <= most:
            raise GanlibError(f"{name} must lie between 0 and {most}, not {getattr(recipe, name)}.")


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
        about="The reference: DCGAN as in Neill-Erasmus/ai-generated-art.",
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

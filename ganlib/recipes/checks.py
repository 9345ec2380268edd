"""What a recipe's values may be."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import Labels, adversarial_loss
from ganlib.nets.dcgan import GENERATOR_NORMS, NORMS
from ganlib.nets.initial import initial_weights
from ganlib.recipes.families import FAMILIES
from ganlib.sizes import check_size

if TYPE_CHECKING:
    from ganlib.recipes.recipe import Recipe

_WORDS: dict[str, tuple[str, ...]] = {
    "family": tuple(FAMILIES),
    "g_norm": GENERATOR_NORMS,
    "d_norm": NORMS,
    "fakes": ("shared", "fresh"),
    "steps_in": ("batches", "epochs"),
}


def as_type_of(default: object, value: Any, name: str) -> Any:
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


def check(recipe: "Recipe") -> None:
    """Raise `GanlibError` if a value is out of its range, or does not go with another."""
    check_size(recipe.size)
    Augment(recipe.augment)
    adversarial_loss(recipe.loss)
    initial_weights(recipe.init)
    for name, words in _WORDS.items():
        if getattr(recipe, name) not in words:
            raise GanlibError(
                f"There is no {name} '{getattr(recipe, name)}': choose one of {', '.join(words)}."
            )
    _check_norms(recipe)
    _check_numbers(recipe)
    _check_pairs(recipe)
    _check_losses(recipe)


def _check_norms(recipe: "Recipe") -> None:
    norms = (recipe.g_norm, recipe.d_norm, recipe.d_norm_first)
    if recipe.family == "resize" and norms != ("batch", "batch", False):
        raise GanlibError(
            "The family 'resize' has BatchNorm in G and in all layers of D but the first, and only that."
        )
    if recipe.family == "residual" and norms != ("none", "none", False):
        raise GanlibError("The family 'residual' normalises nothing: it needs g_norm='none', d_norm='none'.")
    if recipe.family == "residual" and (recipe.d_dropout or recipe.init != "default"):
        raise GanlibError("The family 'residual' has no dropout, and its own weights: init='default'.")
    if recipe.family in {"residual", "resize"} and recipe.d_spread:
        raise GanlibError(f"The family '{recipe.family}' knows no d_spread: leave it False.")
    if recipe.family == "excited" and recipe.g_norm != "batch":
        raise GanlibError("The family 'excited' has BatchNorm in G: it needs g_norm='batch'.")


def _check_losses(recipe: "Recipe") -> None:
    if recipe.loss == "relativistic" and recipe.g_steps > 1:
        raise GanlibError("The loss 'relativistic' pairs painted with real pictures: it needs g_steps=1.")
    if any(recipe.penalty) and recipe.d_norm == "batch":
        raise GanlibError(
            "The penalty is taken at each picture alone, BatchNorm in D mixes them: choose d_norm='none' "
            "or 'spectral'."
        )
    if recipe.loss != "bce" and recipe.labels() != Labels():
        raise GanlibError(f"The loss '{recipe.loss}' has no labels: leave them and label_noise as they are.")


_POSITIVE = (
    *("latent_dim", "width", "batch_size", "d_steps", "g_steps", "penalty_every"),
    *("g_lr", "d_lr", "lr_end", "epochs"),
)
_FINITE = (
    *("g_lr", "d_lr", "lr_end", "epochs", "ema_kimg", "ramp_kimg"),
    *("label_noise", "logit_noise", "logit_noise_kimg"),
)


def _check_numbers(recipe: "Recipe") -> None:
    for name in _POSITIVE:
        if getattr(recipe, name) <= 0:
            raise GanlibError(f"{name} must be above zero, not {getattr(recipe, name)}.")
    for name in _FINITE:
        if not 0 <= getattr(recipe, name) < math.inf:
            raise GanlibError(f"{name} must be a number of 0 or more, not {getattr(recipe, name)}.")
    for name, most in (("seed", 2**40), ("width", 1024), ("latent_dim", 4096)):
        if not 0 <= getattr(recipe, name) <= most:
            raise GanlibError(f"{name} must lie between 0 and {most}, not {getattr(recipe, name)}.")
    if not 0 <= recipe.ema_start <= 1:
        raise GanlibError(f"ema_start must lie within [0, 1], not {recipe.ema_start}.")
    if not 0 <= recipe.d_dropout < 1:
        raise GanlibError(f"d_dropout must lie in [0, 1), not {recipe.d_dropout}.")
    if recipe.logit_noise and not recipe.logit_noise_kimg:
        raise GanlibError("logit_noise falls to zero over logit_noise_kimg, which must be above zero then.")


def _check_pairs(recipe: "Recipe") -> None:
    for name in ("real_labels", "fake_labels", "generator_labels"):
        low, high = _pair(recipe, name)
        if not 0 <= low <= high <= 1:
            raise GanlibError(f"{name} must be a range within [0, 1], not {getattr(recipe, name)}.")
    if not all(0 <= beta < 1 for beta in (*_pair(recipe, "betas"), recipe.beta2_end)):
        raise GanlibError(f"betas must lie in [0, 1), not {recipe.betas} and {recipe.beta2_end}.")
    if not all(0 <= weight < math.inf for weight in _pair(recipe, "penalty")):
        raise GanlibError(f"penalty takes two numbers of 0 or more, not {recipe.penalty}.")
    if not all(0 <= chance <= 1 for chance in _pair(recipe, "augment_chance")):
        raise GanlibError(f"augment_chance must lie within [0, 1], not {recipe.augment_chance}.")


def _pair(recipe: "Recipe", name: str) -> tuple[float, float]:
    try:
        low, high = getattr(recipe, name)
    except ValueError as error:
        raise GanlibError(f"{name} takes two numbers, not {getattr(recipe, name)}.") from error
    return low, high

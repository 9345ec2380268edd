"""A recipe: everything that decides what a training run computes."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import AdversarialLoss, Labels, adversarial_loss
from ganlib.nets.base import Discriminator, Generator, check_size
from ganlib.nets.dcgan import GENERATOR_NORMS, NORMS
from ganlib.nets.layers import initial_weights
from ganlib.nets.registry import FAMILIES
from ganlib.recipes.schedule import Schedule, cosine

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
    if recipe.family in {"residual", "resize"} and recipe.minibatch_stddev:
        raise GanlibError(f"The family '{recipe.family}' knows no minibatch_stddev: leave it False.")
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
    if not all(0 <= chance <= 1 for chance in _pair(recipe, "augment_p")):
        raise GanlibError(f"augment_p must lie within [0, 1], not {recipe.augment_p}.")


def _pair(recipe: "Recipe", name: str) -> tuple[float, float]:
    try:
        low, high = getattr(recipe, name)
    except ValueError as error:
        raise GanlibError(f"{name} takes two numbers, not {getattr(recipe, name)}.") from error
    return low, high


@dataclass(frozen=True)
class Recipe:
    """One way to train a GAN; the defaults are those of the DCGAN paper (Radford et al. 2016).

    Lengths: `size` in pixels, `logit_noise_kimg` in thousands of real pictures, `ema_kimg` (the half-life of
    the generator's moving average) in thousands of those that G has learnt on, `epochs` in passes over the
    data. Ranges and betas are pairs. `penalty` (the weight gamma of R1 and R2) and `augment_p` are, too:
    what they are at first, and after `ramp_kimg`; by then the learning rates have come down to the share
    `lr_end`, Adam's second beta is `beta2_end`, and the half-life has grown to `ema_kimg` from the share
    `ema_start`. Where `ramp_kimg` is 0 nothing changes in the course of a run. `project` is where the recipe
    comes from, `pictures` what was trained on there, and `art` the bundled set that stands in for it.
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
    minibatch_stddev: bool = False
    sync_norm: bool = True
    loss: str = "bce"
    real_labels: tuple[float, float] = (1.0, 1.0)
    fake_labels: tuple[float, float] = (0.0, 0.0)
    generator_labels: tuple[float, float] = (1.0, 1.0)
    label_noise: float = 0.0
    logit_noise: float = 0.0
    logit_noise_kimg: float = 0.0
    penalty: tuple[float, float] = (0.0, 0.0)
    penalty_every: int = 1
    augment: tuple[str, ...] = ()
    augment_p: tuple[float, float] = (1.0, 1.0)
    mirror: bool = False
    batch_size: int = 64
    fakes: str = "shared"
    d_steps: int = 1
    g_steps: int = 1
    steps_in: str = "batches"
    g_lr: float = 2e-4
    d_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    lr_end: float = 1.0
    beta2_end: float = 0.999
    ramp_kimg: float = 0.0
    ema_kimg: float = 5.0
    ema_start: float = 1.0
    epochs: float = 100.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Bring every value to the type of its field and check it; raise `GanlibError` otherwise."""
        for field in fields(self):
            default = "" if field.name == "name" else field.default
            value = as_type_of(default, getattr(self, field.name), field.name)
            object.__setattr__(self, field.name, value)
        check(self)

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
        return FAMILIES[self.family].generator(self)

    def discriminator(self) -> Discriminator:
        """A new discriminator with random weights."""
        return FAMILIES[self.family].discriminator(self)

    def schedule(self, batches_an_epoch: int) -> Schedule:
        """Who plays when, if an epoch has so many batches."""
        unit = batches_an_epoch if self.steps_in == "epochs" else 1
        return Schedule(self.d_steps * unit, self.g_steps * unit)

    def logit_noise_at(self, kimg: float) -> float:
        """The spread of the noise on D's logits after `kimg`: it falls evenly to zero."""
        if not self.logit_noise:
            return 0.0
        return self.logit_noise * max(0.0, 1 - kimg / self.logit_noise_kimg)

    def ramped(self, start: float, end: float, kimg: float) -> float:
        """What has become of `start` after `kimg`, on the way to `end`."""
        return cosine(start, end, kimg / self.ramp_kimg) if self.ramp_kimg else start

    def adam_at(self, kimg: float) -> tuple[float, float]:
        """The share of the learning rates, and Adam's second beta, after `kimg`."""
        return self.ramped(1.0, self.lr_end, kimg), self.ramped(self.betas[1], self.beta2_end, kimg)

    def ema_at(self, kimg: float) -> float:
        """The half-life of the generator's moving average after `kimg`, in kimg."""
        return self.ema_kimg * (self.ramped(self.ema_start, 1.0, kimg) if self.ramp_kimg else 1.0)

    def penalty_at(self, kimg: float) -> float:
        """The weight gamma of the gradient penalties after `kimg`."""
        return self.ramped(*self.penalty, kimg)

    def augment_p_at(self, kimg: float) -> float:
        """The probability of each augmentation after `kimg`."""
        return self.ramped(*self.augment_p, kimg)

    def adversarial_loss(self) -> AdversarialLoss:
        """What D and G minimise."""
        return adversarial_loss(self.loss, self.labels())

    def labels(self) -> Labels:
        """The labels that D and G learn towards."""
        return Labels(self.real_labels, self.fake_labels, self.generator_labels, self.label_noise)

    def differences(self, other: "Recipe") -> list[str]:
        """The names of the fields in which the two recipes differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]

"""A recipe: everything that decides what a training run computes, each field declared once."""

from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from functools import reduce
from typing import Annotated, Any, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from ganlib.augment import Augment
from ganlib.errors import GanlibError
from ganlib.losses import AdversarialLoss, Labels, adversarial_loss
from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.registry import FAMILIES, build_discriminator, build_generator, check_options
from ganlib.recipes.schedule import Schedule, cosine
from ganlib.sizes import Size, as_size

RecipeValues = dict[str, str | bool | int | float | list[str | int | float] | None]  # in JSON

# What fields were called in version 0.1: its run folders and weights still open.
_OLD_NAMES = {"d_spread": "minibatch_stddev", "augment_chance": "augment_p", "mirror": "hflip"}

_WIDTH_TIMES_SIZE = 2**16  # half a billion weights at most, whatever a recipe of a few bytes asks for
_MOST = 10**12  # no number of a recipe comes near it
_Count = Annotated[int, Meta(ge=1, le=_MOST)]
_Positive = Annotated[float, Meta(gt=0, le=_MOST)]
_NotNegative = Annotated[float, Meta(ge=0, le=_MOST)]
_Share = Annotated[float, Meta(ge=0, le=1)]
_BelowOne = Annotated[float, Meta(ge=0, lt=1)]
_SOFT = "Soft labels from this range keep {} from being too sure (Salimans et al. 2016)."


def _choice(default: str, /, **sentences: str) -> Any:
    """Declare a field that takes one of some words, each with a sentence of its own."""
    return field(default=default, metadata={"choices": sentences})


def _switch(default: bool, on: str, off: str) -> Any:
    return field(default=default, metadata={"choices": {True: on, False: off}})


def _number(default: object, sentence: str, usual: str = "") -> Any:
    """Declare a number, a pair of numbers or a list of names, with a sentence.

    A sentence may name fields of the recipe, as `{r.size}`; `usual` takes its place at the default.
    """
    return field(default=default, metadata={"sentence": sentence, "usual": usual})


@dataclass(frozen=True)
class Recipe:
    """One way to train a GAN; the defaults are those of the DCGAN paper (Radford et al. 2016).

    `size` is in pixels, as text width x height, everything in `kimg` in thousands of real pictures shown to
    D, `epochs` in passes over the data, and `classes` are the names of kinds of pictures. `project` is where
    the recipe comes from, `pictures` what was trained on there, and `art` the bundled set that stands in for
    it. `ganlib recipes show NAME` prints a sentence for every field.
    """

    name: str
    about: str = ""
    project: str = ""
    pictures: str = ""
    art: str = "portraits"
    family: str = _choice("dcgan", **{name: family.about for name, family in FAMILIES.items()})
    size: int | str = field(
        default=64, metadata={"sentence": "Pictures of {r.shape.width} x {r.shape.height} pixels."}
    )
    classes: tuple[str, ...] = _number(
        (), "A class of pictures for each of these folders.", "All pictures are of one kind."
    )
    latent_dim: Annotated[int, Meta(ge=1, le=1024)] = _number(
        100, "G starts from so many numbers, each drawn from N(0, 1)."
    )
    width: Annotated[int, Meta(ge=1, le=256)] = _number(
        64, "Channels grow with it: half of it is a quarter of the work."
    )
    init: str = _choice(
        "normal",
        normal="N(0, 0.02), as in the DCGAN paper.",
        default="As PyTorch draws them, or as the family has them.",
    )
    g_norm: str = _choice(
        "batch", batch="BatchNorm in G, except in the last layer.", none="G normalises nothing."
    )
    resize_stages: Annotated[int, Meta(ge=0, le=8)] = _number(
        0,
        "The last {r.resize_stages} stages of G enlarge and convolve: no checkerboard (Odena et al. 2016).",
        "All stages of G enlarge in the way of their family.",
    )
    d_norm: str = _choice(
        "batch",
        batch="BatchNorm in D, except in the last layer.",
        spectral="D divides its kernels by their largest singular value (Miyato et al. 2018).",
        none="D normalises nothing.",
    )
    d_norm_first: bool = _switch(False, "BatchNorm in D's first layer, too.", "None in D's first layer.")
    d_dropout: _BelowOne = _number(
        0.0, "This share of D's features is dropped at random, which slows D down.", "No dropout."
    )
    minibatch_stddev: bool = _switch(
        False,
        "D's last layer is told how much the pictures of a batch differ (Karras et al. 2018).",
        "D looks at each picture by itself.",
    )
    freeze_d: Annotated[int, Meta(ge=0, le=8)] = _number(
        0,
        "The first {r.freeze_d} layers of a trained D are frozen (FreezeD, Mo et al. 2020).",
        "All of D learns.",
    )
    sync_norm: bool = _switch(
        True,
        "With several GPUs, BatchNorm's statistics are those of the whole batch.",
        "With several GPUs, each takes BatchNorm's statistics over its own part of the batch.",
    )
    loss: str = _choice(
        "bce",
        bce="Cross-entropy, G's part non-saturating (Goodfellow et al. 2014).",
        hinge="Hinge: D stops caring about what it is sure of (Lim & Ye 2017).",
        relativistic="Each fake is compared with a real picture (Jolicoeur-Martineau 2019).",
    )
    real_labels: tuple[_Share, _Share] = _number((1.0, 1.0), _SOFT.format("D"), "A hard label.")
    fake_labels: tuple[_Share, _Share] = _number((0.0, 0.0), _SOFT.format("D"), "A hard label.")
    generator_labels: tuple[_Share, _Share] = _number((1.0, 1.0), _SOFT.format("G"), "A hard label.")
    label_noise: _NotNegative = _number(0.0, "U(0, this) is added to every label.", "No noise.")
    logit_noise: _NotNegative = _number(
        0.0, "N(0, this) is added to D's output while D learns, to slow it down.", "No noise."
    )
    logit_noise_kimg: _NotNegative = _number(
        0.0, "The noise on D's output falls to zero by then.", "Only matters with logit_noise."
    )
    penalty: tuple[_NotNegative, _NotNegative] = _number(
        (0.0, 0.0),
        "R1 + R2 keep D's gradient short; gamma at first and after ramp_kimg.",
        "No penalty on D's gradient.",
    )
    penalty_every: _Count = _number(
        1,
        "In one of {r.penalty_every} steps of D, that many times as strong (Karras et al. 2020).",
        "A penalty, if there is one, is taken in every step of D.",
    )
    projected: _NotNegative = _number(
        0.0,
        "D also looks through a frozen EfficientNet-Lite0; weight {r.projected:g} (Sauer et al. 2021).",
        "D looks at pixels alone.",
    )
    projected_every: _Count = _number(
        1,
        "It looks through that net, if at all, in one of {r.projected_every} steps.",
        "It looks through that net, if at all, in every step.",
    )
    augment: tuple[str, ...] = _number(
        (), "D sees reals and fakes changed so (Zhao et al. 2020).", "D sees pictures as they are."
    )
    augment_p: tuple[_Share, _Share] = _number(
        (1.0, 1.0),
        "The probability of each augmentation, at first and after ramp_kimg.",
        "Each augmentation changes every picture.",
    )
    hflip: bool = _switch(False, "Every second picture is flipped left to right.", "No picture is flipped.")
    quarter_turns: bool = _switch(
        False, "Pictures are turned by none to three quarters, at random.", "No picture is turned."
    )
    batch_size: _Count = _number(64, "So many real pictures a step, and as many fakes.")
    fakes: str = _choice(
        "shared",
        shared="G learns from the fakes that D has just seen.",
        fresh="G generates new fakes for its own step.",
    )
    d_steps: _Count = _number(1, "D takes {r.d_steps} in a row.", "D takes one step at a time.")
    g_steps: _Count = _number(1, "G takes {r.g_steps} in a row.", "G takes one step at a time.")
    steps_in: str = _choice(
        "batches", batches="Steps are counted in batches.", epochs="Steps are counted in epochs."
    )
    g_lr: _Positive = _number(2e-4, "Adam's learning rate for G.")
    d_lr: _Positive = _number(2e-4, "Adam's learning rate for D.")
    betas: tuple[_BelowOne, _BelowOne] = _number(
        (0.5, 0.999), "Adam's memory: short for the direction, long for the size of a step."
    )
    lr_end: _Positive = _number(
        1.0, "This share of both rates is left after ramp_kimg.", "Both rates stay as they are."
    )
    beta2_end: _BelowOne = _number(0.999, "Adam's second beta after ramp_kimg, if that is not 0.")
    ramp_kimg: _NotNegative = _number(
        0.0,
        "By then everything that changes has come to its end, along a cosine.",
        "Nothing changes in the course of a run.",
    )
    ema_kimg: _NotNegative = _number(5.0, "Half-life of the average of G that makes the samples.")
    ema_start: _Share = _number(
        1.0,
        "The share of that half-life at first; it grows until ramp_kimg.",
        "That half-life stays as it is, except in the first twentieth of a run.",
    )
    epochs: _Positive = _number(100.0, "Passes over the pictures, unless told otherwise.")
    seed: Annotated[int, Meta(ge=0, le=2**40)] = _number(
        0, "The same seed gives the same run, on a CPU to the bit."
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_size(self.size).to_json())
        for one in fields(self):
            object.__setattr__(self, one.name, _checked(getattr(self, one.name), one))
        Augment(self.augment)
        check_options(self.family, vars(self))
        self._check_together()

    def _check_together(self) -> None:
        if self.width > (widest := _WIDTH_TIMES_SIZE // max(self.shape)):
            raise GanlibError(
                f"Nets of width {self.width} for {self.size} px would have too many weights to train: set "
                f"width to {widest} or less."
            )
        for name in ("real_labels", "fake_labels", "generator_labels"):
            low, high = getattr(self, name)
            if low > high:
                raise GanlibError(f"{name} must be a range, the lower number first, not {low:g}, {high:g}.")
        if self.logit_noise and not self.logit_noise_kimg:
            raise GanlibError("logit_noise falls to zero over logit_noise_kimg: set that above 0 as well.")
        if self.loss == "relativistic" and self.g_steps > 1:
            raise GanlibError("The loss 'relativistic' pairs fakes with real pictures: it needs g_steps=1.")
        if self.projected and (self.fakes, self.d_steps, self.g_steps) != ("shared", 1, 1):
            raise GanlibError(
                "With projected, D and G learn from the same fakes: it needs fakes='shared', d_steps=1 and "
                "g_steps=1."
            )
        if self.quarter_turns and self.shape.height != self.shape.width:
            raise GanlibError(
                f"quarter_turns needs square pictures, and {self.size} px is not: set it to False."
            )
        if any(self.penalty) and self.d_norm == "batch":
            raise GanlibError(
                "The penalty needs D's gradient at each picture alone, and BatchNorm in D mixes pictures: "
                "choose d_norm='none' or 'spectral'."
            )
        if self.loss != "bce" and self.labels() != Labels():
            raise GanlibError(
                f"The loss '{self.loss}' has no labels: leave labels and label_noise at their defaults."
            )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Recipe":
        """Make the recipe that `to_json` wrote, also one of version 0.1.

        Raises:
            GanlibError: a field is unknown or its value is out of range.
        """
        values = {_OLD_NAMES.get(name, name): value for name, value in values.items()}
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown or "name" not in values:
            what = f"it has the field '{min(unknown)}'" if unknown else "it has no name"
            raise GanlibError(f"This recipe cannot be read by this version of ganlib: {what}.")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    def sentences(self) -> dict[str, str]:
        """Explain the value of each field that decides something, by the name of the field."""
        told = {one.name: _sentence(self, one.default, one.metadata, one.name) for one in fields(self)}
        return {name: text for name, text in told.items() if text}

    @property
    def shape(self) -> Size:
        """Height and width of the pictures, in pixels."""
        return as_size(self.size)

    def extractor(self, asked: str = "") -> str:
        """Return the feature extractor for evaluation: the one `asked` for, or one that D has not used.

        Raises:
            GanlibError: the one asked for is the net through which D looks, whose figures would flatter.
        """
        if self.projected and asked == "lite0":
            raise GanlibError(
                "D was trained through lite0, so lite0 would flatter these pictures: measure them with lite2 "
                "or inception."
            )
        return asked or ("lite2" if self.projected else "lite0")

    def generator(self) -> Generator:
        """Build a generator with random weights."""
        return build_generator(self.family, self._options())

    def discriminator(self) -> Discriminator:
        """Build a discriminator with random weights."""
        return build_discriminator(self.family, self._options())

    def _options(self) -> dict[str, Any]:
        return {**vars(self), "classes": len(self.classes)}

    def schedule(self, batches_an_epoch: int) -> Schedule:
        """Return who is trained when, if an epoch has so many batches."""
        unit = batches_an_epoch if self.steps_in == "epochs" else 1
        return Schedule(self.d_steps * unit, self.g_steps * unit)

    def at(self, kimg: float) -> "Ramped":
        """Return what the values that change have become after `kimg`."""

        def ramp(start: float, end: float) -> float:
            return cosine(start, end, kimg / self.ramp_kimg) if self.ramp_kimg else start

        noise = self.logit_noise and self.logit_noise * max(0.0, 1 - kimg / self.logit_noise_kimg)
        return Ramped(
            lr_share=ramp(1.0, self.lr_end),
            beta2=ramp(self.betas[1], self.beta2_end),
            ema_kimg=self.ema_kimg * (ramp(self.ema_start, 1.0) if self.ramp_kimg else 1.0),
            penalty=ramp(*self.penalty),
            augment_p=ramp(*self.augment_p),
            logit_noise=noise,
        )

    def adversarial_loss(self) -> AdversarialLoss:
        """Return what D and G minimise."""
        return adversarial_loss(self.loss, self.labels())

    def labels(self) -> Labels:
        """Return the labels that D and G learn towards."""
        return Labels(self.real_labels, self.fake_labels, self.generator_labels, self.label_noise)

    def differences(self, other: "Recipe") -> list[str]:
        """List the names of the fields in which the two recipes differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


class Ramped(NamedTuple):
    """What a recipe's changing values are at one time; `lr_share` is the share of both learning rates."""

    lr_share: float
    beta2: float
    ema_kimg: float
    penalty: float
    augment_p: float
    logit_noise: float


_TYPES = get_type_hints(Recipe, include_extras=True)
_WORDS = {  # of msgspec, and in plain English
    "Expected": "it takes",
    "`int`": "a whole number",
    "`float`": "a number",
    "`array`": "a list",
    "`str`": "a name",
    "`bool`": "True or False",
}


def _checked(value: Any, declared: Field[Any]) -> Any:
    """Bring a value to the type of its field: a whole number becomes a float, a list a tuple."""
    try:
        value = msgspec.convert(value, _TYPES[declared.name])
    except msgspec.ValidationError as error:
        words = reduce(
            lambda text, pair: text.replace(*pair), _WORDS.items(), str(error).partition(" - at ")[0]
        )
        raise GanlibError(f"{declared.name} cannot be {value!r}: {words}.") from error
    if value not in (choices := declared.metadata.get("choices", {value: ""})):
        known = ", ".join(map(str, choices))
        raise GanlibError(f"There is no {declared.name} '{value}': choose one of {known}.")
    return value


def _sentence(recipe: Recipe, default: object, declared: Mapping[str, Any], name: str) -> str:
    value = getattr(recipe, name)
    if "choices" in declared:
        return str(declared["choices"][value])
    usual = declared.get("usual") if value == default else ""
    return str(usual or declared.get("sentence", "")).format(r=recipe)

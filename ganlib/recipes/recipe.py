"""A recipe: everything that decides what a training run computes."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from ganlib.errors import GanlibError
from ganlib.losses import AdversarialLoss, Labels, adversarial_loss
from ganlib.nets.players import Judge, Painter
from ganlib.ramp import cosine
from ganlib.recipes.checks import as_type_of, check
from ganlib.recipes.families import FAMILIES
from ganlib.schedule import Schedule


@dataclass(frozen=True)
class Recipe:
    """One way to train a GAN; the defaults are those of the DCGAN paper (Radford et al. 2016).

    Lengths: `size` in pixels, `logit_noise_kimg` in thousands of real pictures, `ema_kimg` (the half-life of
    the generator's moving average) in thousands of those that G has learnt on, `epochs` in passes over the
    data. Ranges and betas are pairs. `penalty` (the weight gamma of R1 and R2) and `augment_chance` are, too:
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
    d_spread: bool = False
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
    augment_chance: tuple[float, float] = (1.0, 1.0)
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

    def generator(self) -> Painter:
        """A new generator with random weights."""
        return FAMILIES[self.family].generator(self)

    def discriminator(self) -> Judge:
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

    def augment_chance_at(self, kimg: float) -> float:
        """The probability of each augmentation after `kimg`."""
        return self.ramped(*self.augment_chance, kimg)

    def adversarial_loss(self) -> AdversarialLoss:
        """What D and G minimise."""
        return adversarial_loss(self.loss, self.labels())

    def labels(self) -> Labels:
        """The labels that D and G learn towards."""
        return Labels(self.real_labels, self.fake_labels, self.generator_labels, self.label_noise)

    def differences(self, other: "Recipe") -> list[str]:
        """The names of the fields in which the two recipes differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]

"""What is compared: every system of every size, and the marks at which it is judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, get_recipe

_POINTS = 10  # of a curve


@dataclass(frozen=True)
class Mark:
    """A moment of a run. At a `full` one everything is measured, at others half-size KID, for the curve."""

    value: float
    unit: Literal["kimg", "minutes"]
    full: bool = True

    @property
    def name(self) -> str:
        """What it is called in files."""
        return f"{self.value:g}-{self.unit}"

    def share(self, kimg: float, minutes: float) -> float:
        """Return how much of the way to the mark is behind a run: 1 or more once it has passed."""
        return (kimg if self.unit == "kimg" else minutes) / self.value


@dataclass(frozen=True)
class System:
    """A way to train, by name, in the device's own precision unless told; its recipe is made on demand."""

    name: str
    title: str
    recipe: Callable[[], Recipe]
    precision: str | None = None


@dataclass(frozen=True)
class Stage:
    """Systems that train on the same pictures of `size` px, with budgets in kimg and in minutes.

    Where there is a claim, it is one of the last system over the first.
    """

    name: str
    art: str
    size: int
    device: str
    kimg: tuple[float, ...]
    minutes: tuple[float, ...]
    systems: tuple[System, ...]
    has_claim: bool = True

    def marks(self) -> tuple[Mark, ...]:
        """List the budgets, and the points of a curve, spread evenly over the longest minutes."""
        full = [Mark(value, "kimg") for value in self.kimg] + [
            Mark(value, "minutes") for value in self.minutes
        ]
        points = [Mark(max(self.minutes) * (k + 1) / _POINTS, "minutes", full=False) for k in range(_POINTS)]
        names = {mark.name for mark in full}
        return (*full, *(point for point in points if point.name not in names))

    def budget(self, mark: Mark) -> str:
        """Put a mark in words."""
        unit = "CPU minutes" if mark.unit == "minutes" and self.device == "cpu" else mark.unit
        return f"{mark.value:g} {unit}"

    def system(self, name: str) -> System:
        """Return the system called `name`.

        Raises:
            GanlibError: there is none.
        """
        for system in self.systems:
            if system.name == name:
                return system
        names = ", ".join(system.name for system in self.systems)
        raise GanlibError(f"The size '{self.name}' has no system '{name}': choose among {names}.")

    def shortened(self, kimg: float | None, minutes: float | None) -> "Stage":
        """Set other budgets, under a name of its own, so that no trial mixes with the real thing.

        Raises:
            GanlibError: a budget is not above zero.
        """
        budgets = [value for value in (kimg, minutes) if value is not None]
        if not budgets:
            return self
        if min(budgets) <= 0:
            raise GanlibError(f"A budget must be above zero, not {min(budgets):g}.")
        stage = replace(
            self,
            kimg=self.kimg if kimg is None else (kimg,),
            minutes=self.minutes if minutes is None else (minutes,),
        )
        words = [f"{value:g}{unit}" for unit in ("kimg", "minutes") for value in getattr(stage, unit)]
        return replace(stage, name="-".join([self.name, *words]))


def _with(name: str, **changes: Any) -> Callable[[], Recipe]:
    """A recipe with some fields changed."""
    return lambda: replace(get_recipe(name), **changes)


def _five(
    dcgan: str, modern: str, common: dict[str, Any], spectral: dict[str, Any], excited: dict[str, Any]
) -> tuple[System, ...]:
    """A DCGAN, what is added to it step by step, and the modern recipe; all have the fields of `common`."""
    augmented = {**common, "augment": ("translate", "colour")}
    hinge = {**augmented, "d_norm": "spectral", "loss": "hinge", **spectral}
    size = {"size": common["size"]} if common else {}
    return (
        System("reference", f"{dcgan}, no average", _with(dcgan, **common, ema_kimg=0)),
        System("average", "+ average, augmentation", _with(dcgan, **augmented)),
        System("hinge", "+ spectral norm, hinge", _with(dcgan, **hinge)),
        System("excited", "skip-layer excitation", _with(dcgan, **{**hinge, **excited}, family="excited")),
        System("modern", modern, _with(modern, **size)),
    )


# The widths are those at which every system learns from 370 to 500 pictures a second on one core.
_NARROW_FIVE = _five("portraits64", "modern64-cpu", {"size": 32, "width": 48}, {}, {"width": 32})
_FIVE = _five("portraits64", "modern64", {}, {}, {"width": 48})
# portraits64 was not made for 512 px; gallery512 is the same DCGAN with three stages more.
_LARGE_FIVE = _five("gallery512", "modern512", {}, {"d_norm_first": False}, {})

_CLAIM = (
    System("reference", "portraits64", _with("portraits64")),
    System("modern", "modern64-cpu", _with("modern64-cpu")),
)


def _narrow(rate: float) -> Callable[[], Recipe]:
    """The residual nets of modern64, a quarter as wide."""
    return _with("modern64", width=12, batch_size=16, g_lr=rate, d_lr=rate)


_SPECTRAL = {"d_norm": "spectral", "init": "normal", "penalty": (0.0, 0.0)}
# Each differs from modern64-cpu, the last, in what its title says.
_PARTS = (
    System("before", "portraits64-cpu", _with("portraits64-cpu")),
    System("single", "cross-entropy, no pairs", _with("modern64-cpu", loss="bce")),
    System("spectral", "spectral norm, no penalty", _with("modern64-cpu", **_SPECTRAL)),
    System("blind", "no batch spread", _with("modern64-cpu", minibatch_stddev=False)),
    System("slow", "half the rates", _with("modern64-cpu", g_lr=4e-4, d_lr=4e-4)),
    System("large", "batches of 32", _with("modern64-cpu", batch_size=32)),
    System("wide", "width 48", _with("modern64-cpu", width=48)),
    System("residual", "modern64 at 2e-4, a quarter as wide", _narrow(2e-4)),
    System("modern", "modern64-cpu", _with("modern64-cpu")),
)
# modern64 as a CPU can train it, at the rates of Huang et al. 2024 and at higher ones.
_RATES = (
    System("paper", "rates of 2e-4", _narrow(2e-4)),
    System("double", "4e-4", _narrow(4e-4)),
    System("modern", "8e-4, those of modern64", _narrow(8e-4)),
    System("high", "1.6e-3", _narrow(1.6e-3)),
)


def _batches(size: int, rate: float, **changes: Any) -> Callable[[], Recipe]:
    return _with("modern64-cpu", batch_size=size, g_lr=rate, d_lr=rate, **changes)


# What larger batches, which a GPU wants, and rates to go with them cost at equal kimg.
_BATCHES = (
    System("own", "batches of 16, 8e-4: modern64-cpu", _batches(16, 8e-4)),
    System("64", "batches of 64, 8e-4", _batches(64, 8e-4)),
    System("64-high", "batches of 64, 1.6e-3", _batches(64, 1.6e-3)),
    System("128-high", "batches of 128, 1.6e-3", _batches(128, 1.6e-3)),
    System("128-higher", "batches of 128, 3.2e-3", _batches(128, 3.2e-3)),
    System("wide", "batches of 64, 8e-4, width 64", _batches(64, 8e-4, width=64)),
)

# What may take the place of modern64-cpu, in the precision of the device.
_HARD = (
    System("fp32", "modern64-cpu in fp32", _with("modern64-cpu", resize_stages=0), "fp32"),
    System("own", "in bf16, where that is faster", _with("modern64-cpu", resize_stages=0)),
    System("resize", "+ two stages that enlarge and convolve", _with("modern64-cpu", resize_stages=2)),
    System("heads", "+ heads on a frozen net", _with("modern64-cpu", resize_stages=2, projected=1.0)),
)


def _hard(art: str) -> Stage:
    name = f"hard-{Path(art).name}"
    return Stage(name, art, 64, "cpu", (), (10, 40), _HARD, has_claim=False)


SIZES: dict[str, tuple[Stage, ...]] = {
    "cpu": (Stage("cpu", "portraits", 32, "cpu", (100,), (5,), _NARROW_FIVE),),
    "claim": (Stage("claim", "portraits", 64, "cpu", (), (10, 40), _CLAIM),),
    "parts": (Stage("parts", "portraits", 64, "cpu", (40,), (5,), _PARTS, has_claim=False),),
    "hard": tuple(map(_hard, ("portraits", "runs/sets/travellers", "runs/sets/voxels"))),
    "rates": (Stage("rates", "portraits", 64, "cpu", (40,), (5,), _RATES, has_claim=False),),
    "batches": (Stage("batches", "portraits", 64, "cpu", (40,), (5,), _BATCHES, has_claim=False),),
    "gpu": (
        Stage("gpu64", "portraits", 64, "cuda", (1000,), (15,), _FIVE),
        Stage("gpu512", "patchwork", 512, "cuda", (300,), (15,), _LARGE_FIVE),
    ),
}

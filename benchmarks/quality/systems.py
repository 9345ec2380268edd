"""What is compared: every system of every size, and the marks at which it is judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.quality.marks import Mark, marks_of
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, get_recipe

_AUGMENT = ("translate", "colour")


@dataclass(frozen=True)
class System:
    """A way to train, by name; its recipe is made when it is asked for."""

    name: str
    title: str
    recipe: Callable[[], Recipe]


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
        """Where its runs are looked at."""
        return marks_of(self.kimg, self.minutes)

    def system(self, name: str) -> System:
        """The system called `name`.

        Raises:
            GanlibError: there is none.
        """
        for system in self.systems:
            if system.name == name:
                return system
        names = ", ".join(system.name for system in self.systems)
        raise GanlibError(f"The size '{self.name}' has no system '{name}': choose among {names}.")

    def shortened(self, kimg: float | None, minutes: float | None) -> "Stage":
        """The same with other budgets, under a name of its own, so that no trial mixes with the real thing.

        Raises:
            GanlibError: a budget is not above zero.
        """
        if kimg is None and minutes is None:
            return self
        budgets = [value for value in (kimg, minutes) if value is not None]
        if min(budgets) <= 0:
            raise GanlibError(f"A budget must be above zero, not {min(budgets):g}.")
        stage = replace(
            self,
            kimg=self.kimg if kimg is None else (kimg,),
            minutes=self.minutes if minutes is None else (minutes,),
        )
        words = [f"{value:g}{unit}" for unit in ("kimg", "minutes") for value in getattr(stage, unit)]
        return replace(stage, name="-".join([self.name, *words]))


# The widths are those at which every system learns from 370 to 500 pictures a second on one core.
_CPU = Stage(
    name="cpu",
    art="portraits",
    size=32,
    device="cpu",
    kimg=(100,),
    minutes=(5,),
    systems=(
        System(
            "reference",
            "portraits64, no average",
            lambda: replace(get_recipe("portraits64"), size=32, width=48, ema_kimg=0),
        ),
        System(
            "average",
            "+ average, augmentation",
            lambda: replace(get_recipe("portraits64"), size=32, width=48, augment=_AUGMENT),
        ),
        System(
            "hinge",
            "+ spectral norm, hinge",
            lambda: replace(
                get_recipe("portraits64"),
                size=32,
                width=48,
                augment=_AUGMENT,
                d_norm="spectral",
                loss="hinge",
            ),
        ),
        System(
            "excited",
            "skip-layer excitation",
            lambda: replace(
                get_recipe("portraits64"),
                size=32,
                width=32,
                augment=_AUGMENT,
                d_norm="spectral",
                loss="hinge",
                family="excited",
            ),
        ),
        System(
            "modern",
            "modern64-cpu",
            lambda: replace(get_recipe("modern64-cpu"), size=32),
        ),
    ),
)

_CLAIM = Stage(
    name="claim",
    art="portraits",
    size=64,
    device="cpu",
    kimg=(),
    minutes=(10, 40),
    systems=(
        System("reference", "portraits64", lambda: get_recipe("portraits64")),
        System("modern", "modern64-cpu", lambda: get_recipe("modern64-cpu")),
    ),
)


def _narrow(rate: float) -> Recipe:
    """The residual nets of modern64, a quarter as wide."""
    return replace(get_recipe("modern64"), width=12, batch_size=16, g_lr=rate, d_lr=rate)


# Each differs from modern64-cpu, the last, in what its title says.
_PARTS = Stage(
    name="parts",
    art="portraits",
    size=64,
    device="cpu",
    kimg=(40,),
    minutes=(5,),
    systems=(
        System("before", "portraits64-cpu", lambda: get_recipe("portraits64-cpu")),
        System("single", "cross-entropy, no pairs", lambda: replace(get_recipe("modern64-cpu"), loss="bce")),
        System(
            "spectral",
            "spectral norm, no penalty",
            lambda: replace(get_recipe("modern64-cpu"), d_norm="spectral", init="normal", penalty=(0.0, 0.0)),
        ),
        System(
            "blind", "no batch spread", lambda: replace(get_recipe("modern64-cpu"), minibatch_stddev=False)
        ),
        System("slow", "half the rates", lambda: replace(get_recipe("modern64-cpu"), g_lr=4e-4, d_lr=4e-4)),
        System("large", "batches of 32", lambda: replace(get_recipe("modern64-cpu"), batch_size=32)),
        System("wide", "width 48", lambda: replace(get_recipe("modern64-cpu"), width=48)),
        System("residual", "modern64 at 2e-4, a quarter as wide", lambda: _narrow(2e-4)),
        System("modern", "modern64-cpu", lambda: get_recipe("modern64-cpu")),
    ),
    has_claim=False,
)

# modern64 as a CPU can train it, at the rates of Huang et al. 2024 and at higher ones.
_RATES = replace(
    _PARTS,
    name="rates",
    systems=(
        System("paper", "rates of 2e-4", lambda: _narrow(2e-4)),
        System("double", "4e-4", lambda: _narrow(4e-4)),
        System("modern", "8e-4, those of modern64", lambda: _narrow(8e-4)),
        System("high", "1.6e-3", lambda: _narrow(1.6e-3)),
    ),
)

_GPU64 = Stage(
    name="gpu64",
    art="portraits",
    size=64,
    device="cuda",
    kimg=(1000,),
    minutes=(15,),
    systems=(
        System(
            "reference",
            "portraits64, no average",
            lambda: replace(get_recipe("portraits64"), ema_kimg=0),
        ),
        System(
            "average",
            "+ average, augmentation",
            lambda: replace(get_recipe("portraits64"), augment=_AUGMENT),
        ),
        System(
            "hinge",
            "+ spectral norm, hinge",
            lambda: replace(
                get_recipe("portraits64"),
                augment=_AUGMENT,
                d_norm="spectral",
                loss="hinge",
            ),
        ),
        System(
            "excited",
            "skip-layer excitation",
            lambda: replace(
                get_recipe("portraits64"),
                width=48,
                augment=_AUGMENT,
                d_norm="spectral",
                loss="hinge",
                family="excited",
            ),
        ),
        System("modern", "modern64", lambda: get_recipe("modern64")),
    ),
)

# portraits64 was not made for 512 px; gallery512 is the same DCGAN with three stages more.
_GPU512 = Stage(
    name="gpu512",
    art="patchwork",
    size=512,
    device="cuda",
    kimg=(300,),
    minutes=(15,),
    systems=(
        System(
            "reference",
            "gallery512, no average",
            lambda: replace(get_recipe("gallery512"), ema_kimg=0),
        ),
        System(
            "average",
            "+ average, augmentation",
            lambda: replace(get_recipe("gallery512"), augment=_AUGMENT),
        ),
        System(
            "hinge",
            "+ spectral norm, hinge",
            lambda: replace(
                get_recipe("gallery512"),
                augment=_AUGMENT,
                d_norm="spectral",
                d_norm_first=False,
                loss="hinge",
            ),
        ),
        System(
            "excited",
            "skip-layer excitation",
            lambda: replace(
                get_recipe("gallery512"),
                augment=_AUGMENT,
                d_norm="spectral",
                d_norm_first=False,
                loss="hinge",
                family="excited",
            ),
        ),
        System("modern", "modern512", lambda: get_recipe("modern512")),
    ),
)

SIZES: dict[str, tuple[Stage, ...]] = {
    "cpu": (_CPU,),
    "claim": (_CLAIM,),
    "parts": (_PARTS,),
    "rates": (_RATES,),
    "gpu": (_GPU64, _GPU512),
}

"""How long a run takes and may take, and how it is interrupted."""

import math
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import torch

from ganlib.costs import cost
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe
from ganlib.runtime.device import TINY_STEPS, Machine, is_tiny
from ganlib.training.state import TrainingState
from ganlib.training.steps import discriminator_step, generator_step

# Ctrl-C; a scheduler or Colab wants the process to end; its terminal is gone. Windows has no SIGHUP.
_NOTED = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_MINUTE, _TEN = 60, 10


@dataclass(frozen=True)
class Budget:
    """Epochs and kimg count from the start of the run, minutes from now; the first reached ends it."""

    epochs: float | None = None
    kimg: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "kimg", "minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise GanlibError(f"{name} must be a number above zero, not {value}.")


class Clock:
    """Measure one call of `fit`: its seconds, its speed, and how much of its budget is spent.

    `steps` counts the steps of this call, and `real_share` is the share of steps that show D real pictures.
    """

    def __init__(self, budget: Budget, state: TrainingState, real_share: float = 1.0) -> None:
        self.budget = budget
        self.steps = 0
        self._state = state
        self._real_share = real_share
        self._first_step = state.step
        self.start()

    def start(self) -> None:
        """Count seconds from now on: what is done before the first step is no training."""
        self._began = time.monotonic()
        self._seconds_before = self._state.seconds
        self.restart_speed()

    def restart_speed(self) -> None:
        """Measure the speed from now on."""
        self.steps = 0
        self._warm = (time.monotonic(), self._state.shown)

    def count_step(self) -> None:
        """Take note of a finished step; the first warms everything up, so speed is measured from its end."""
        self.steps += 1
        if self.steps == 1:
            self._warm = (time.monotonic(), self._state.shown)
        self._state.seconds = self._seconds_before + self.seconds()

    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    def speed(self) -> float:
        """Return the pictures a second since the first step; in G's own steps those generated."""
        seconds = time.monotonic() - self._warm[0]
        return (self._state.shown - self._warm[1]) / seconds if seconds > 0 else 0.0

    def spent(self) -> float:
        """Return the share of the budget that is spent, from 0 to 1."""
        shares = [done / all_of_it for done, all_of_it, _ in self._limits()]
        if is_tiny():
            shares.append((self._state.step - self._first_step) / TINY_STEPS)
        return min(1.0, max(shares, default=0.0))

    def seconds_left(self) -> float:
        """Return the seconds until the budget is spent; infinite if no speed is known."""
        ends = ((all_of_it - done) / speed for done, all_of_it, speed in self._limits() if speed)
        return max(0.0, min(ends, default=math.inf))

    def _limits(self) -> Iterator[tuple[float, float, float]]:
        """What is done, what the budget allows, and how much is done in a second, for each of its limits."""
        budget, state, speed = self.budget, self._state, self.speed() * self._real_share
        if budget.epochs:
            yield state.epochs, budget.epochs, speed / len(state.batches)
        if budget.kimg:
            yield state.kimg, budget.kimg, speed / 1000
        if budget.minutes:
            yield self.seconds() / 60, budget.minutes, 1 / 60

    def forecast(self) -> str:
        """Say in a sentence how long this call of `fit` will take and how far it will come."""
        seconds = self.seconds_left()
        kimg = self._state.kimg + seconds * self.speed() * self._real_share / 1000
        epochs = 1000 * kimg / len(self._state.batches)
        minutes = f"about {seconds / 60:.1f} minutes" if seconds >= _MINUTE else "less than a minute"
        return (
            f"{self.speed():.0f} pictures a second: {minutes} to reach {_brief(kimg)} kimg "
            f"({_brief(epochs)} epochs)."
        )


def _brief(number: float) -> str:
    return f"{number:,.0f}" if number >= _TEN else f"{number:.2g}"


class Interrupt:
    """While entered, the first Ctrl-C, stop button or request to end is only noted; a second Ctrl-C stops.

    Where several processes train together their launcher passes a Ctrl-C on, which so arrives twice: there a
    second one is only noted, too, and it is the launcher that stops who has not ended in half a minute. A
    process that a notebook has forked ends when this is left, since its launcher listens no longer.

    A request to end is passed on when this is left, so that the process ends as it was asked to; not if an
    error ends it anyway, which would go unheard.
    """

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self.requested = False
        self._ending: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        """Begin to take note; outside the main thread there is nothing to take note of."""
        if threading.current_thread() is threading.main_thread():
            for signum in _NOTED:
                if signal.getsignal(signum) not in {signal.SIG_IGN, None}:  # `nohup` ignores one on purpose
                    self._previous[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]
        if error is not None:
            return
        if self._ending is not None:
            signal.raise_signal(self._ending)
        if self.requested and self._processes > 1 and multiprocessing.parent_process():
            raise KeyboardInterrupt

    def _note(self, signum: int, _: FrameType | None) -> None:
        self.requested = True
        if signum != signal.SIGINT:
            self._ending = signum
        elif self._processes == 1:
            signal.signal(signum, signal.default_int_handler)


_MEASURED = 3  # steps


def arithmetic_rate(machine: Machine) -> float:
    """Measure floating-point operations a second in steps of a small DCGAN.

    Nets of other shapes reach more or less of it: what is foretold from it may be wrong by half.
    """
    recipe = Recipe("measure", batch_size=32)
    device = machine.device
    generator, discriminator = recipe.generator().to(device), recipe.discriminator().to(device)
    g_adam, d_adam = (torch.optim.Adam(net.parameters()) for net in (generator, discriminator))
    loss = recipe.adversarial_loss()
    real = torch.zeros(recipe.batch_size, 3, *recipe.shape, device=device)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    for step in range(_MEASURED + 1):
        if step <= 1:  # the first warms up
            began = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            fake = generator(torch.randn(recipe.batch_size, recipe.latent_dim, device=device))
            discriminator_step(discriminator, d_adam, loss, real, fake)
            generator_step(discriminator, g_adam, loss, fake).item()  # waits for the device
    return _MEASURED * recipe.batch_size * cost(recipe).flops / (time.perf_counter() - began)

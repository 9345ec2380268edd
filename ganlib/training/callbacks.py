"""What watches a run: a callback is told of each step, log row and sample."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from ganlib.errors import plain
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.runtime.device import Machine
from ganlib.runtime.distributed import Distributed, division
from ganlib.runtime.progress import NotebookLine, in_notebook
from ganlib.training.budget import Clock
from ganlib.training.diagnostics import Diagnostic
from ganlib.training.state import TrainingState

_STEPS_TO_MEASURE = 5
_SECONDS_BETWEEN_UPDATES = 0.5
_FULL = 1000


class Training(Protocol):
    """What a callback may use of the trainer that calls it; each is explained at `Trainer`."""

    recipe: Recipe
    run: Run
    machine: Machine
    distributed: Distributed
    state: TrainingState
    interrupted: bool
    started_from: str
    clock: Clock
    stop: Callable[[], None]
    last_losses: Callable[[], tuple[float, float]]
    forecast: Callable[[], str]


class Callback:
    """Override the events that you need; each is given the trainer, and may call `trainer.stop()`."""

    def on_start(self, trainer: Training) -> None:
        """Called when training begins or goes on."""

    def on_step(self, trainer: Training) -> None:
        """Called after every step of D, G or both."""

    def on_log(self, trainer: Training, row: dict[str, Any]) -> None:
        """Called after a thousand pictures, with the new row of the log."""

    def on_sample(self, trainer: Training, path: Path) -> None:
        """Called with the PNG of each new grid of samples."""

    def on_warning(self, trainer: Training, diagnostic: Diagnostic) -> None:
        """Called once for each thing that is wrong with the run."""

    def on_error(self, trainer: Training) -> None:
        """Called if training ends by an error; what was saved last is safe."""

    def on_end(self, trainer: Training) -> None:
        """Called when the budget is spent or the run interrupted; everything is saved."""


_FEW = 200  # pictures
_WITH_FEW = (
    "{} pictures are few: soon the generator may make copies of them, which 'evaluate' finds. What helps: "
    "start from a model of similar pictures (--from MODEL), cut large pictures into many (--crop tiles), and "
    "let D see them changed (--set hflip=True augment=translate,colour)."
)


class ProgressBar(Callback):
    """Show a bar with kimg, pictures a second, losses and the time left."""

    def __init__(self) -> None:
        self._last = 0.0
        self._bar = tqdm(disable=True)

    def on_start(self, trainer: Training) -> None:
        """Open the bar."""
        layout = "{desc} |{bar}| {percentage:.0f}%{postfix}"
        file = NotebookLine() if in_notebook() else None
        self._bar = tqdm(
            total=_FULL, desc=plain(trainer.recipe.name, 60), bar_format=layout, dynamic_ncols=True, file=file
        )
        place = f"continues at {trainer.state.kimg:.1f} kimg" if trainer.state.step else "starts"
        self._bar.write(f"{plain(trainer.recipe.name)} {place} on {trainer.machine}")
        self._bar.write(f"{trainer.state.batches.storage.where}.")
        if (count := len(trainer.state.batches)) < _FEW:
            self._bar.write(_WITH_FEW.format(count))
        if trainer.started_from and not trainer.state.step:
            self._bar.write(plain(trainer.started_from))
        if trainer.distributed.size > 1:
            nets = trainer.state.nets().values()
            self._bar.write(division(trainer.distributed.size, trainer.recipe.batch_size, nets))

    def on_step(self, trainer: Training) -> None:
        """Draw the bar anew, at most twice a second: only then does the device have to wait."""
        if trainer.clock.steps == _STEPS_TO_MEASURE:
            self._bar.write(trainer.forecast())
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_UPDATES:
            self._last = now
            self._draw(trainer)

    def on_warning(self, trainer: Training, diagnostic: Diagnostic) -> None:
        """Write it above the bar."""
        self._bar.write(plain(f"At {trainer.state.kimg:.1f} kimg, {diagnostic}", 1000))

    def on_error(self, _trainer: Training) -> None:
        """Close, so that the error stands on a line of its own."""
        self._bar.close()

    def on_end(self, trainer: Training) -> None:
        """Draw once more and close."""
        self._draw(trainer)
        if trainer.interrupted:
            self._bar.write(
                f"Interrupted at {trainer.state.kimg:.1f} kimg. Everything is saved: start again to continue."
            )
        self._bar.close()

    def _draw(self, trainer: Training) -> None:
        d_loss, g_loss = trainer.last_losses()
        seconds = trainer.clock.seconds_left()
        left = tqdm.format_interval(seconds) if math.isfinite(seconds) else "?"
        self._bar.n = round(trainer.clock.spent() * _FULL)
        self._bar.set_postfix_str(
            f"{trainer.state.kimg:.1f} kimg, {trainer.clock.speed():.0f} pictures/s, "
            f"D {d_loss:.2f}, G {g_loss:.2f}, {left} left"
        )

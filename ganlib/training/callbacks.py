"""What watches a run: a callback is told of each step, log row and sample, and changes nothing."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ganlib.runtime.distributed import division
from ganlib.runtime.progress import NotebookLine, in_notebook
from ganlib.training.diagnostics import Diagnostic

if TYPE_CHECKING:
    from ganlib.training.trainer import Trainer

_STEPS_TO_MEASURE = 5
_SECONDS_BETWEEN_UPDATES = 0.5
_FULL = 1000


class Callback:
    """Override what you want to hear of."""

    def on_start(self, trainer: Trainer) -> None:
        """Training begins or goes on."""

    def on_step(self, trainer: Trainer) -> None:
        """A step is over, of one player or of both."""

    def on_log(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """A row was added to the log."""

    def on_sample(self, trainer: Trainer, path: Path) -> None:
        """A grid of samples was written."""

    def on_warning(self, trainer: Trainer, finding: Diagnostic) -> None:
        """Something is to be said of the run, once."""

    def on_error(self, trainer: Trainer) -> None:
        """Training ends by an error instead; what was saved last is safe."""

    def on_end(self, trainer: Trainer) -> None:
        """The budget is spent, or the run was interrupted; everything is saved."""


class ProgressBar(Callback):
    """A bar with kimg, pictures a second, losses and the time left; says first how long it will take."""

    def on_start(self, trainer: Trainer) -> None:
        """Open the bar."""
        self._last = 0.0
        layout = "{desc} |{bar}| {percentage:.0f}%{postfix}"
        file = NotebookLine() if in_notebook() else None
        self._bar = tqdm(
            total=_FULL, desc=trainer.recipe.name, bar_format=layout, dynamic_ncols=True, file=file
        )
        place = f"goes on at {trainer.state.kimg:.1f} kimg" if trainer.state.step else "starts"
        self._bar.write(f"{trainer.recipe.name} {place} on {trainer.machine}")
        self._bar.write(f"{trainer.state.batches.storage.where}.")
        if trainer.team.size > 1:
            nets = trainer.state.nets().values()
            self._bar.write(division(trainer.team.size, trainer.recipe.batch_size, nets))

    def on_step(self, trainer: Trainer) -> None:
        """Draw the bar anew, at most twice a second: only then does the device have to wait."""
        if trainer.steps_now == _STEPS_TO_MEASURE:
            self._bar.write(trainer.forecast())
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_UPDATES:
            self._last = now
            self._draw(trainer)

    def on_warning(self, trainer: Trainer, finding: Diagnostic) -> None:
        """Write it above the bar."""
        self._bar.write(f"At {trainer.state.kimg:.1f} kimg, {finding}")

    def on_error(self, _trainer: Trainer) -> None:
        """Close, so that the error stands on a line of its own."""
        self._bar.close()

    def on_end(self, trainer: Trainer) -> None:
        """Draw once more and close."""
        self._draw(trainer)
        if trainer.interrupted:
            self._bar.write(
                f"Interrupted at {trainer.state.kimg:.1f} kimg, all is saved: start again to go on."
            )
        self._bar.close()

    def _draw(self, trainer: Trainer) -> None:
        d_loss, g_loss = trainer.last_losses()
        seconds = trainer.seconds_left()
        left = tqdm.format_interval(seconds) if math.isfinite(seconds) else "?"
        self._bar.n = round(trainer.spent() * _FULL)
        self._bar.set_postfix_str(
            f"{trainer.state.kimg:.1f} kimg, {trainer.speed():.0f} pictures/s, "
            f"D {d_loss:.2f}, G {g_loss:.2f}, {left} left"
        )

"""A run as events for TensorBoard."""

from pathlib import Path
from typing import Any

import numpy as np

from ganlib.errors import GanlibError, markdown
from ganlib.runtime.files import disk_errors_explained
from ganlib.show.curves import time_axis
from ganlib.show.grids import open_sample
from ganlib.training.callbacks import Callback, Training


class TensorBoard(Callback):
    """Write every number of the log, each grid of samples and the warnings into RUN/tensorboard.

    The step in TensorBoard is the number of real pictures shown to D, or the training step if G also trains
    alone. What a run repeats, after it was killed or rolled back, replaces what it had written before; if the
    run began without this callback, the log so far is written first.
    """

    def __init__(self) -> None:
        """Raise `GanlibError` if the package tensorboard is missing."""
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError as error:
            todo = "type: pip install tensorboard"
            raise GanlibError(f"The events need the package tensorboard ({error}); {todo}") from error

    def on_start(self, trainer: Training) -> None:
        """Open the folder, and withdraw what was written after the step at which the run goes on."""
        self._folder = trainer.run.folder / "tensorboard"
        self._axis = time_axis(trainer.run)
        is_new = not self._folder.exists()
        now = {"step": trainer.state.step, "kimg": trainer.state.kimg}
        self._newest = self._newest_grid = self._step(now) if trainer.state.step else -1
        self._open(self._newest + 1)
        for row in trainer.run.log() if is_new else []:
            self.on_log(trainer, row)

    def on_log(self, _: Training, row: dict[str, Any]) -> None:
        """Write the numbers and warnings of the row."""
        step = self._step(row)
        with disk_errors_explained(self._folder):
            self._go_to(step)
            for name, value in row.items():
                if isinstance(value, int | float) and name not in {"step", "kimg"}:
                    self._writer.add_scalar(name, value, step)
            for warning in row.get("warnings", []):
                name, seen, advice = (markdown(warning[part], 1000) for part in ("name", "seen", "advice"))
                self._writer.add_text("warnings", f"**{name}**: {seen} {advice}", step)

    def on_sample(self, trainer: Training, path: Path) -> None:
        """Write the grid, unless it is there already."""
        step = self._step({"step": trainer.state.step, "kimg": trainer.state.kimg})
        with disk_errors_explained(self._folder):
            self._go_to(step)
            if step > self._newest_grid:
                self._newest_grid = step
                picture = np.asarray(open_sample(path))  # (H, W, 3)
                self._writer.add_image("samples", picture, step, dataformats="HWC")

    def on_end(self, _: Training) -> None:
        """Write what is left and close."""
        with disk_errors_explained(self._folder):
            self._writer.close()

    def _step(self, row: dict[str, Any]) -> int:
        return row["step"] if self._axis == "step" else round(1000 * row["kimg"])

    def _go_to(self, step: int) -> None:
        """Withdraw what was written at `step` and later, if the run was rolled back to before it."""
        if step < self._newest:
            self._writer.close()
            self._open(step)
            self._newest_grid = step - 1
        self._newest = step

    def _open(self, purge: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with disk_errors_explained(self._folder):
            self._writer = SummaryWriter(str(self._folder), purge_step=purge, flush_secs=10)

"""A run as events for TensorBoard."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.runtime.files import disk_errors_explained
from ganlib.show.curves import time_axis
from ganlib.training.callbacks import Callback, Training

_AXES = {"step", "kimg"}
_SECONDS_BETWEEN_WRITES = 10
_NOTHING_YET = -1


class TensorBoard(Callback):
    """Write every number of the log, each new grid of samples and the warnings into `tensorboard`.

    That is a folder in the run folder. The step in TensorBoard is the number of pictures shown to D, or that
    of steps where G also plays alone. What a run does again after it was killed takes the place of what it
    had written before; of a run that began without this, the log so far is written first.
    """

    def __init__(self) -> None:
        """Look for the package; nothing is written yet.

        Raises:
            GanlibError: the package tensorboard is missing.
        """
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError as error:
            raise GanlibError(
                f"The events need the package tensorboard ({error}); type: pip install tensorboard"
            ) from error

    def on_start(self, trainer: Training) -> None:
        """Open the folder, and withdraw what was written beyond the place where the run goes on.

        Raises:
            GanlibError: the disk is full, or a file stands in the place of the folder.
        """
        self._folder = trainer.run.folder / "tensorboard"
        self._axis = time_axis(trainer.run)
        is_new = not self._folder.exists()
        self._newest = self._newest_image = _NOTHING_YET
        if trainer.state.step:
            self._newest = self._newest_image = self._place(trainer)
        self._open(self._newest + 1)
        if is_new:
            for row in trainer.run.log():
                self._write_row(row)

    def on_log(self, _: Training, row: dict[str, Any]) -> None:
        """Write the row's numbers and warnings.

        Raises:
            GanlibError: the disk is full.
        """
        self._go_to(self._place_of(row))
        self._write_row(row)

    def on_sample(self, trainer: Training, path: Path) -> None:
        """Write the grid, unless it is there.

        Raises:
            GanlibError: the disk is full.
        """
        place = self._place(trainer)
        self._go_to(place)
        if place > self._newest_image:
            self._newest_image = place
            picture = np.asarray(Image.open(path).convert("RGB"))  # (H, W, 3)
            with disk_errors_explained(self._folder):
                self._writer.add_image("samples", picture, place, dataformats="HWC")

    def on_end(self, _: Training) -> None:
        """Write what is left and close.

        Raises:
            GanlibError: the disk is full.
        """
        self._close()

    def _place(self, trainer: Training) -> int:
        return self._place_of({"step": trainer.state.step, "kimg": trainer.state.kimg})

    def _place_of(self, row: dict[str, Any]) -> int:
        return row["step"] if self._axis == "step" else round(1000 * row["kimg"])

    def _go_to(self, place: int) -> None:
        """Withdraw what stands at `place` and later, if the run went back before it."""
        if place < self._newest:
            self._close()
            self._newest_image = place - 1
            self._open(place)
        self._newest = place

    def _open(self, purge: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with disk_errors_explained(self._folder):
            self._writer = SummaryWriter(
                str(self._folder), purge_step=purge, flush_secs=_SECONDS_BETWEEN_WRITES
            )

    def _close(self) -> None:
        with disk_errors_explained(self._folder):
            self._writer.close()

    def _write_row(self, row: dict[str, Any]) -> None:
        place = self._place_of(row)
        with disk_errors_explained(self._folder):
            for name, value in row.items():
                if isinstance(value, int | float) and name not in _AXES:
                    self._writer.add_scalar(name, value, place)
            for warning in row.get("warnings", []):
                text = f"**{warning['name']}**: {warning['seen']} {warning['advice']}"
                self._writer.add_text("warnings", text, place)

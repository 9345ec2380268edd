"""A run as it trains: how far it is, its curves, its newest samples and its warnings, in one place."""

from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from tqdm import tqdm

from ganlib.errors import GanlibError, plain
from ganlib.run import Run
from ganlib.runtime.progress import in_notebook
from ganlib.show.curves import describe, draw_log, time_axis
from ganlib.show.figure import Figure, new_canvas, render
from ganlib.show.grids import open_sample
from ganlib.training.callbacks import Callback, ProgressBar, Training
from ganlib.training.diagnostics import Diagnostic

_STEPS_TO_MEASURE = 5
_REST = 50  # the curves are drawn in at most one fiftieth of the time


class LiveView(Callback):
    """In a notebook, one display that changes in place while a run trains; elsewhere, a progress bar."""

    def __init__(self, seconds: float = 2.0) -> None:
        """Change at most every so many `seconds`, and at the end."""
        self._view: Callback = _Page(seconds) if in_notebook() else ProgressBar()
        for event in filter(lambda name: name.startswith("on_"), dir(Callback)):
            setattr(self, event, getattr(self._view, event))


class _Page(Callback):
    """The display in a notebook: HTML without widgets, so the file keeps its last state and no other."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def on_start(self, trainer: Training) -> None:
        from IPython.display import display

        place = f"continues at {trainer.state.kimg:.1f} kimg" if trainer.state.step else "starts"
        self.place, self.forecast = f"{place} on {trainer.machine}", ""
        self.warnings: list[Diagnostic] = []
        self.grid: Figure | None = None
        for path in trainer.run.samples()[-1:]:
            self.on_sample(trainer, path)
        self._draw_curves(trainer)
        self._next_curves, self._next = 0.0, monotonic() + self._seconds
        self._handle = display(self._bundle(trainer), raw=True, display_id=True)

    def on_step(self, trainer: Training) -> None:
        now = monotonic()
        if now < self._next:
            return
        self._next = now + self._seconds
        if trainer.clock.steps >= _STEPS_TO_MEASURE and not self.forecast:
            self.forecast = trainer.forecast()
        if self._has_grown and now >= self._next_curves:
            self._draw_curves(trainer)
            self._next_curves = now + _REST * (monotonic() - now)
        self._handle.update(self._bundle(trainer), raw=True)

    def on_log(self, _trainer: Training, _row: dict[str, Any]) -> None:
        self._has_grown = True

    def on_sample(self, _trainer: Training, path: Path) -> None:
        with suppress(GanlibError):  # somebody may have damaged it, and that must not end the training
            self.grid = _grid(path)

    def on_warning(self, _trainer: Training, finding: Diagnostic) -> None:
        if finding not in self.warnings:
            self.warnings.append(finding)

    def on_error(self, trainer: Training) -> None:
        ending = f"Ended by an error at {trainer.state.kimg:.1f} kimg; what was saved last is safe."
        self._handle.update(self._bundle(trainer, ending), raw=True)

    def on_end(self, trainer: Training) -> None:
        self._draw_curves(trainer)
        state, how = "Done", "call fit again with a longer budget to go on"
        if trainer.interrupted:
            state, how = "Interrupted", "run this cell again to continue at the same step"
        ending = f"{state} at {trainer.state.kimg:.1f} kimg. Everything is saved: {how}."
        self._handle.update(self._bundle(trainer, ending), raw=True)

    def _draw_curves(self, trainer: Training) -> None:
        self.curves = _curves(trainer.run)
        self._has_grown = False

    def _bundle(self, trainer: Training, ending: str = "") -> dict[str, str]:
        """Return the page, and a line for where no HTML is shown."""
        filters = {"interval": tqdm.format_interval}
        page = render("live.html", filters=filters, trainer=trainer, page=self, ending=ending)
        return {"text/html": page, "text/plain": f"{plain(trainer.recipe.name)} {self.place} {ending}"}


def _grid(path: Path) -> Figure:
    """Shrink the samples to a small JPEG: it travels to the browser with every change."""
    picture = open_sample(path)
    picture.thumbnail((640, 640))
    alt = f"A grid of the newest samples, after {int(path.stem)} steps."
    return Figure.from_image(picture, alt, "JPEG", quality=90, subsampling=0)


def _curves(run: Run) -> Figure | None:
    """Draw losses above verdicts, narrow enough to stand beside the samples; nothing for a single row."""
    rows = run.log()
    if len(rows) <= 1:
        return None
    canvas = new_canvas(5.2, 4.4)
    losses, verdicts = canvas.subplots(2, 1, sharex=True)
    draw_log(losses, verdicts, time_axis(run), rows)
    losses.set(title="", xlabel="")
    verdicts.set(title="")
    for axes, title in ((losses, "Loss"), (verdicts, "Probability of being real")):
        axes.set_title(title, loc="left", fontsize=10)
        axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 0.97), fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return Figure.from_canvas(canvas, f"Two line plots over {describe(rows)}.", dpi=140)

"""Learning curves."""

from typing import Any

from ganlib.errors import GanlibError
from ganlib.recipes.schedule import Schedule
from ganlib.run import Run
from ganlib.show.figure import BLUE, ORANGE, Figure, new_canvas

Row = dict[str, Any]
COLUMNS = {  # of the log, and what they are called in a description
    "d_loss": "loss of D",
    "g_loss": "loss of G",
    "real_probability": "D(x)",
    "fake_probability": "D(G(z))",
}
_MANY = 30


def curves(run: Run) -> Figure:
    """Draw the losses, and D's verdict on real and on generated pictures, over kimg.

    Raises:
        GanlibError: the log has fewer than two rows.
    """
    rows = read_log(run)
    canvas = new_canvas(10, 3.6)
    losses, verdicts = canvas.subplots(1, 2)
    draw_log(losses, verdicts, time_axis(run), rows)
    return Figure.from_canvas(canvas, f"Two line plots over {describe(rows)}.")


def read_log(run: Run) -> list[Row]:
    """Read the rows of a log; fewer than two make no curve, and raise `GanlibError`."""
    rows = run.log()
    if len(rows) <= 1:
        raise GanlibError(f"The log of '{run.folder}' is too short to draw: train for 2 kimg or more.")
    return rows


def draw_log(losses: Any, verdicts: Any, axis: str, rows: list[Row]) -> None:
    """Draw a log into two axes of matplotlib, over `axis`: "kimg" or "step"."""
    plot_column(losses, axis, rows, "d_loss", color=BLUE, label="discriminator")
    plot_column(losses, axis, rows, "g_loss", color=ORANGE, linestyle="--", label="generator")
    losses.set(title="Loss", xlabel=axis, yscale=loss_scale(rows))
    plot_column(verdicts, axis, rows, "real_probability", color=BLUE, label="real: D(x)")
    dashes: Row = {"color": ORANGE, "linestyle": "--"}
    plot_column(verdicts, axis, rows, "fake_probability", **dashes, label="generated: D(G(z))")
    verdicts.set(title="Probability of being real, as D sees it", xlabel=axis, ylim=(0, 1))
    for axes in (losses, verdicts):
        axes.legend(frameon=False)


def plot_column(axes: Any, axis: str, rows: list[Row], column: str, **look: Any) -> None:
    """Plot one column of a log; `look` is for matplotlib's `plot`."""
    rows = measured(rows, column)
    axes.plot([row[axis] for row in rows], [row[column] for row in rows], **look)
    axes.grid(alpha=0.3)


def measured(rows: list[Row], column: str) -> list[Row]:
    """Return the rows that have a value: a player may pause, and older logs have fewer columns."""
    return [row for row in rows if row.get(column) is not None]


def time_axis(run: Run) -> str:
    """Return "kimg", or "step" if G also trains alone: no real picture is shown meanwhile."""
    return "kimg" if run.recipe().schedule(2) == Schedule() else "step"


def loss_scale(rows: list[Row]) -> str:
    """Return "log" if the largest loss is many times the smallest and none is below zero, else "linear"."""
    losses = [row[name] for name in ("d_loss", "g_loss") for row in measured(rows, name)]
    return "log" if losses and 0 < _MANY * min(losses) < max(losses) else "linear"


def describe(rows: list[Row], columns: dict[str, str] = COLUMNS) -> str:
    """Describe how far the curves of some columns go, and where they end."""
    known = [(words, column, measured(rows, column)) for column, words in columns.items()]
    values = [f"{words} {found[-1][column]:.2f}" for words, column, found in known if found]
    return ", ".join([f"{rows[-1]['kimg']:.0f} kimg", *values])

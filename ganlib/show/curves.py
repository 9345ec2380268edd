"""Learning curves."""

from typing import Any

from ganlib.errors import GanlibError
from ganlib.recipes.schedule import Schedule
from ganlib.run import Run
from ganlib.show.figure import Figure

_Row = dict[str, Any]
_MANY = 30
_BLUE, _ORANGE = "#0072B2", "#D55E00"  # told apart by people of every colour vision (Okabe & Ito)


def curves(run: Run) -> Figure:
    """Losses, and what D says of real and painted pictures, over kimg.

    Raises:
        GanlibError: the log has fewer than two rows.
    """
    from matplotlib.figure import Figure as Canvas

    rows = run.log()
    if len(rows) <= 1:
        raise GanlibError(f"The log of '{run.folder}' is too short to draw: train for 2 kimg or more.")
    canvas = Canvas(figsize=(10, 3.6), layout="constrained", facecolor="white")
    losses, verdicts = canvas.subplots(1, 2)
    draw_rows(losses, verdicts, time_axis(run), rows)
    return Figure.from_canvas(canvas, describe(rows))


def draw_rows(losses: Any, verdicts: Any, axis: str, rows: list[_Row]) -> None:
    """Draw the rows of a log into two axes of matplotlib, over `axis`: "kimg" or "step"."""
    _draw(losses, axis, rows, ("d_loss", "discriminator"), ("g_loss", "generator"))
    losses.set(title="Loss", xlabel=axis, yscale=loss_scale(rows))
    _draw(verdicts, axis, rows, ("real_probability", "real: D(x)"), ("fake_probability", "painted: D(G(z))"))
    verdicts.set(title="Probability of being real, as D sees it", xlabel=axis, ylim=(0, 1))


def time_axis(run: Run) -> str:
    """Real pictures shown to D; steps where G also plays alone, while no picture is shown."""
    return "kimg" if run.recipe().schedule(2) == Schedule() else "step"


def _draw(axes: Any, axis: str, rows: list[_Row], *lines: tuple[str, str]) -> None:
    for (name, label), style, colour in zip(lines, ("-", "--"), (_BLUE, _ORANGE), strict=True):
        played = [row for row in rows if row[name] is not None]
        axes.plot(
            [row[axis] for row in played], [row[name] for row in played], style, color=colour, label=label
        )
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def loss_scale(rows: list[_Row]) -> str:
    """Logarithmic where the largest loss is many times the smallest, and none is below zero."""
    losses = [row[name] for row in rows for name in ("d_loss", "g_loss") if row[name] is not None]
    return "log" if losses and 0 < _MANY * min(losses) < max(losses) else "linear"


def describe(rows: list[_Row]) -> str:
    """What the curves of these rows show, in words."""
    return (
        f"Two line plots over {rows[-1]['kimg']:.0f} kimg. The loss of D goes from {_ends(rows, 'd_loss')}, "
        f"that of G from {_ends(rows, 'g_loss')}; D(x) ends at {_last(rows, 'real_probability')}, "
        f"D(G(z)) at {_last(rows, 'fake_probability')}."
    )


def _ends(rows: list[_Row], name: str) -> str:
    return f"{_last(rows[::-1], name)} to {_last(rows, name)}"


def _last(rows: list[_Row], name: str) -> str:
    """The last value there is: a player that does not play for a while has none."""
    values = [row[name] for row in rows if row[name] is not None]
    return f"{values[-1]:.2f}" if values else "nothing"

"""Learning curves."""

from io import BytesIO
from typing import Any

from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure

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
    _draw(losses, rows, "d_loss", "discriminator", "g_loss", "generator")
    losses.set(title="Loss", xlabel="kimg")
    _draw(verdicts, rows, "real_probability", "real: D(x)", "fake_probability", "painted: D(G(z))")
    verdicts.set(title="Probability of being real, as D sees it", xlabel="kimg", ylim=(0, 1))
    buffer = BytesIO()
    canvas.savefig(buffer, format="png", dpi=100)
    return Figure(buffer.getvalue(), _describe(rows))


def _draw(axes: Any, rows: list[dict[str, Any]], first: str, first_name: str, second: str, name: str) -> None:
    kimg = [row["kimg"] for row in rows]
    axes.plot(kimg, [row[first] for row in rows], "-", color=_BLUE, label=first_name)
    axes.plot(kimg, [row[second] for row in rows], "--", color=_ORANGE, label=name)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)


def _describe(rows: list[dict[str, Any]]) -> str:
    first, last = rows[0], rows[-1]
    return (
        f"Two line plots over {last['kimg']:.0f} kimg. The loss of D goes from {first['d_loss']:.2f} "
        f"to {last['d_loss']:.2f}, that of G from {first['g_loss']:.2f} to {last['g_loss']:.2f}; "
        f"D(x) ends at {last['real_probability']:.2f}, D(G(z)) at {last['fake_probability']:.2f}."
    )

"""Pictures of the game in the plane: real points, painted ones, and what D says everywhere."""

from typing import Any

import torch
from torch import Tensor

from ganlib.show.figure import Figure
from ganlib.training.plane import REACH, Moment, PlaneSettings, plane_shape

BLUE, ORANGE = "#0072B2", "#D55E00"
_SHOWN = 400
_VERDICTS = ["#F4A873", "#FBE3D3", "#FFFFFF", "#CFE3F1", "#7FB8DA"]  # from painted to real


def plane_figure(moment: Moment, settings: PlaneSettings, side: float = 4.6) -> Figure:
    """One moment of a game as a picture `side` inches wide, at 100 px an inch."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(side, side + 0.3), layout="constrained", facecolor="white")
    axes = canvas.subplots()
    draw_moment(axes, moment, real_sample(settings.shape))
    canvas.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return Figure.from_canvas(canvas, describe(moment, settings))


def draw_moment(axes: Any, moment: Moment, real: Tensor) -> None:
    """Draw a moment and real points (N, 2) on axes of matplotlib; the black line is where D says one half."""
    from matplotlib.colors import LinearSegmentedColormap

    verdict = LinearSegmentedColormap.from_list("verdict", _VERDICTS)
    extent = (-REACH, REACH, -REACH, REACH)
    field = moment.field.numpy()
    axes.imshow(field, extent=extent, origin="lower", cmap=verdict, vmin=0, vmax=1, interpolation="bilinear")
    if field.min() < 0.5 < field.max():  # noqa: PLR2004 (D cannot tell)
        axes.contour(field, [0.5], extent=extent, colors="black", linewidths=0.8)
    axes.plot(*real.T.numpy(), ".", color=BLUE, markersize=4, label="real")
    axes.plot(*moment.points[:_SHOWN].T.numpy(), "x", color=ORANGE, markersize=4, label="painted")
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=(), yticks=(), aspect="equal")


def real_sample(shape: str) -> Tensor:
    """Real points (300, 2) to look at, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return plane_shape(shape).draw(300)


def tell(moment: Moment, settings: PlaneSettings) -> str:
    """How far the game is, in a line."""
    places = len(plane_shape(settings.shape).places)
    return (
        f"{moment.step} steps: {moment.found} of {places} places of the {settings.shape} found, "
        f"{100 * moment.near:.0f} % of the painted points near one."
    )


def describe(moment: Moment, settings: PlaneSettings) -> str:
    """What the picture of a moment shows, for those who do not see it."""
    return (
        "Real points as blue dots, painted ones as orange crosses, on a ground that is blue where D says "
        f"real and orange where it says painted. {tell(moment, settings)}"
    )

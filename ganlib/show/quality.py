"""Quality as a table in text and as one figure."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganlib.data.dataset import ImageDataset
from ganlib.evaluation.metrics import FEWEST_FOR_FID, MeanStd
from ganlib.evaluation.quality import SCALES, Figures, Quality
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.show.figure import Figure, table
from ganlib.show.grids import grid_image

SHARES = ("precision", "recall", "density", "coverage")


def quality_page(quality: Quality) -> str:
    """What was measured with what, and every figure beside what real pictures get in its place."""
    return f"{computed_with(quality)}\n\n{table(list(_rows(quality)))}\n\n{_explained(quality)}"


def computed_with(quality: Quality) -> str:
    """One sentence: how many pictures of which size were compared with which, and as what net sees them."""
    return (
        f"{quality.count:,} painted pictures (seeds {quality.seed} to {quality.seed + quality.count - 1}) "
        f"next to {quality.real:,} {quality.real_are} of '{quality.pictures}' at {quality.resolution} px, as "
        f"{quality.extractor} sees them at {quality.side} px."
    )


def spread_text(spread: MeanStd) -> str:
    """The mean and the standard deviation."""
    return f"{spread.mean:.1f} ± {spread.std:.1f}"


def _rows(quality: Quality) -> Iterator[list[str]]:
    floor = quality.baseline
    yield ["", "better", *_headings(quality)]
    yield ["KID x 1000", "lower", *_beside(_kid(quality), _kid(floor))]
    for share in SHARES:
        yield [share, "higher", *_beside(_share(quality, share), _share(floor, share))]
    for name, better, painted, real in (
        ("FID", "lower", _fid(quality), _fid(floor)),
        ("distinct", "higher", _distinct(quality), _distinct(floor)),
        ("neighbours", "near 1", f"{quality.neighbour_ratio:.2f}", f"{floor.neighbour_ratio:.2f}"),
    ):
        yield [name, better, painted, real, *[""] * 4]


def _headings(quality: Quality) -> list[str]:
    return _beside([f"at {quality.resolution // scale} px" for scale in SCALES], ["real"] * len(SCALES))


def _beside(painted: list[str], real: list[str]) -> list[str]:
    """Painted and real in turn, size by size."""
    return [text for pair in zip(painted, real, strict=True) for text in pair]


def _kid(figures: Figures) -> list[str]:
    return [spread_text(spread) for spread in figures.kid]


def _share(figures: Figures, share: str) -> list[str]:
    return [f"{getattr(manifold, share):.3f}" for manifold in figures.manifold]


def _fid(figures: Figures) -> str:
    return "-" if figures.fid is None else f"{figures.fid:.1f}"


def _distinct(figures: Figures) -> str:
    return f"{figures.distinct:,} of {figures.count:,}"


def _explained(quality: Quality) -> str:
    lines = [
        f"real: what {quality.baseline.count:,} other real pictures get in their place.",
        f"neighbours: how far samples are from the nearest of {quality.train:,} training pictures, next to "
        "held-out pictures; far below 1, they are copies.",
    ]
    if quality.fid is None:
        lines.append(f"FID is not computed with fewer than {FEWEST_FOR_FID:,} pictures on a side.")
    return "\n".join(lines)


_COLUMNS, _SHOWN, _WIDEST = 6, 24, 128
_LOOKS = (("#0072B2", ""), ("#56B4E9", "//"), ("#E6E6E6", ".."))  # Okabe & Ito; a hatch for each size
_REAL = "#D55E00"
_BAR = 0.27
_BELOW = 1.3  # of the lowest value, where one is below zero
_HEADROOM = 0.22  # for the numbers above the bars, and for the legend


def quality_figure(quality: Quality, generator: Generator, images: ImageDataset, name: str) -> Figure:
    """Samples beside real pictures, all figures with what real pictures get, and the nearest neighbours.

    `generator` is the one that was measured, on `images`; `name` stands in the heading.
    """
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(12, 13.2), layout="constrained", facecolor="white")
    canvas.suptitle(f"{name}: half-size KID {spread_text(quality.kid.half)}", fontsize=15, weight="bold")
    canvas.supxlabel(computed_with(quality), fontsize=9)
    parts: Any = canvas.subfigures(3, 1, height_ratios=[4.6, 4, 4], hspace=0.03)
    above, middle, below = parts
    _draw_grids(above.subplots(1, 2), quality, generator, images)
    left, right = middle.subplots(1, 2, width_ratios=[1, 1.5])
    _draw_kid(left, quality)
    _draw_shares(right, quality)
    _draw_closest(below, quality, generator, images)
    return Figure.from_canvas(canvas, _describe(quality, name))


def _draw_grids(panels: Sequence[Any], quality: Quality, generator: Generator, images: ImageDataset) -> None:
    shown = min(_SHOWN, quality.count)
    painted = _paint(generator, [quality.seed + k for k in range(shown)])
    real = images.tensor(images.held_out[:shown])
    titles = f"Painted (seeds {quality.seed} to {quality.seed + shown - 1})", "Real, never trained on"
    for axes, pictures, title in zip(panels, (painted, real), titles, strict=True):
        axes.imshow(grid_image(_small(pictures), _COLUMNS))
        axes.set_title(title)
        axes.axis("off")


def _small(pictures: Tensor) -> Tensor:
    """At most 128 px wide, so that the lines between them are seen."""
    return avg_pool2d(pictures, max(1, pictures.shape[2] // _WIDEST))


def _paint(generator: Generator, seeds: Sequence[int]) -> Tensor:
    """The picture of each seed, (N, 3, S, S)."""
    return generate(generator, torch.cat([sample_latent(1, generator.latent_dim, seed) for seed in seeds]))


def _draw_kid(axes: Any, quality: Quality) -> None:
    for place, (spread, floor) in enumerate(zip(quality.kid, quality.baseline.kid, strict=True)):
        _draw_bar(axes, place, 0.7, spread.mean, _LOOKS[place], f"{spread.mean:.0f}", spread.std)
        _draw_floor(axes, place, 0.8, floor.mean)
    axes.set_xticks(range(len(SCALES)), _sizes(quality))
    axes.set_title(f"KID x 1000 ± sd over subsets of {quality.subset_size}: low is good")
    _finish(axes)


def _draw_shares(axes: Any, quality: Quality) -> None:
    for group, share in enumerate(SHARES):
        pairs = zip(quality.manifold, quality.baseline.manifold, strict=True)
        for size, (painted, real) in enumerate(pairs):
            place = group + (size - 1) * _BAR
            value = getattr(painted, share)
            _draw_bar(axes, place, _BAR, value, _LOOKS[size], f"{value:.2f}")
            _draw_floor(axes, place, _BAR, getattr(real, share))
    axes.set_xticks(range(len(SHARES)), SHARES)
    axes.set_title("Shares at the same three sizes: high is good")
    _finish(axes)


def _draw_bar(
    axes: Any, place: float, width: float, height: float, look: tuple[str, str], text: str, sd: float = 0.0
) -> None:
    colour, hatch = look
    axes.bar(place, height, width, color=colour, hatch=hatch, edgecolor="black", linewidth=0.6)
    if sd:
        axes.errorbar(place, height, sd, color="black", capsize=4, linewidth=1)
    top = place, max(height + sd, 0)
    number = axes.annotate(text, top, (0, 3), textcoords="offset points", ha="center", fontsize=8)
    number.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5})


def _draw_floor(axes: Any, place: float, width: float, height: float) -> None:
    axes.plot([place - width / 2, place + width / 2], [height, height], color=_REAL, linewidth=2.5)


def _finish(axes: Any) -> None:
    from matplotlib.lines import Line2D

    axes.margins(y=_HEADROOM)
    axes.set_ylim(bottom=_BELOW * min(0.0, axes.dataLim.y0))
    axes.legend([Line2D([], [], color=_REAL, linewidth=2.5)], ["real against real"], frameon=False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _sizes(quality: Quality) -> list[str]:
    words = ("full", "half", "quarter")
    return [
        f"{word} size\n{quality.resolution // scale} px" for word, scale in zip(words, SCALES, strict=True)
    ]


def _draw_closest(canvas: Any, quality: Quality, generator: Generator, images: ImageDataset) -> None:
    canvas.suptitle(
        "The samples that are nearest to a training picture, above, and that picture, below\n"
        "(1 is how far a held-out picture usually is from the nearest training picture; 0 is a copy; "
        f"the median of all samples is {quality.neighbour_ratio:.2f})",
        fontsize=11,
    )
    painted = _paint(generator, [quality.seed + pair.sample for pair in quality.closest])
    real = images.tensor(np.array([pair.picture for pair in quality.closest]))
    panels = canvas.subplots(2, len(quality.closest), squeeze=False)
    for column, pair in enumerate(quality.closest):
        above, below = panels[:, column]
        above.imshow(grid_image(painted[column : column + 1]))
        above.set_title(f"{pair.distance:.2f}", fontsize=10)
        below.imshow(grid_image(real[column : column + 1]))
        above.axis("off")
        below.axis("off")


def _describe(quality: Quality, name: str) -> str:
    shares = ", ".join(
        f"{share} {getattr(quality, share):.2f} ({getattr(quality.baseline, share):.2f})" for share in SHARES
    )
    kid = zip(("full", "half", "quarter"), quality.kid, quality.baseline.kid, strict=True)
    kids = ", ".join(f"{size} {spread_text(painted)} ({spread_text(real)})" for size, painted, real in kid)
    return (
        f"{name}: painted pictures beside real ones, bars, and the {len(quality.closest)} samples nearest to "
        f"a training picture, from {quality.closest[0].distance:.2f} of the usual distance on. In brackets "
        f"what real pictures get: KID x 1000 at each size {kids}; at full size {shares}. "
        f"{computed_with(quality)}"
    )

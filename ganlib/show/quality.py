"""Quality as a table in text and as one figure."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganlib.data.dataset import ImageDataset
from ganlib.errors import plain
from ganlib.evaluation.metrics import FEWEST_FOR_FID, MeanStd
from ganlib.evaluation.quality import SCALES, Quality
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.show.figure import BLUE, ORANGE, SKY, Figure, new_canvas, render, table
from ganlib.show.grids import grid_image, to_image
from ganlib.sizes import Size

SHARES = ("precision", "recall", "density", "coverage")
_SIZES = ("full", "half", "quarter")
_COLUMNS, _SHOWN, _WIDEST = 6, 24, 128
_COLOURS, _HATCHES = (BLUE, SKY, "#E6E6E6"), ("", "//", "..")  # one for each size
_REAL: dict[str, Any] = {"color": ORANGE, "linewidth": 2.5}
_SHARE_BAR = 0.27


def quality_page(quality: Quality) -> str:
    """Write what was measured with what, and every figure beside what real pictures get in its place."""
    tables = [list(_rows(quality)), list(_rows_by_class(quality)) if quality.by_class else []]
    filters, fewest = {"plain": plain, "table": table}, FEWEST_FOR_FID
    page = render("quality.txt", filters=filters, quality=quality, tables=tables, fewest_for_fid=fewest)
    return page.rstrip("\n")


def spread_text(spread: MeanStd) -> str:
    """Write a mean with its standard deviation."""
    return f"{spread.mean:.1f} ± {spread.std:.1f}"


def _rows(quality: Quality) -> Iterator[list[str]]:
    both = quality, quality.baseline
    sizes = [f"at {Size.of(quality.resolution).over(scale)} px" for scale in SCALES]
    yield ["", "better", *_in_turns(sizes, ["real"] * len(SCALES))]
    yield ["KID x 1000", "lower", *_in_turns(*([*map(spread_text, one.kid)] for one in both))]
    for share in SHARES:
        values = ([f"{getattr(manifold, share):.3f}" for manifold in one.manifold] for one in both)
        yield [share, "higher", *_in_turns(*values)]
    empty = [""] * 4
    yield ["FID", "lower", *("-" if one.fid is None else f"{one.fid:.1f}" for one in both), *empty]
    yield ["distinct", "higher", *(f"{one.distinct:,} of {one.count:,}" for one in both), *empty]
    yield ["neighbours", "near 1", *(f"{one.neighbour_ratio:.2f}" for one in both), *empty]


def _rows_by_class(quality: Quality) -> Iterator[list[str]]:
    yield ["class", "real pictures", f"KID x 1000 at {Size.of(quality.resolution).over(2)} px", "real"]
    for one in quality.by_class:
        kid = "too few" if one.kid is None else f"{one.kid:.1f}"
        real = "-" if one.baseline is None else f"{one.baseline:.1f}"
        yield [plain(one.name, 40), f"{one.count:,}", kid, real]


def _in_turns(generated: Sequence[str], real: Sequence[str]) -> list[str]:
    return [text for pair in zip(generated, real, strict=True) for text in pair]


def quality_figure(quality: Quality, generator: Generator, images: ImageDataset, name: str) -> Figure:
    """Draw samples beside real pictures, all figures with what real pictures get, and nearest neighbours.

    `generator` is the one that was measured, on `images`; `name` stands in the heading.
    """
    canvas, name, page = new_canvas(12, 13.2), plain(name, 80), quality_page(quality)
    canvas.suptitle(f"{name}: half-size KID {spread_text(quality.kid.half)}", fontsize=15, weight="bold")
    canvas.supxlabel(page.partition("\n")[0], fontsize=9)
    above, middle, below = canvas.subfigures(3, 1, height_ratios=[4.6, 4, 4], hspace=0.03)
    _draw_grids(above.subplots(1, 2), quality, generator, images)
    left, right = middle.subplots(1, 2, width_ratios=[1, 1.5])
    _draw_kid(left, quality)
    _draw_shares(right, quality)
    _draw_closest(below, quality, generator, images)
    shown = "generated pictures beside real ones, bars, and the samples nearest to a training picture"
    return Figure.from_canvas(canvas, f"{name}: {shown}. {page}")


def _draw_grids(panels: Sequence[Any], quality: Quality, generator: Generator, images: ImageDataset) -> None:
    shown = min(_SHOWN, quality.count)
    generated = _generate(generator, [quality.seed + k for k in range(shown)])
    real = images.tensor(images.held_out[:shown])
    titles = f"Generated (seeds {quality.seed} to {quality.seed + shown - 1})", "Real, never trained on"
    for axes, pictures, title in zip(panels, (generated, real), titles, strict=True):
        shrunk = avg_pool2d(pictures, max(1, pictures.shape[2] // _WIDEST))  # so that the white lines show
        axes.imshow(grid_image(shrunk, _COLUMNS))
        axes.set_title(title)
        axes.axis("off")


def _generate(generator: Generator, seeds: Sequence[int]) -> Tensor:
    return generate(generator, torch.cat([sample_latent(1, generator.latent_dim, seed) for seed in seeds]))


def _draw_kid(axes: Any, quality: Quality) -> None:
    for x, (spread, real) in enumerate(zip(quality.kid, quality.baseline.kid, strict=True)):
        _draw_bars(axes, x, [x], 0.7, [spread.mean], [real.mean], "%.0f", yerr=[spread.std], capsize=4)
    labels = [
        f"{size} size\n{Size.of(quality.resolution).over(k)} px"
        for size, k in zip(_SIZES, SCALES, strict=True)
    ]
    _finish(axes, labels, f"KID x 1000 ± sd over subsets of {quality.subset_size}: low is good")


def _draw_shares(axes: Any, quality: Quality) -> None:
    for size, (generated, real) in enumerate(zip(quality.manifold, quality.baseline.manifold, strict=True)):
        places = np.arange(len(SHARES)) + (size - 1) * _SHARE_BAR
        shares, wanted = ([getattr(one, share) for share in SHARES] for one in (generated, real))
        _draw_bars(axes, size, places, _SHARE_BAR, shares, wanted, "%.2f")
    _finish(axes, SHARES, "Shares at the same three sizes: high is good")


def _draw_bars(
    axes: Any, size: int, x: Any, width: float, generated: Any, real: Any, text: str, **errors: Any
) -> None:
    """Draw bars in the look of a size, each with its height, and across it what real pictures get."""
    look = {"color": _COLOURS[size], "hatch": _HATCHES[size], "edgecolor": "black", "linewidth": 0.6}
    bars = axes.bar(x, generated, width, **look, **errors)
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    axes.bar_label(bars, fmt=text, padding=3, fontsize=8, bbox=ground)
    axes.hlines(real, np.subtract(x, width / 2), np.add(x, width / 2), **_REAL)


def _finish(axes: Any, labels: Sequence[str], title: str) -> None:
    from matplotlib.lines import Line2D

    axes.set_xticks(range(len(labels)), labels)
    axes.set_title(title)
    axes.margins(y=0.22)  # room for the numbers above the bars, and for the legend
    axes.set_ylim(bottom=1.3 * min(0.0, axes.dataLim.y0))
    axes.legend([Line2D([], [], **_REAL)], ["real against real"], frameon=False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _draw_closest(canvas: Any, quality: Quality, generator: Generator, images: ImageDataset) -> None:
    canvas.suptitle(
        "The samples that are nearest to a training picture, above, and that picture, below\n"
        "(1 is how far a held-out picture usually is from the nearest training picture; 0 is a copy; "
        f"the median of all samples is {quality.neighbour_ratio:.2f})",
        fontsize=11,
    )
    samples = _generate(generator, [quality.seed + pair.sample for pair in quality.closest])
    neighbours = images.tensor(np.array([pair.picture for pair in quality.closest]))
    panels = canvas.subplots(2, len(quality.closest), squeeze=False)
    for row, pictures in zip(panels, (samples, neighbours), strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            axes.imshow(to_image(picture))
            axes.axis("off")
    for axes, pair in zip(panels[0], quality.closest, strict=True):
        axes.set_title(f"{pair.distance:.2f}", fontsize=10)

"""The grids of all systems and the curves of their KID over minutes, in one picture."""

import statistics
from collections.abc import Mapping, Sequence
from io import BytesIO
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.quality.job import Job
from benchmarks.quality.measuring import FOR_A_CURVE, Point, Result
from benchmarks.quality.systems import Mark, Stage
from benchmarks.quality.table import measured_with
from ganlib.latent.sampling import generate, sample_latent
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure
from ganlib.show.grids import grid_image
from ganlib.weights import load_generator

_DPI = 100
_LARGE, _SMALL = 4.2, 2.1  # inches of a grid; the small ones are of another seed or budget
_TITLE = 0.9  # inches above a grid
_CURVES = 4.3  # inches of height
_IN_A_ROW = 5  # large grids
_LETTERS_AN_INCH = 13
_MOST_BYTES = 2_500_000
_SMALLER = 0.85
_MANY, _FEW = 6, 3  # pictures in a row of a grid
_LARGEST_OF_MANY = 64
# Told apart by people of every colour vision (Okabe & Ito), and by their markers and lines.
_STYLES = (
    ("#000000", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#0072B2", "^", "-."),
    ("#009E73", "D", ":"),
    ("#AA4499", "P", "-"),
    ("#56B4E9", "v", "--"),
    ("#E69F00", "X", "-."),
    ("#666666", "*", ":"),
    ("#882255", "<", "-"),
)


class _Grid(NamedTuple):
    """What a job has painted at a mark, and what was measured there."""

    job: Job
    mark: Mark
    point: Point


def draw(found: Sequence[tuple[Stage, Mapping[Job, Result]]], path: Path) -> None:
    """Write the pictures of all stages as one PNG, the first on top, made smaller until it has 2.5 MB."""
    pictures = [_stage(stage, results) for stage, results in found]
    sheet = Image.new(
        "RGB", (max(one.width for one in pictures), sum(one.height for one in pictures)), "white"
    )
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    data = _light(sheet)
    write_atomically(path, lambda part: part.write_bytes(data))


def _light(sheet: Image.Image) -> bytes:
    buffer = BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    if buffer.tell() <= _MOST_BYTES:
        return buffer.getvalue()
    size = round(sheet.width * _SMALLER), round(sheet.height * _SMALLER)
    return _light(sheet.resize(size, Image.Resampling.LANCZOS))


def _stage(stage: Stage, results: Mapping[Job, Result]) -> Image.Image:
    """Grids of the last budget and first seed, the curves of all, then all other grids, small."""
    from matplotlib.figure import Figure as Canvas

    first = min(job.seed for job in results)
    grids = [
        _Grid(job, mark, result.points[mark.name])
        for job, result in results.items()
        for mark in stage.marks()
        if mark.full and mark.name in result.points
    ]
    last = {grid.job: grid for grid in grids if grid.job.seed == first}
    small = [grid for grid in grids if grid not in last.values()]
    columns = max(3, min(len(last), _IN_A_ROW))
    heights = [(_LARGE + _TITLE) * ceil(len(last) / columns), _CURVES]
    if small:
        heights.append((_SMALL + _TITLE) * ceil(len(small) / (2 * columns)))
    width = _LARGE * columns
    canvas = Canvas(figsize=(width, sum(heights)), dpi=_DPI, layout="constrained", facecolor="white")
    parts = canvas.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat
    top, middle, *bottom = parts
    _show(top, list(last.values()), columns, _LARGE)
    _curves(middle, stage, list(results.values()))
    _about(middle, stage, first, list(results.values()), width)
    for part in bottom:
        _show(part, small, 2 * columns, _SMALL)
    return Figure.from_canvas(canvas, "", _DPI).image().convert("RGB")


def _show(part: Any, grids: Sequence[_Grid], columns: int, inches: float) -> None:
    every = list(part.subplots(ceil(len(grids) / columns), columns, squeeze=False).flat)
    for axes in every:
        axes.axis("off")
    for axes, grid in zip(every, grids, strict=False):
        job, point = grid.job, grid.point
        when = f"seed {job.seed}, {job.stage.budget(grid.mark)} ({point.kimg:.0f} kimg)"
        title = f"{job.system.title}\n{when}\nhalf-size KID {point.kid.mean:,.0f}"
        axes.set_title(title, loc="left", fontsize=10 if inches == _LARGE else 7)
        axes.imshow(np.asarray(_grid_image(job, grid.mark, inches)), interpolation="antialiased")


def _grid_image(job: Job, mark: Mark, inches: float) -> Image.Image:
    """What was kept at a mark."""
    generator, recipe = load_generator(job.kept_file(mark))
    most = _MANY if max(recipe.shape) <= _LARGEST_OF_MANY else _FEW
    side = most if inches == _LARGE else round(most * 2 / 3)
    pictures = generate(generator, sample_latent(side**2, recipe.latent_dim))
    return grid_image(pictures, side, scale=ceil(inches * _DPI / (side * max(recipe.shape) + 1)))


def _about(part: Any, stage: Stage, first: int, results: Sequence[Result], inches: float) -> None:
    about = (
        f"{stage.art} at {stage.size} px. Large grids: seed {first}. Curves: mean of the seeds and their "
        f"standard deviation, between the budgets by {FOR_A_CURVE} samples. {measured_with(results)}"
    )
    part.supxlabel("\n".join(wrap(about, round(_LETTERS_AN_INCH * inches))), fontsize=10, x=0.01, ha="left")


def _curves(part: Any, stage: Stage, results: Sequence[Result]) -> None:
    """Half-size KID over minutes, for each system the mean of its seeds in a band of their deviation."""
    axes = part.subplots()
    for system, style in zip(stage.systems, _STYLES, strict=False):
        _curve(axes, stage, [result for result in results if result.system == system.name], style)
    points = [point for result in results for point in result.points.values()]
    real = next(point.quality.baseline.kid.half.mean for point in points if point.quality)
    scale = "log" if min(point.kid.mean for point in points) > 0 else "linear"
    unit = "CPU minutes" if stage.device == "cpu" else "minutes"
    axes.set(xlabel=unit, ylabel="half-size KID, times 1,000", yscale=scale)
    axes.set_title(f"lower is better, real against real is {real:z,.1f}", loc="left", fontsize=11)
    axes.yaxis.set_major_formatter(_number)
    axes.yaxis.set_minor_formatter(_number)
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    part.legend(frameon=False, loc="outside right upper")


def _number(value: float, _place: float) -> str:
    """Only where it begins with 1, 2 or 5, as more would not find room on a long axis."""
    return f"{value:,.0f}" if f"{value:e}"[0] in "125" else ""


def _curve(axes: Any, stage: Stage, results: Sequence[Result], style: tuple[str, str, str]) -> None:
    """One system: only where all its seeds have been, since else the mean would jump."""
    marks = sorted((mark for mark in stage.marks() if mark.unit == "minutes"), key=lambda mark: mark.value)
    shared = [mark for mark in marks if all(mark.name in result.points for result in results)]
    if not results or not shared:
        return
    values = [[result.points[mark.name].kid.mean for result in results] for mark in shared]
    means = np.array([statistics.mean(each) for each in values])
    spreads = np.array([statistics.stdev(each) if len(each) > 1 else 0.0 for each in values])
    minutes = [mark.value for mark in shared]
    colour, marker, line = style
    title = stage.system(results[0].system).title
    axes.plot(minutes, means, line, color=colour, marker=marker, markersize=5, label=title)
    axes.fill_between(minutes, means - spreads, means + spreads, color=colour, alpha=0.15, linewidth=0)

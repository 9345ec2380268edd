"""The grids of all systems and the curves of their KID over minutes, in one picture."""

import statistics
from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import product
from math import ceil
from pathlib import Path
from textwrap import wrap
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.quality.job import Job
from benchmarks.quality.marks import Mark
from benchmarks.quality.measuring import FOR_A_CURVE
from benchmarks.quality.results import Point, Result
from benchmarks.quality.systems import Stage
from benchmarks.quality.table import budget, measured_with
from ganlib.latent.sampling import generate, sample_latent
from ganlib.run import load_generator
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure
from ganlib.show.grids import grid_image

_SIDE = 412  # of a grid
_SMALL = 190  # of a grid of another seed or budget
_GAP = 16
_TEXT = 17
_LINE = 22
_LETTERS_A_LINE = 0.115  # for each px of width
_DPI = 100
_HEIGHT = 430  # of the curves
_IN_A_ROW = 5  # grids
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


def picture(stage: Stage, results: Mapping[Job, Result]) -> Image.Image:
    """A stage: grids of the last budget and first seed, the curves of all, then all other grids, small."""
    first = min(job.seed for job in results)
    columns = [_column(stage, job, result) for job, result in results.items() if job.seed == first]
    rows = [columns[start : start + _IN_A_ROW] for start in range(0, len(columns), _IN_A_ROW)]
    grids = _below_each_other([_beside_each_other(row) for row in rows], _GAP)
    width = max(grids.width, 3 * _SIDE)
    curves = _curves(stage, list(results.values()), width)
    others = _other_grids(stage, results, width)
    small = (
        "Small grids: the other budgets and seeds, in the same order, with the half-size KID. "
        if others
        else ""
    )
    about = (
        f"Large grids: seed {first}. {small}Curves: mean of the seeds and their standard deviation, between "
        f"the budgets by {FOR_A_CURVE} samples. {measured_with(list(results.values()))}"
    )
    return _below_each_other([grids, curves, *others, _text(about, width)], _GAP)


def save(pictures: Sequence[Image.Image], path: Path) -> None:
    """Write pictures as one PNG, the first on top; it is made smaller until it has 2.5 MB at most."""
    sheet = ImageOps.expand(_below_each_other(pictures, 2 * _GAP), _GAP, "white")
    data = _png(sheet)
    while len(data) > _MOST_BYTES:
        size = round(sheet.width * _SMALLER), round(sheet.height * _SMALLER)
        sheet = sheet.resize(size, Image.Resampling.LANCZOS)
        data = _png(sheet)
    write_atomically(path, lambda part: part.write_bytes(data))


def _png(sheet: Image.Image) -> bytes:
    buffer = BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _column(stage: Stage, job: Job, result: Result) -> Image.Image:
    """A grid of a system at the last budget that it has reached, below what it is."""
    mark, point = _last(stage, result)
    when = f"after {budget(stage, mark)} ({point.kimg:.0f} kimg)"
    text = f"{job.system.title}\n{when}\nhalf-size KID {point.kid.mean:,.0f}"
    return _below_each_other([_text(text, _SIDE), _grid(job, mark, _SIDE)])


def _other_grids(stage: Stage, results: Mapping[Job, Result], width: int) -> list[Image.Image]:
    """Small grids of each budget and seed that is not among the large ones, as many in a row as fit."""
    first = min(job.seed for job in results)
    blocks = []
    budgets = [mark for mark in stage.marks() if mark.full]
    for mark, seed in product(budgets, sorted({job.seed for job in results})):
        cells = [
            _small_grid(job, mark, result.points[mark.name])
            for job, result in results.items()
            if job.seed == seed and mark.name in result.points
            if seed != first or mark != _last(stage, result)[0]
        ]
        if cells:
            row = _beside_each_other(cells)
            blocks.append(_below_each_other([_text(f"Seed {seed}, {budget(stage, mark)}", row.width), row]))
    many = max(1, (width + _GAP) // (max(block.width for block in blocks) + _GAP)) if blocks else 1
    return [_beside_each_other(blocks[start : start + many]) for start in range(0, len(blocks), many)]


def _small_grid(job: Job, mark: Mark, point: Point) -> Image.Image:
    return _below_each_other([_text(f"{point.kid.mean:,.0f}", _SMALL), _grid(job, mark, _SMALL)])


def _last(stage: Stage, result: Result) -> tuple[Mark, Point]:
    full = [
        (mark, result.points[mark.name]) for mark in stage.marks() if mark.full and mark.name in result.points
    ]
    return full[-1]


def _grid(job: Job, mark: Mark, width: int) -> Image.Image:
    """What was kept at a mark, `width` px wide at most."""
    generator, recipe = load_generator(job.kept_file(mark))
    most = _MANY if recipe.size <= _LARGEST_OF_MANY else _FEW
    side = most if width == _SIDE else round(most * 2 / 3)
    pictures = generate(generator, sample_latent(side**2, recipe.latent_dim))
    grid = grid_image(pictures, side, scale=ceil(width / (side * recipe.size + 1)))
    grid.thumbnail((width, width), Image.Resampling.LANCZOS)
    return grid


def _curves(stage: Stage, results: Sequence[Result], width: int) -> Image.Image:
    """Half-size KID over minutes, for each system the mean of its seeds in a band of their deviation."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(width / _DPI, _HEIGHT / _DPI), layout="constrained", facecolor="white")
    axes = canvas.subplots()
    for system, style in zip(stage.systems, _STYLES[: len(stage.systems)], strict=True):
        _curve(axes, stage, [result for result in results if result.system == system.name], style)
    lowest = min(point.kid.mean for result in results for point in result.points.values())
    unit = "CPU minutes" if stage.device == "cpu" else "minutes"
    axes.set(xlabel=unit, ylabel="half-size KID, times 1,000", yscale="log" if lowest > 0 else "linear")
    title = f"{stage.art} at {stage.size} px: lower is better, real against real is {_floor(results):z,.1f}"
    axes.set_title(title, loc="left", fontsize=11)
    axes.yaxis.set_major_formatter(_number)
    axes.yaxis.set_minor_formatter(_number)
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    canvas.legend(frameon=False, loc="outside right upper")
    return Figure.from_canvas(canvas, "", _DPI).image().convert("RGB")


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
    means = [statistics.mean(each) for each in values]
    spreads = [statistics.pstdev(each) if len(each) == 1 else statistics.stdev(each) for each in values]
    minutes = [mark.value for mark in shared]
    colour, marker, line = style
    title = stage.system(results[0].system).title
    axes.plot(minutes, means, line, color=colour, marker=marker, markersize=5, label=title)
    low, high = ([m + sign * sd for m, sd in zip(means, spreads, strict=True)] for sign in (-1, 1))
    axes.fill_between(minutes, low, high, color=colour, alpha=0.15, linewidth=0)


def _floor(results: Sequence[Result]) -> float:
    """Half-size KID of real pictures against real ones."""
    points = [point for result in results for point in result.points.values()]
    return next(point.quality.baseline.kid.half.mean for point in points if point.quality)


def _text(text: str, width: int) -> Image.Image:
    """Black on white, in lines that fit."""
    letters = round(_LETTERS_A_LINE * width)
    lines = [line for part in text.split("\n") for line in wrap(part, letters)]
    strip = Image.new("RGB", (width, len(lines) * _LINE + _GAP // 2), "white")
    draw = ImageDraw.Draw(strip)
    for place, line in enumerate(lines):
        draw.text((2, place * _LINE), line, "black", ImageFont.load_default(_TEXT))
    return strip


def _beside_each_other(pictures: Sequence[Image.Image]) -> Image.Image:
    width = sum(each.width + _GAP for each in pictures) - _GAP
    sheet = Image.new("RGB", (width, max(each.height for each in pictures)), "white")
    left = 0
    for each in pictures:
        sheet.paste(each, (left, 0))
        left += each.width + _GAP
    return sheet


def _below_each_other(pictures: Sequence[Image.Image], gap: int = 0) -> Image.Image:
    height = sum(each.height + gap for each in pictures) - gap
    sheet = Image.new("RGB", (max(each.width for each in pictures), height), "white")
    top = 0
    for each in pictures:
        sheet.paste(each, (0, top))
        top += each.height + gap
    return sheet

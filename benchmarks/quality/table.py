"""What came out, as Markdown: a table for each budget, and whether the claim holds."""

import math
import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.quality.marks import Mark
from benchmarks.quality.results import Point, Result
from benchmarks.quality.systems import Stage
from ganlib.evaluation.quality import Figures

_GIB = 2**30
_A_QUARTER = 0.25


class _Column(NamedTuple):
    """A figure of the pictures, which real ones have, too."""

    heading: str
    digits: int
    value: Callable[[Figures], float]


class _Cost(NamedTuple):
    """A figure of the run."""

    heading: str
    digits: int
    value: Callable[[Point], float]


_COLUMNS = (
    _Column("KID full", 0, lambda figures: figures.kid.full.mean),
    _Column("half", 0, lambda figures: figures.kid.half.mean),
    _Column("quarter", 0, lambda figures: figures.kid.quarter.mean),
    _Column("precision", 2, lambda figures: figures.precision),
    _Column("recall", 2, lambda figures: figures.recall),
    _Column("recall, half", 2, lambda figures: figures.manifold.half.recall),
    _Column("neighbour ratio", 2, lambda figures: figures.neighbour_ratio),
    _Column("distinct", 0, lambda figures: figures.distinct),
)
_COSTS = (
    _Cost("kimg", 0, lambda point: point.kimg),
    _Cost("minutes", 1, lambda point: point.minutes),
    _Cost("pictures/s", 0, lambda point: point.speed),
    _Cost("% of matrix products", 1, lambda point: point.share),
    _Cost("peak memory, GiB", 2, lambda point: point.memory / _GIB),
)


def report(stage: Stage, results: Sequence[Result]) -> str:
    """All tables of a stage, and what is to be said of its claim."""
    parts = [_table(stage, mark, results) for mark in stage.marks() if mark.full]
    return "\n\n".join(part for part in (*parts, _claims(stage, results)) if part)


def budget(stage: Stage, mark: Mark) -> str:
    """A mark in words."""
    unit = "CPU minutes" if mark.unit == "minutes" and stage.device == "cpu" else mark.unit
    return f"{mark.value:g} {unit}"


def measured_with(results: Sequence[Result]) -> str:
    """Extractor, sizes and counts of the pictures that were compared, and where that was."""
    of = next(point.quality for result in results for point in result.points.values() if point.quality)
    return (
        f"KID times 1,000 by {of.extractor}, which looks at {of.side} px: {of.count} samples of "
        f"{of.resolution} px next to {of.real} {of.real_are}, neighbours among {of.train} training pictures. "
        f"{_machines(results)}."
    )


def _machines(results: Sequence[Result]) -> str:
    """Each machine once, after the days on which it was at work."""
    days: dict[str, set[str]] = {}
    for result in results:
        day, _, machine = result.machine.partition("; ")
        days.setdefault(machine, set()).add(day)
    return " / ".join(f"{' and '.join(sorted(found))}; {machine}" for machine, found in sorted(days.items()))


def _table(stage: Stage, mark: Mark, results: Sequence[Result]) -> str:
    rows = [(system, _points(system.name, mark, results)) for system in stage.systems]
    rows = [(system, points) for system, points in rows if points]
    if not rows:
        return ""
    costs = [cost for cost in _COSTS if any(_is_known(cost, points) for _, points in rows)]
    figures = [column.heading for column in _COLUMNS]
    headings = ["system", "seeds", *figures, *(cost.heading for cost in costs)]
    lines = [headings, ["---"] * len(headings)]
    lines += [_row(system.title, points, costs) for system, points in rows]
    lines.append(_floor_row(rows[0][1], costs))
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{stage.art} at {stage.size} px after {budget(stage, mark)}. {measured_with(results)}\n\n{text}"


def _points(system: str, mark: Mark, results: Sequence[Result]) -> list[Point]:
    """Those of a system at a mark, of all seeds."""
    found = [result.points.get(mark.name) for result in results if result.system == system]
    return [point for point in found if point and point.quality]


def _is_known(cost: _Cost, points: Sequence[Point]) -> bool:
    return not any(math.isnan(cost.value(point)) for point in points)


def _row(title: str, points: Sequence[Point], costs: Sequence[_Cost]) -> list[str]:
    figures = [point.quality for point in points if point.quality]
    cells = [_spread([column.value(one) for one in figures], column.digits) for column in _COLUMNS]
    known = [_spread([cost.value(point) for point in points], cost.digits) for cost in costs]
    return [title, str(len(points)), *cells, *known]


def _floor_row(points: Sequence[Point], costs: Sequence[_Cost]) -> list[str]:
    """Real pictures in the place of samples; they cost nothing."""
    floor = next(point.quality.baseline for point in points if point.quality)
    cells = [f"{column.value(floor):z.{column.digits}f}" for column in _COLUMNS]
    return ["real against real", "", *cells, *[""] * len(costs)]


def _spread(values: Sequence[float], digits: int) -> str:
    if any(math.isnan(value) for value in values):
        return "not measured"
    mean = f"{statistics.mean(values):z,.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):z,.{digits}f}" if len(values) > 1 else mean


def _claims(stage: Stage, results: Sequence[Result]) -> str:
    """For each seed and each budget of minutes whether the last system beats the first as was claimed."""
    if not stage.has_claim:
        return ""
    first, last = stage.systems[0], stage.systems[-1]
    seeds = sorted({result.seed for result in results})
    lines = []
    for mark in stage.marks():
        for seed in seeds if mark.full and mark.unit == "minutes" else []:
            of_seed = [result for result in results if result.seed == seed]
            pair = [_points(system.name, mark, of_seed) for system in (first, last)]
            if all(pair):
                lines.append(f"- {budget(stage, mark)}, seed {seed}: {_verdict(pair[0][0], pair[1][0])}")
    claim = (
        f"Claim, both at half size: KID of {last.title} at most a quarter of that of {first.title}, and "
        "higher recall."
    )
    return "\n".join([claim, "", *lines]) if lines else ""


def _verdict(base: Point, ours: Point) -> str:
    if base.quality is None or ours.quality is None:
        return "not measured."
    kid, base_kid = ours.kid.mean, base.kid.mean
    recall, base_recall = (point.manifold.half.recall for point in (ours.quality, base.quality))
    holds = kid <= _A_QUARTER * base_kid and recall > base_recall
    full = f"{ours.quality.recall:.2f} against {base.quality.recall:.2f}"
    return (
        f"KID {kid:,.0f} against {base_kid:,.0f}, {kid / base_kid:.2f} of it; recall {recall:.2f} against "
        f"{base_recall:.2f} (at full size {full}): {'holds' if holds else 'does not hold'}."
    )

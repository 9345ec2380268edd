"""What came out, as Markdown: a table for each budget, and whether the claim holds."""

import math
import statistics
from collections.abc import Callable, Sequence

from benchmarks.machine import table
from benchmarks.quality.measuring import Point, Result
from benchmarks.quality.systems import Mark, Stage
from ganlib.evaluation.quality import Figures

_GIB = 2**30
_A_QUARTER = 0.25
# Heading, digits and value of each figure of the pictures, which real ones have, too ...
_FIGURES: tuple[tuple[str, int, Callable[[Figures], float]], ...] = (
    ("KID full", 0, lambda figures: figures.kid.full.mean),
    ("half", 0, lambda figures: figures.kid.half.mean),
    ("quarter", 0, lambda figures: figures.kid.quarter.mean),
    ("precision", 2, lambda figures: figures.precision),
    ("recall", 2, lambda figures: figures.recall),
    ("recall, half", 2, lambda figures: figures.manifold.half.recall),
    ("neighbour ratio", 2, lambda figures: figures.neighbour_ratio),
    ("distinct", 0, lambda figures: figures.distinct),
)
# ... and of each of the run.
_COSTS: tuple[tuple[str, int, Callable[[Point], float]], ...] = (
    ("sliced Wasserstein", 3, lambda point: math.nan if point.sliced is None else point.sliced),
    ("kimg", 0, lambda point: point.kimg),
    ("minutes", 1, lambda point: point.minutes),
    ("pictures/s", 0, lambda point: point.speed),
    ("% of matrix products", 1, lambda point: point.share),
    ("peak memory, GiB", 2, lambda point: point.memory / _GIB),
)


def report(stage: Stage, results: Sequence[Result]) -> str:
    """Write all tables of a stage, and what is to be said of its claim."""
    parts = [_table(stage, mark, results) for mark in stage.marks() if mark.full]
    return "\n\n".join(part for part in (*parts, _claims(stage, results)) if part)


def measured_with(results: Sequence[Result]) -> str:
    """Name extractor, sizes and counts of the pictures that were compared, and where that was."""
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
    found = {system.title: _points(system.name, mark, results) for system in stage.systems}
    rows = {title: points for title, points in found.items() if points}
    every = [point for points in rows.values() for point in points]
    if not every:
        return ""
    costs = [cost for cost in _COSTS if not all(math.isnan(cost[2](point)) for point in every)]
    headings = [heading for heading, *_ in (*_FIGURES, *costs)]
    lines = [[title, str(len(points)), *_cells(points, costs)] for title, points in rows.items()]
    real = next(point.quality.baseline for point in every if point.quality)
    figures = [f"{value(real):z.{digits}f}" for _, digits, value in _FIGURES]
    lines.append(["real against real", "", *figures, *[""] * len(costs)])
    text = "\n".join(table(["system", "seeds", *headings], lines))
    return f"{stage.art} at {stage.size} px after {stage.budget(mark)}. {measured_with(results)}\n\n{text}"


def _points(system: str, mark: Mark, results: Sequence[Result]) -> list[Point]:
    """Those of a system at a mark, of all seeds."""
    found = [result.points.get(mark.name) for result in results if result.system == system]
    return [point for point in found if point and point.quality]


def _cells(points: Sequence[Point], costs: Sequence[tuple[str, int, Callable[[Point], float]]]) -> list[str]:
    """Mean and standard deviation of all figures and costs over the seeds."""
    figures = [point.quality for point in points if point.quality]
    cells = [_spread([value(one) for one in figures], digits) for _, digits, value in _FIGURES]
    return cells + [_spread([value(point) for point in points], digits) for _, digits, value in costs]


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
                lines.append(f"- {stage.budget(mark)}, seed {seed}: {_verdict(pair[0][0], pair[1][0])}")
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

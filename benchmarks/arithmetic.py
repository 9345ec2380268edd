"""The arithmetic of a notebook's cells, counted from inside its kernel, and what it would take on a T4."""

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.operators import Recorder

_PEAK = 65e12  # floating-point operations a second of a T4 in half precision, by its data sheet
_SHARE = 0.1  # of the peak that small nets reach, on a T4 as on a CPU
_LAUNCH = 15e-6  # seconds from one operator to the next, as Python hands them to the GPU
SHORT = 0.05  # minutes of a timed training, where what stands beside it is counted
_SIGNS = ("detect().device", "Trainer(", ".cuda(", '"cuda"')


def watch(shell: Any, path: Path) -> None:
    """From the next cell of an IPython shell on, add a line to `path` for each that has run."""
    running: list[Recorder] = []

    def begin(_: Any) -> None:
        running.append(Recorder())
        running[-1].__enter__()

    def end(_: Any) -> None:
        if running:  # the cell that called `watch` ends, but was never begun
            counted = running.pop()
            counted.__exit__(None, None, None)
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps([counted.flops, len(counted.operators)]) + "\n")

    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", end)


@dataclass(frozen=True)
class Measured:
    """One code cell: its text, the seconds it took, and what was counted while it ran."""

    source: str
    seconds: float
    flops: int = 0
    operators: int = 0


def t4_seconds(cell: Measured, cpu_rate: float) -> float:
    """Estimate the seconds of a cell on a T4; `cpu_rate` is what matrix products reach on this CPU."""
    stretch = stretch_of(cell.source)
    if stretch is not None:
        return cell.seconds * stretch
    if cell.flops < _SHARE * cpu_rate * cell.seconds:
        return cell.seconds
    return cell.flops / (_SHARE * _PEAK) + cell.operators * _LAUNCH


def uses_a_gpu(sources: Iterable[str]) -> bool:
    """Tell whether a notebook of these code cells takes a GPU where there is one."""
    return any(sign in source for source in sources for sign in _SIGNS)


def stretch_of(source: str) -> float | None:
    """Compare how long timed trainings last on a GPU and on a CPU; None where the cell has none."""
    limits = [_minutes(limit) for limit in _limits(_parsed(source))]
    return sum(gpu for gpu, _ in limits) / sum(cpu for _, cpu in limits) if limits else None


def shortened(source: str) -> str:
    """Give a cell timed trainings of three seconds, for counting what stands beside them."""
    tree = _parsed(source)
    limits = list(_limits(tree))
    for limit in limits:
        limit.value = ast.Constant(SHORT)
    return ast.unparse(tree) if limits else source


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:  # a line for the shell
        return ast.Module([], [])


def _limits(tree: ast.Module) -> Iterator[ast.keyword]:
    """Every `minutes=` of a call of `fit`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fit":
            yield from (keyword for keyword in node.keywords if keyword.arg == "minutes")


def _minutes(limit: ast.keyword) -> tuple[float, float]:
    """Those on a GPU and those on a CPU, of `60 if on_gpu else 10`; the same where nothing is chosen."""
    value = limit.value
    choices = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value, value)
    gpu, cpu = (float(one.value) if isinstance(one, ast.Constant) else 1.0 for one in choices)  # type: ignore[arg-type]
    return gpu, cpu

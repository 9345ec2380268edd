"""How long a notebook would take on a T4, from what was measured and counted on a CPU."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PEAK = 65e12  # floating-point operations a second of a T4 in half precision, by its data sheet
SHARE = 0.1  # of the peak that small nets reach, on a T4 as on a CPU
LAUNCH = 15e-6  # seconds from one operator to the next, as Python hands them to the GPU

_SHORT = 0.05  # minutes
_SIGNS = ("detect().device", "Trainer(", ".cuda(", '"cuda"')


@dataclass(frozen=True)
class Measured:
    """One code cell: its text, the seconds it took, and what was counted while it ran."""

    source: str
    seconds: float
    flops: int = 0
    operators: int = 0


def t4_seconds(cell: Measured, cpu_rate: float) -> float:
    """Seconds of the cell on a T4; `cpu_rate` is what this CPU does in a second in matrix products."""
    stretch = stretch_of(cell.source)
    if stretch is not None:
        return cell.seconds * stretch
    if cell.flops < SHARE * cpu_rate * cell.seconds:
        return cell.seconds
    return cell.flops / (SHARE * PEAK) + cell.operators * LAUNCH


def uses_a_gpu(sources: Iterable[str]) -> bool:
    """Whether a notebook of these code cells takes a GPU where there is one."""
    return any(sign in source for source in sources for sign in _SIGNS)


def stretch_of(source: str) -> float | None:
    """By how much longer than a CPU's its timed trainings last on a GPU; None where the cell has none."""
    limits = [_minutes(limit) for limit in _limits(_parsed(source))]
    return sum(gpu for gpu, _ in limits) / sum(cpu for _, cpu in limits) if limits else None


def shortened(source: str) -> str:
    """The cell with timed trainings of three seconds, for counting what stands beside them."""
    tree = _parsed(source)
    limits = list(_limits(tree))
    for limit in limits:
        limit.value = ast.Constant(_SHORT)
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

"""All results as one page of Markdown."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.gpu.results import Results
from benchmarks.machine import table

PREDICTED = Path(__file__).with_name("predicted.json")  # by `python -m benchmarks.roofline --json`
_TABLES = {
    "quality": "Learnt in equal seconds at 64 px, from the bundled portraits",
    "canvas": "Learnt in equal seconds at 512 px, from the bundled quilts",
}
_STEPS = ["recipe", "pictures a second", "predicted", "share of matrix products", "memory, GiB"]
_LEARNT = ["recipe", "seconds", "kimg", "half-size KID", "precision, half", "recall, half", "neighbour ratio"]


def report(results: Results, machine: str) -> str:
    """Write the page: what was tested, how fast each step was, and what was learnt."""
    lines = [f"# A GPU in eight minutes\n\n{machine}"]
    for test in results.of("tests").values():
        counts = ", ".join(f"{count} {outcome}" for outcome, count in test["counts"].items())
        end = f"; {test['error']}" if "error" in test else ""
        lines.append(f"Tests marked `gpu`: {counts or 'none'}{end}.")
    predicted = predictions(machine)
    if not predicted:
        lines.append("No data sheet of this device is known to `benchmarks.roofline`: nothing is predicted.")
    lines.append("\n".join(["## Training steps\n", *table(_STEPS, _steps(results, predicted))]))
    lines.append("What is predicted of a compiled step holds where D is compiled as well, penalties and all.")
    layouts = ([name, f"{line['rate']:,.0f}"] for name, line in results.of("layouts").items())
    lines.append("\n".join(["## Layouts\n", *table(["recipe and layout", "pictures a second"], layouts)]))
    for race in results.of("race").values():
        lines.append(f"## The loop of every tutorial\n\n{race['text']}")
    for part, title in _TABLES.items():
        lines.append("\n".join([f"## {title}\n", *table(_LEARNT, _learnt(results.of(part)))]))
    return "\n\n".join(lines) + "\n"


def predictions(machine: str) -> dict[str, list[Any]]:
    """Return pictures a second and what binds them by trial, for the GPU whose name is in `machine`."""
    known = json.loads(PREDICTED.read_text(encoding="utf-8"))
    return next((rates for gpu, rates in known.items() if re.search(rf"\b{gpu}\b", machine)), {})


def _steps(results: Results, predicted: dict[str, list[Any]]) -> Iterator[list[str]]:
    products = {name: line["flops"] for name, line in results.of("products").items()}
    for name, line in results.of("steps").items():
        if "error" in line:
            yield [name, line["error"], "", "", ""]
            continue
        rate, binds = predicted.get(name, (None, ""))
        wanted = f"{rate:,.0f} ({binds})" if rate else ""
        share = line["rate"] * line["flops"] / products[line["precision"]]
        yield [name, f"{line['rate']:,.0f}", wanted, f"{share:.0%}", f"{line['memory'] / 2**30:.2f}"]


def _learnt(lines: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    for name, line in lines.items():
        if "error" in line:
            yield [name, line["error"], "", "", "", "", ""]
            continue
        shares = (f"{line[key]:.2f}" for key in ("precision", "recall", "neighbour_ratio"))
        yield [name, f"{line['seconds']:.0f}", f"{line['kimg']:.0f}", f"{line['kid']:,.0f}", *shares]

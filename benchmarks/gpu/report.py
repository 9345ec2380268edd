"""All results as one page of Markdown."""

from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.results import Results
from benchmarks.machine import table

_TABLES = {
    "quality": "Learnt in equal seconds at 64 px, on the bundled portraits",
    "canvas": "Learnt in equal seconds at 512 px, on the bundled quilts",
}
_STEPS = ["recipe", "pictures a second", "foretold", "share of matrix products", "memory, GiB"]
_LEARNT = ["recipe", "seconds", "kimg", "half-size KID", "precision, half", "recall, half", "neighbour ratio"]


def report(results: Results, machine: str) -> str:
    """Write the page: what was tested, how fast each step was, and what was learnt."""
    lines = [f"# A GPU in eight minutes\n\n{machine}"]
    for test in results.of("tests").values():
        lines.append(f"Tests marked `gpu`: {test['summary']}")
    lines.append("\n".join(["## Training steps\n", *table(_STEPS, _steps(results))]))
    layouts = ([name, f"{line['rate']:,.0f}"] for name, line in results.of("layouts").items())
    lines.append("\n".join(["## Layouts\n", *table(["recipe and layout", "pictures a second"], layouts)]))
    for loops in results.of("loops").values():
        lines.append(f"## The loop of every tutorial\n\n{loops['text']}")
    for part, title in _TABLES.items():
        lines.append("\n".join([f"## {title}\n", *table(_LEARNT, _learnt(results.of(part)))]))
    return "\n\n".join(lines) + "\n"


def _steps(results: Results) -> Iterator[list[str]]:
    foretold = results.of("foretold")
    products = {name: line["flops"] for name, line in results.of("products").items()}
    for name, line in results.of("steps").items():
        if "error" in line:
            yield [name, line["error"], "", "", ""]
            continue
        wanted = foretold.get(name.removesuffix(" compiled"))
        share = line["rate"] * line["flops"] / products[line["precision"]]
        memory = f"{line['memory'] / 2**30:.2f}"
        yield [name, f"{line['rate']:,.0f}", _said(wanted), f"{share:.0%}", memory]


def _said(foretold: dict[str, Any] | None) -> str:
    return f"{foretold['rate']:,.0f} ({foretold['binds']})" if foretold else ""


def _learnt(lines: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    for name, line in lines.items():
        shares = (f"{line[key]:.2f}" for key in ("precision", "recall", "neighbour_ratio"))
        yield [name, f"{line['seconds']:.0f}", f"{line['kimg']:.0f}", f"{line['kid']:,.0f}", *shares]

"""How many minutes each notebook takes: measured on this CPU, estimated for a T4.

`python -m benchmarks.notebooks 02 05` runs these notebooks in full, without a number all of them, each in a
kernel of its own. What they train goes into a temporary folder. The executed pages stay in --out, as .ipynb
and .html, the minutes in benchmarks/minutes.json, where notebooks that are not run keep theirs. With --write
the rounded minutes go into the first cells, and the picture of the cell tagged `cover` into covers/NAME.webp.
Nothing else should be running. It runs on Linux and macOS and takes some forty minutes.

The minutes on a T4 are an estimate, and assume that

- a notebook that never asks for a device, and never trains with `Trainer`, computes on the CPU there, too,
  and that this CPU is as quick as ours;
- a cell that trains for stated minutes, `fit(minutes=4)`, takes as long, and `fit(minutes=60 if on_gpu else
  10)` six times as long as it took here;
- of the other cells, those that the arithmetic keeps busy (they reached a tenth of the rate of large matrix
  products on this CPU) take the arithmetic divided by a tenth of 65 TFLOP/s, and 15 microseconds for every
  operator, which Python hands to the GPU one after the other;
- all other cells take as long as here: downloads, decoding, drawing, other processes.

The arithmetic is counted in a second run, because counting makes small nets up to several times as slow;
timed trainings last three seconds in it. Convolutions and matrix products count, with their backward passes
and those of gradient penalties; what other processes compute does not.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from benchmarks.arithmetic import Measured, shortened, t4_seconds, uses_a_gpu
from benchmarks.machine import describe, matrix_rate, table
from ganlib.errors import GanlibError
from tools.covers import write_cover
from tools.minutes import LEDGER, Entry, Minutes, add_to_ledger, restated, stated
from tools.running import code_cells, execute, keep

_ROOT = Path(__file__).parents[1]
_USER_MISTAKE = 2
_IDLE = 0.5  # processes that want to compute, on average over the last minute
_COLUMNS = ("notebook", "to read", "CPU, stated", "CPU, measured", "T4, stated", "T4, estimated")
_WATCH = """
import sys
sys.path.append({root!r})
from pathlib import Path
from benchmarks.arithmetic import watch
watch(get_ipython(), Path({path!r}))
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the notebooks and print a line for each; exit code 2 for a mistake."""
    options = _parser().parse_args(arguments)
    try:
        paths = _chosen(options.folder, options.numbers)
        print(describe("cpu"), *_busy(os.getloadavg()[0]), "", sep="\n", flush=True)
        with TemporaryDirectory(prefix="notebooks-cache-") as cache:
            for line in table(_COLUMNS, _measure(paths, Path(cache), options)):
                print(line, flush=True)
    except GanlibError as error:
        print(error, file=sys.stderr)
        return _USER_MISTAKE
    return 0


def _busy(load: float) -> list[str]:
    """A warning, if other programs keep this machine busy."""
    if load < _IDLE:
        return []
    return [f"Other programs keep this machine busy (a load of {load:.1f}): all minutes will be too long."]


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.notebooks", description=__doc__, formatter_class=about)
    add = parser.add_argument
    add("numbers", nargs="*", metavar="NUMBER", help="such as 02 or 02_gan_theory (all)")
    add("--out", type=Path, default=Path("runs/notebooks"), help="for the executed pages (runs/notebooks)")
    add("--write", action="store_true", help="put minutes and pictures into the notebooks")
    add("--folder", type=Path, default=_ROOT / "notebooks", help="where they are (those of the course)")
    add("--ledger", type=Path, default=LEDGER, help="the JSON of minutes (benchmarks/minutes.json)")
    return parser


def _chosen(folder: Path, numbers: Sequence[str]) -> list[Path]:
    """The notebooks whose names begin so."""
    paths = sorted(folder.glob("*.ipynb"))
    for number in numbers:
        if not any(path.stem.startswith(number) for path in paths):
            names = ", ".join(path.stem for path in paths) or "none"
            raise GanlibError(f"No notebook is called '{number}...': there are {names}.")
    return [path for path in paths if not numbers or path.stem.startswith(tuple(numbers))]


def _measure(paths: list[Path], cache: Path, options: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    """A row of the table for each notebook, when it is done."""
    told = {path: _said(path) for path in paths}  # before anything runs for minutes
    for path, said in told.items():
        page = _read(path)
        execute(page, path, cache)
        cells = [Measured(cell.source, _seconds(cell)) for cell in code_cells(page)]
        cpu, t4 = minutes_of(path, cells, cache)
        add_to_ledger(options.ledger, path.stem, Entry.of_today(cpu, t4))
        if options.write:
            write_cover(page, path.parent / "covers" / f"{path.stem}.webp")
            kept = _read(path)
            kept.cells[0].source = page.cells[0].source = restated(page.cells[0].source, cpu, t4)
            nbformat.write(kept, path)
        keep(page, path, options.out)
        yield path.stem, f"{said.read:g}", f"{said.cpu:g}", f"{cpu:.2f}", f"{said.t4:g}", f"{t4:.2f}"


def _said(path: Path) -> Minutes:
    try:
        return stated(_read(path).cells[0].source)
    except GanlibError as error:
        raise GanlibError(f"{path.name}: {error}") from error


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def _seconds(cell: nbformat.NotebookNode) -> float:
    names = ("iopub.execute_input", "shell.execute_reply")
    began, ended = (datetime.fromisoformat(cell.metadata.execution[name]) for name in names)
    return (ended - began).total_seconds()


def minutes_of(path: Path, cells: list[Measured], cache: Path) -> tuple[float, float]:
    """Add up the minutes of the cells on this CPU, and estimate those on a T4."""
    cpu = sum(cell.seconds for cell in cells) / 60
    if not uses_a_gpu(cell.source for cell in cells):
        return cpu, cpu
    rate = matrix_rate("cpu", "no")
    return cpu, sum(t4_seconds(cell, rate) for cell in counted(path, cells, cache)) / 60


def counted(path: Path, cells: list[Measured], cache: Path) -> list[Measured]:
    """Count the arithmetic of the cells in a second run, in which timed trainings are short."""
    page = _read(path)
    for cell in code_cells(page):
        cell.source = shortened(cell.source)
    with TemporaryDirectory() as name:
        counts = Path(name) / "counts.jsonl"
        source = _WATCH.format(root=str(_ROOT), path=str(counts))
        page.cells.insert(0, nbformat.v4.new_code_cell(source, id="watch"))
        execute(page, path, cache, "counting")
        lines = counts.read_text(encoding="utf-8").splitlines()
    pairs = zip(cells, lines, strict=True)
    return [Measured(cell.source, cell.seconds, *json.loads(line)) for cell, line in pairs]


if __name__ == "__main__":
    sys.exit(main())

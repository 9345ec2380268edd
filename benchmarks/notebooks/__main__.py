"""How many minutes each notebook takes: measured on this CPU, estimated for a T4.

`python -m benchmarks.notebooks 02 05` runs these notebooks in full, without a number all of them, each in a
kernel of its own. What they train goes into a temporary folder. The executed pages stay in --out, as .ipynb
and .html, the minutes in notebooks/minutes.json, where notebooks that are not run keep theirs. With --write
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
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat

from benchmarks.machine import describe
from benchmarks.notebooks.cover import write_cover
from benchmarks.notebooks.keeping import keep
from benchmarks.notebooks.ledger import Entry, add_to_ledger
from benchmarks.notebooks.running import minutes_of, run
from benchmarks.notebooks.title import Minutes, restated, stated
from ganlib.errors import GanlibError

_FOLDER = Path(__file__).parents[2] / "notebooks"
_USER_MISTAKE = 2
_IDLE = 0.5  # processes that want to compute, on average over the last minute
_COLUMNS = ("notebook", "to read", "CPU, stated", "CPU, measured", "T4, stated", "T4, estimated")
_HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the notebooks and print a line for each; exit code 2 for a mistake."""
    options = _parser().parse_args(arguments)
    try:
        paths = _chosen(options.folder, options.numbers)
        print(describe("cpu"), *_busy(os.getloadavg()[0]), "", _HEAD, sep="\n", flush=True)
        with TemporaryDirectory(prefix="notebooks-cache-") as cache:
            for line in _measure(paths, Path(cache), options):
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
    add("--folder", type=Path, default=_FOLDER, help="where the notebooks are (those of the course)")
    return parser


def _chosen(folder: Path, numbers: Sequence[str]) -> list[Path]:
    """The notebooks whose names begin so."""
    paths = sorted(folder.glob("*.ipynb"))
    for number in numbers:
        if not any(path.stem.startswith(number) for path in paths):
            names = ", ".join(path.stem for path in paths) or "none"
            raise GanlibError(f"No notebook is called '{number}...': there are {names}.")
    return [path for path in paths if not numbers or path.stem.startswith(tuple(numbers))]


def _measure(paths: list[Path], cache: Path, options: argparse.Namespace) -> Iterator[str]:
    """A line of the table for each notebook, when it is done."""
    told = {path: _said(path) for path in paths}  # before anything runs for minutes
    for path, said in told.items():
        page, cells = run(path, cache)
        cpu, t4 = minutes_of(path, cells, cache)
        add_to_ledger(path.parent / "minutes.json", path.stem, Entry.of_today(cpu, t4))
        if options.write:
            write_cover(page, path.parent / "covers" / f"{path.stem}.webp")
            _retitle(path, cpu, t4)
            page.cells[0].source = restated(_title(page), cpu, t4)
        keep(page, path, options.out)
        yield f"| {path.stem} | {said.read:g} | {said.cpu:g} | {cpu:.2f} | {said.t4:g} | {t4:.2f} |"


def _said(path: Path) -> Minutes:
    try:
        return stated(_title(nbformat.read(path, as_version=4)))
    except GanlibError as error:
        raise GanlibError(f"{path.name}: {error}") from error


def _title(page: nbformat.NotebookNode) -> str:
    return page.cells[0].source


def _retitle(path: Path, cpu: float, t4: float) -> None:
    page = nbformat.read(path, as_version=4)
    page.cells[0].source = restated(_title(page), cpu, t4)
    nbformat.write(page, path)


if __name__ == "__main__":
    sys.exit(main())

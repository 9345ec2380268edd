"""Runs a notebook in full, in a kernel of its own, and leaves the checkout as it was."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from benchmarks.matrix import matrix_rate
from benchmarks.notebooks.t4 import Measured, shortened, t4_seconds, uses_a_gpu
from ganlib.errors import GanlibError
from ganlib.runtime.progress import bar

_ROOT = Path(__file__).parents[2]
_WATCH = """
import sys
sys.path.append({root!r})
from pathlib import Path
from benchmarks.notebooks.counter import watch
watch(get_ipython(), Path({path!r}))
"""


@contextmanager
def mirror(folder: Path) -> Iterator[Path]:
    """A folder like that of the notebooks, links to all beside and around it, which disappears at the end.

    A notebook writes into `runs` below the folder it runs in; here that is nobody's.
    """
    with TemporaryDirectory(prefix="notebooks-") as name:
        place = Path(name) / "checkout" / folder.name
        place.mkdir(parents=True)
        _link(folder.parent, place.parent, but={folder.name, "runs"})
        _link(folder, place, but={"runs"})
        yield place


def _link(source: Path, target: Path, but: set[str]) -> None:
    for path in source.iterdir():
        if path.name not in but:
            (target / path.name).symlink_to(path.resolve())


def run(path: Path, cache: Path) -> tuple[nbformat.NotebookNode, list[Measured]]:
    """The executed notebook, and what each of its cells took; `cache` is where prepared pictures are kept.

    Raises:
        GanlibError: a cell failed.
    """
    page = nbformat.read(path, as_version=4)
    _execute(page, path, cache, "running")
    return page, [Measured(cell.source, _seconds(cell)) for cell in code_cells(page)]


def counted(path: Path, cells: list[Measured], cache: Path) -> list[Measured]:
    """The same cells with their arithmetic, counted in a second run, in which timed trainings are short."""
    page = nbformat.read(path, as_version=4)
    for cell in code_cells(page):
        cell.source = shortened(cell.source)
    with TemporaryDirectory() as name:
        counts = Path(name) / "counts.jsonl"
        source = _WATCH.format(root=str(_ROOT), path=str(counts))
        page.cells.insert(0, nbformat.v4.new_code_cell(source, id="watch"))
        _execute(page, path, cache, "counting")
        lines = counts.read_text(encoding="utf-8").splitlines()
    return [
        Measured(cell.source, cell.seconds, *json.loads(line))
        for cell, line in zip(cells, lines, strict=True)
    ]


def minutes_of(path: Path, cells: list[Measured], cache: Path) -> tuple[float, float]:
    """Minutes that the cells took on this CPU, and the estimate for a T4."""
    cpu = sum(cell.seconds for cell in cells) / 60
    if not uses_a_gpu(cell.source for cell in cells):
        return cpu, cpu
    rate = matrix_rate("cpu", "no")
    return cpu, sum(t4_seconds(cell, rate) for cell in counted(path, cells, cache)) / 60


def code_cells(page: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that a kernel is given."""
    return [cell for cell in page.cells if cell.cell_type == "code" and cell.source.strip()]


def _execute(page: nbformat.NotebookNode, path: Path, cache: Path, what: str) -> None:
    with (
        mirror(path.parent) as place,
        bar(f"{what} {path.stem}", "cell", len(code_cells(page))) as progress,
    ):
        client = NotebookClient(
            page,
            timeout=None,
            store_widget_state=False,  # nothing answers in a page without a kernel: their stills are shown
            resources={"metadata": {"path": str(place)}},
            on_cell_executed=lambda **_: progress.update(1),
        )
        try:
            client.execute(env=_environment(cache))
        except CellExecutionError as error:
            raise GanlibError(
                f"A cell of {path.name} stopped with {error.ename}: {error.evalue} Run it to see more."
            ) from error


def _environment(cache: Path) -> dict[str, str]:
    """Ours, but in full length, on the CPU, and with a cache of its own."""
    values = dict(os.environ)
    values.pop("GANLIB_TINY", None)
    return {**values, "CUDA_VISIBLE_DEVICES": "", "XDG_CACHE_HOME": str(cache)}


def _seconds(cell: nbformat.NotebookNode) -> float:
    times = cell.metadata.execution
    began, ended = (
        datetime.fromisoformat(times[name]) for name in ("iopub.execute_input", "shell.execute_reply")
    )
    return (ended - began).total_seconds()

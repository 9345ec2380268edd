"""A notebook's cells, and the names that they define, for tests that compare a lesson with the library."""

import io
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch

from tools.links import local

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def page_at(path: Path) -> Any:
    """The notebook at `path`, its links as they are inside the project, published or not."""
    page = nbformat.read(path, as_version=4)
    for cell in page.cells:
        if cell.cell_type == "markdown":
            cell.source = local(cell.source)
    return page


def cells_of(name: str) -> dict[str, Any]:
    """The cells of the notebook `name`, by id, in their order."""
    return {cell.id: cell for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells}


def names_of(sources: Iterable[str]) -> dict[str, Any]:
    """What is defined after these cells have run, one after the other; what they print is not shown."""
    names: dict[str, Any] = {"__name__": "lesson"}
    with redirect_stdout(io.StringIO()):
        for source in sources:
            exec(source, names)
    return names


def names_in_tiny(sources: Iterable[str]) -> dict[str, Any]:
    """What is defined after these cells have run as short as can be; torch's random state is left alone."""
    random = torch.get_rng_state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_TINY", "1")
        names = names_of(sources)
    torch.set_rng_state(random)
    return names


def said_of(names: dict[str, Any], cells: Mapping[str, str], exercise: str, answer: str) -> str:
    """The last line that the check of an exercise prints about an answer."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        for source in (cells[f"exercise-{exercise}-yours"], answer, cells[f"exercise-{exercise}-check"]):
            exec(source, names)
    return printed.getvalue().splitlines()[-1]

"""The exercises of a notebook: four cells each, which belong together by their ids."""

from dataclasses import dataclass
from typing import Any

from tests.notebooks.lesson import cells_of


@dataclass(frozen=True)
class Exercise:
    """`exercise-NAME` asks, `-yours` is the reader's cell, `-check` judges it, `-solution` is folded."""

    name: str
    asked: str
    yours: str
    check: str
    solution: str

    @property
    def answer(self) -> str:
        """The code of the solution, which stands in the place of the reader's cell."""
        return self.solution.partition("```python\n")[2].partition("```")[0]


def exercises_of(page: str) -> list[Exercise]:
    """The exercises of a notebook, in their order."""
    cells = cells_of(page)
    names = [name.removesuffix("-yours") for name in cells if _is_readers_cell(name)]
    parts = ("", "-yours", "-check", "-solution")
    return [Exercise(name, *(_source(cells, name + part) for part in parts)) for name in names]


def _is_readers_cell(name: str) -> bool:
    return name.startswith("exercise") and name.endswith("-yours")


def _source(cells: dict[str, Any], name: str) -> str:
    assert name in cells, f"there is no cell {name}"
    return cells[name].source

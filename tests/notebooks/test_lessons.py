"""Every notebook twice in one kernel without a network: as it stands, and with its exercises solved."""

import copy
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from traitlets.config import Config

from tests.data.kaggle_stand_in import no_network
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import NOTEBOOKS
from tests.notebooks.minutes import told

AGAIN = "-again"
VIEW = "application/vnd.jupyter.widget-view+json"
PAGES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


@pytest.fixture(scope="module", params=PAGES)
def lesson(request, tmp_path_factory) -> Any:
    """A notebook that has run twice; its exercises were solved in between."""
    page = nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=4)
    start = next(place for place, cell in enumerate(page.cells) if cell.id == "setup") + 1
    again = list(_solved(page.cells, request.param))
    page.cells = [*page.cells[:start], clock("begun"), *page.cells[start:], clock("ended"), *again]
    place = tmp_path_factory.mktemp("cache")
    environment = {**os.environ, "GANLIB_TINY": "1", "OMP_NUM_THREADS": "1", **no_network(place)}
    client = NotebookClient(page, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}})
    client.execute(env=environment)
    page.metadata.title = request.param
    return page


def clock(name):
    """A cell that tells the processor's seconds so far, also those of processes that were started."""
    return nbformat.v4.new_code_cell("import os\nprint(sum(os.times()[:4]))", id=name)


def _solved(cells, name) -> Iterator[Any]:
    answers = {f"{one.name}-yours": one.answer for one in exercises_of(name)}
    for cell in copy.deepcopy(cells):
        cell.source = answers.get(cell.id, cell.source)
        cell.id += AGAIN
        yield cell


def printed(cell) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def code_cells(page):
    return [cell for cell in page.cells if cell.cell_type == "code"]


def test_every_cell_has_run_and_something_was_computed(lesson, record_property):
    cells = code_cells(lesson)
    assert all(cell.execution_count for cell in cells)
    begun, ended = (float(printed(cell)) for cell in cells if cell.id in {"begun", "ended"})
    seconds = ended - begun  # of the processor: other work on the machine changes little in it
    record_property("lesson", told(lesson.metadata.title, lesson.cells[0].source, seconds))
    assert 0.5 < seconds < 60
    assert sum(bool(cell.outputs) for cell in cells) >= len(cells) / 3


def test_an_unsolved_exercise_says_so_and_stops_nothing_and_a_solution_is_right(lesson):
    cells = {cell.id: cell for cell in lesson.cells}
    exercises = exercises_of(lesson.metadata.title)
    assert len(exercises) >= 3
    for exercise in exercises:
        before, after = (printed(cells[f"{exercise.name}-check{again}"]) for again in ("", AGAIN))
        assert before.startswith("Your turn"), before
        assert after.startswith("Right"), f"{exercise.name}: {after}"


def test_every_picture_tells_what_it_shows(lesson):
    pictures = 0
    for cell in code_cells(lesson):
        for output in cell.outputs:
            data = output.get("data", {})
            assert not {"image/png", "image/jpeg", "image/svg+xml"} & set(data), f"{cell.id}: no alt text"
            for tag in re.findall(r"<(?:img|video)\b[^>]*>", str(data.get("text/html", ""))):
                pictures += 1
                described = re.search(r'(?:alt|aria-label)="([^"]*)"', tag)
                assert described, f"{cell.id}: a picture without alt text"
                assert len(described[1]) > 20, f"{cell.id}: {described[1]}"
    assert pictures >= 2


def test_widgets_leave_stills_on_a_page_without_a_kernel(lesson):
    settings = json.loads(
        (NOTEBOOKS.parent / "docs" / "website" / "nbconvert.json").read_text(encoding="utf-8")
    )
    source, _ = HTMLExporter(config=Config(settings)).from_notebook_node(lesson)
    assert VIEW not in source
    for cell in code_cells(lesson):
        for output in cell.outputs:
            data = output.get("data", {})
            assert VIEW not in data or "<img" in data.get("text/html", ""), f"{cell.id}: no still"

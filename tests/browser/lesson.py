"""The lesson that the browser opens, without the cells between its setup and its studio."""

import shutil
from pathlib import Path

import nbformat

from tests.notebooks.lesson import NOTEBOOKS

NAME = "07_latent_space.ipynb"
_KEPT = ("title", "setup", "studio-text", "studio", "next")


def write_lesson(folder: Path) -> Path:
    """Write a short copy of the lesson into a folder, and return its path."""
    page = nbformat.read(NOTEBOOKS / NAME, as_version=4)
    page.cells = [cell for cell in page.cells if cell.id in _KEPT]
    assert [cell.id for cell in page.cells] == list(_KEPT)
    studio = next(cell for cell in page.cells if cell.id == "studio")
    studio.source = 'ganlib.LatentStudio("portraits")'  # the lesson's own takes directions that it has fitted
    cover = Path("covers") / f"{Path(NAME).stem}.webp"
    (folder / cover).parent.mkdir()
    shutil.copyfile(NOTEBOOKS / cover, folder / cover)
    path = folder / NAME
    nbformat.write(page, path)
    return path

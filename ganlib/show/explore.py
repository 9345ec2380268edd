"""The studio as a page of its own: a small notebook, served by Voilà or opened in JupyterLab."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ganlib.errors import GanlibError
from ganlib.files import cache_folder, expand_home, write_atomically
from ganlib.run import load_generator

_OPENERS = ("voila", "jupyterlab")  # the one shows the page at once, the other a cell to run
_TEXT = "# The latent studio\n\nIf there are no sliders below, click into the cell and press Shift+Enter."


def explore(source: str | Path) -> None:
    """Open the studio of a run folder, a weights file or bundled weights in the browser, until it is ended.

    Raises:
        GanlibError: there is no such generator, or neither Voilà nor JupyterLab to open it in.
    """
    load_generator(source)
    opener = find_opener()
    process = subprocess.Popen([sys.executable, "-m", opener, str(studio_notebook(source))])
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # it has come to the opener, too, which may ask before it ends
            continue


def find_opener() -> str:
    """The program that opens notebooks here.

    Raises:
        GanlibError: there is none.
    """
    for program in _OPENERS:
        if find_spec(program):
            return program
    raise GanlibError("The studio opens in JupyterLab: type pip install jupyterlab, and try again.")


def studio_notebook(source: str | Path) -> Path:
    """A notebook in the cache that opens the studio of `source`; what is saved there goes where one is now.

    Raises:
        GanlibError: the cache cannot be written.
    """
    import nbformat

    place = expand_home(source)
    named = str(place.resolve()) if place.exists() else str(source)
    folder = place.resolve() / "studio" if place.is_dir() else Path("studio").resolve()
    code = f"import ganlib\n\nganlib.LatentStudio({named!r}, folder={str(folder)!r})"
    page = nbformat.v4.new_notebook()
    page.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page.cells = [nbformat.v4.new_markdown_cell(_TEXT), nbformat.v4.new_code_cell(code)]
    path = cache_folder() / "studio" / f"{place.stem or 'studio'}.ipynb"
    write_atomically(path, lambda part: part.write_text(nbformat.writes(page), encoding="utf-8"))
    return path

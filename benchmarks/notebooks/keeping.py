"""Keeps an executed notebook, as .ipynb and as one .html file."""

import re
from base64 import b64encode
from copy import deepcopy
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from ganlib.runtime.files import make_folder, write_atomically

_PICTURE = re.compile(r"\]\((covers/[\w.-]+\.webp)\)")


def keep(page: nbformat.NotebookNode, path: Path, out: Path) -> None:
    """Write the executed notebook of `path` below `out`."""
    folder = make_folder(out)
    text = nbformat.writes(page)
    whole = deepcopy(page)
    for cell in whole.cells:
        if cell.cell_type == "markdown":
            cell.source = _PICTURE.sub(lambda found: f"]({_embedded(path.parent / found[1])})", cell.source)
    html, _ = HTMLExporter().from_notebook_node(whole, {"metadata": {"name": path.stem}})
    write_atomically(folder / f"{path.stem}.ipynb", lambda part: part.write_text(text, encoding="utf-8"))
    write_atomically(folder / f"{path.stem}.html", lambda part: part.write_text(html, encoding="utf-8"))


def _embedded(picture: Path) -> str:
    """The picture itself as an address, or its name where there is none yet."""
    if not picture.exists():
        return picture.name
    return f"data:image/webp;base64,{b64encode(picture.read_bytes()).decode()}"

"""Gives a notebook, which is kept without outputs, those of the page that was executed."""

import re
from base64 import b64decode
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from mimetypes import guess_extension
from pathlib import Path

import nbformat
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

from ganlib.errors import GanlibError

_WIDGET = "application/vnd.jupyter.widget-view+json"
_EMBEDDED = re.compile(r'src="data:([\w/+.-]+);base64,([^"]+)"')


def is_current(page: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> bool:
    """Whether the code is still that which was executed, cell by cell and in this order."""
    return list(_code(page)) == list(_code(executed))


def with_outputs(
    page: nbformat.NotebookNode, executed: nbformat.NotebookNode, pictures: Path
) -> nbformat.NotebookNode:
    """The texts of `page` with the outputs of `executed`; embedded pictures become files in `pictures`.

    Of widgets, which are dead without a kernel, their still pictures remain.

    Raises:
        GanlibError: the code has changed since it was executed.
    """
    if not is_current(page, executed):
        raise GanlibError("This page's code has changed since it was executed: execute it once more.")
    tidy, _ = CoalesceStreamsPreprocessor().preprocess(deepcopy(executed), {})
    outputs = {cell.id: cell.outputs for cell in tidy.cells if cell.cell_type == "code"}
    whole = deepcopy(page)
    for cell in whole.cells:
        if cell.cell_type == "code":
            cell.outputs = [_still(output, pictures) for output in outputs[cell.id]]
    return whole


def _code(page: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    return ((cell.id, cell.source) for cell in page.cells if cell.cell_type == "code")


def _still(output: nbformat.NotebookNode, pictures: Path) -> nbformat.NotebookNode:
    data = output.get("data", {})
    data.pop(_WIDGET, None)
    if "text/html" in data:
        html = data["text/html"]
        data["text/html"] = _EMBEDDED.sub(lambda found: _as_file(found[1], found[2], pictures), html)
    return output


def _as_file(mimetype: str, data: str, pictures: Path) -> str:
    """The attribute `src` that names the file, as seen from a page one folder away."""
    content = b64decode(data)
    name = f"{sha256(content).hexdigest()[:16]}{guess_extension(mimetype) or ''}"
    (pictures / name).write_bytes(content)
    return f'src="../{pictures.name}/{name}"'

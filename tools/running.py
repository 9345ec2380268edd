"""Run a notebook in full, in a kernel of its own and beside the checkout, and keep the executed page."""

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from ganlib.errors import GanlibError
from ganlib.runtime.files import make_folder, write_atomically
from ganlib.runtime.progress import bar
from tests.data.kaggle_stand_in import two_small_sets

_PICTURE = re.compile(r"\]\((covers/[\w.-]+\.webp)\)")


def execute(page: nbformat.NotebookNode, path: Path, cache: Path, what: str = "running") -> None:
    """Execute `page`, the notebook of `path`, on the CPU; prepared pictures are kept in `cache`.

    Nothing is downloaded: a stand-in for Kaggle gives out small sets, which anybody may have and show.

    Raises:
        GanlibError: a cell failed.
    """
    cells = code_cells(page)
    with (
        mirror(path.parent) as place,
        TemporaryDirectory() as folder,
        two_small_sets(Path(folder)) as kaggle,
        bar(f"{what} {path.stem}", "cell", len(cells)) as progress,
    ):
        client = NotebookClient(
            page,
            timeout=None,
            store_widget_state=False,  # nothing answers in a page without a kernel: their stills are shown
            resources={"metadata": {"path": str(place)}},
            on_cell_executed=lambda **_: progress.update(1),
        )
        try:
            client.execute(env=_environment(cache, kaggle))
        except CellExecutionError as error:
            raise GanlibError(
                f"A cell of {path.name} stopped with {error.ename}: {error.evalue} Run it to see more."
            ) from error


def code_cells(page: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """List the cells that a kernel is given."""
    return [cell for cell in page.cells if cell.cell_type == "code" and cell.source.strip()]


def _environment(cache: Path, kaggle: dict[str, str]) -> dict[str, str]:
    """Ours, but in full length, on the CPU, and with a cache and a stand-in for Kaggle of its own."""
    values = dict(os.environ)
    values.pop("GANLIB_TINY", None)
    return {**values, **kaggle, "CUDA_VISIBLE_DEVICES": "", "XDG_CACHE_HOME": str(cache)}


@contextmanager
def mirror(folder: Path) -> Iterator[Path]:
    """Make a folder like that of the notebooks, with links to all beside and around it, for a while.

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


def keep(page: nbformat.NotebookNode, path: Path, out: Path) -> None:
    """Write the executed notebook of `path` below `out`, as .ipynb and as one .html file."""
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

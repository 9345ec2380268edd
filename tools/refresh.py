"""Run notebooks and store them as the repository keeps them.

Every output and execution count is dropped but those of cells tagged `nbval-check-output`, which the tests
compare: `python -m tools.refresh notebooks/*.ipynb`, with GANLIB_TINY=1 as in the tests. A code cell that
begins with `# @title` is folded: setup, the checks of exercises, and what a lesson does not teach.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

from tests.data.kaggle_stand_in import two_small_sets

METADATA = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": []},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDED = {
    "cellView": "form",
    "jupyter": {"source_hidden": True},
    "tags": ["hide-input"],
}  # Colab, Lab, website


def refresh(path: Path) -> None:
    """Execute the notebook at `path` in its own folder and write it back, stripped."""
    page = nbformat.read(path, as_version=4)
    client = NotebookClient(page, timeout=600, resources={"metadata": {"path": str(path.parent)}})
    with TemporaryDirectory() as folder, two_small_sets(Path(folder)) as kaggle:
        client.execute(env={**os.environ, **kaggle})
    page, _ = CoalesceStreamsPreprocessor().preprocess(page, {})
    nbformat.write(strip(page), path)


def strip(page: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop from a page what the repository does not keep."""
    for cell in page.cells:
        _strip(cell)
    page.metadata = nbformat.from_dict(METADATA)
    return page


def _strip(cell: nbformat.NotebookNode) -> None:
    tags = cell.metadata.get("tags", [])
    if cell.cell_type == "code" and cell.source.startswith("# @title "):
        cell.metadata = nbformat.from_dict(FOLDED | {"tags": sorted({*tags, *FOLDED["tags"]})})
    else:
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    if cell.cell_type == "code" and "nbval-check-output" not in tags:
        cell.outputs = []
        cell.execution_count = None


def main() -> None:
    """Refresh the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path)
    for path in parser.parse_args().notebooks:
        print(path)
        refresh(path)


if __name__ == "__main__":
    main()

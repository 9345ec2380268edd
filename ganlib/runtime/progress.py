"""Progress bars that suit where they are shown: a terminal, a notebook, or nowhere."""

import multiprocessing
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

from ganlib.errors import plain

_Item = TypeVar("_Item")


def progress(items: Iterable[_Item], what: str, unit: str, total: int) -> Iterable[_Item]:
    """Show a bar that says how many of `total` items are done; none where output goes to a file."""
    return bar(what, unit, total, items)


def bar(what: str, unit: str, total: int, items: Iterable[_Item] | None = None) -> "tqdm[_Item]":
    """Make the bar itself, which is told by `update` how many more are done if it has no `items`."""
    what = plain(what, 60)
    if in_notebook():
        return tqdm(items, desc=what, unit=unit, total=total, file=NotebookLine(), mininterval=0.5)
    return tqdm(items, desc=what, unit=unit, total=total, dynamic_ncols=True, disable=None)


def in_notebook() -> bool:
    """Tell whether a notebook shows the output; of a process it forked, it shows only prints."""
    if sys.modules.get("IPython") is None or multiprocessing.parent_process() is not None:
        return False
    from IPython.core.getipython import get_ipython

    return hasattr(get_ipython(), "kernel")


class NotebookLine:
    """A file that a notebook shows as one line, which changes in place and is stored once."""

    encoding = "utf-8"

    def __init__(self) -> None:
        from IPython.display import display

        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> None:
        """Show `text` in place of what was shown."""
        line = text.strip()
        if line:
            self._handle.update({"text/plain": line}, raw=True)

    def flush(self) -> None:
        """Do nothing: a line is shown when it is written."""

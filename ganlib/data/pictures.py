"""What every source of pictures offers, wherever the files lie: names to list, and bytes to read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol


class Found(NamedTuple):
    """One file that was met: how to read it, or why that is not possible.

    `open` may be called in any thread; it gives an open file or the path of one, and may raise `OSError`.
    """

    path: str
    open: Callable[[], BinaryIO | Path] | None = None
    problem: str = ""


class Pictures(Protocol):
    """Files that may be pictures: a folder, an archive, a data set from a hub.

    `name` is what messages call the source, `place` tells it from every other source on this machine.
    """

    name: str
    place: str

    def fingerprint(self) -> str:
        """Text that changes when a file is added, removed or changed."""

    def __iter__(self) -> Iterator[Found]:
        """Every file, in an order that depends on nothing but the files."""

    def __len__(self) -> int:
        """How many files there are."""

"""A page that shows what became of every file: contact sheet, sizes, and what was refused and why."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganlib.data.manifest import Entry, Manifest
from ganlib.data.prepare import read_prepared
from ganlib.errors import printable
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure, render
from ganlib.show.grids import contact_sheet

_MOST_SHOWN, _MOST_ROWS = 100, 200
_GAP = 3  # px


class _Row(NamedTuple):
    path: str
    remark: str
    thumbnail: Figure | None = None


def report(folder: Path) -> Path:
    """Write `report.html` about the prepared set into its `folder`, and return its path.

    Raises:
        GanlibError: the set is missing or damaged, the disk is full, or the place may not be written.
    """
    images, manifest = read_prepared(folder)  # (N, S, S, 3)
    text = render(
        "report.html",
        name=folder.name,
        manifest=manifest,
        settings=manifest.settings,
        pictures=len(images),
        shown=min(len(images), _MOST_SHOWN),
        sheet=_contact_sheet(images),
        sizes=_short_sides(manifest),
        refused=[_Row(printable(entry.path), entry.reason or "") for entry in _few(manifest.refused())],
        noted=[
            _Row(printable(entry.path), entry.note or "", _thumbnails(images[entry.index]))
            for entry in _few(manifest.noted())
        ],
        repeated=_repeated_rows(manifest, images),
    )
    path = folder / "report.html"
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8", errors="replace"))
    return path


def _contact_sheet(images: np.ndarray) -> Figure | None:
    if not len(images):
        return None
    chosen = np.linspace(0, len(images) - 1, min(len(images), _MOST_SHOWN)).round().astype(int)
    sheet = contact_sheet(list(images[chosen]), 10, _GAP)
    return Figure.from_image(sheet, f"Contact sheet of {len(chosen)} prepared pictures.")


def _short_sides(manifest: Manifest) -> str:
    short = [min(entry.width, entry.height) for entry in manifest.files if entry.width and entry.height]
    return f"{min(short)} to {max(short)} px, median {np.median(short):.0f}" if short else ""


def _few(entries: Iterator[Entry]) -> Iterator[Entry]:
    return islice(entries, _MOST_ROWS)


def _thumbnails(*images: np.ndarray) -> Figure:
    """Encode pictures side by side, without a text of their own: the words beside them say what they are."""
    return Figure.from_image(contact_sheet(images, len(images), _GAP), "", "WEBP", quality=85)


def _repeated_rows(manifest: Manifest, images: np.ndarray) -> list[_Row]:
    places = {entry.path: entry.index for entry in manifest.used()}
    repeated = (entry for entry in manifest.used() if entry.duplicate_of or entry.near_duplicate_of)
    rows = []
    for entry in _few(repeated):
        first = entry.duplicate_of or entry.near_duplicate_of or ""
        remark = f"{'the same as' if entry.duplicate_of else 'nearly'} {printable(first)}"
        pair = _thumbnails(images[entry.index], images[places[first]])
        rows.append(_Row(printable(entry.path), remark, pair))
    return rows

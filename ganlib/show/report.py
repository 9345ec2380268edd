"""A page that shows what became of every file: contact sheet, sizes, and what was refused and why."""

from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ganlib.data.manifest import Manifest
from ganlib.data.opening import open_picture
from ganlib.data.prepare import read_prepared
from ganlib.data.readers import Found, Pictures
from ganlib.errors import printable
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import BLUE, ORANGE, Figure, new_canvas, render
from ganlib.show.grids import THUMBNAIL, contact_sheet
from ganlib.sizes import Size

_MOST_SHOWN, _MOST_ROWS = 100, 200
_GAP = 3  # px
_PAPER = "#fbfaf8"


class _Row(NamedTuple):
    path: str
    remark: str
    thumbnail: Figure | None


def report(folder: Path, pictures: Pictures | None = None) -> Path:
    """Write `report.html` about the prepared set into its `folder`, and return its path.

    `pictures` is where the set was prepared from; without it refused files have no thumbnails.

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
        sizes=_size_histogram(manifest),
        refused=_refused_rows(manifest, pictures),
        noted=_noted_rows(manifest, images),
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


def _size_histogram(manifest: Manifest) -> Figure | None:
    from matplotlib.ticker import MaxNLocator

    short = [min(entry.width, entry.height) for entry in manifest.files if entry.width and entry.height]
    if not short:
        return None
    size = Size.of(manifest.settings.size)
    target = min(size)
    canvas = new_canvas(8.2, 2.6, facecolor=_PAPER)
    axes = canvas.subplots()
    axes.set_xscale("log", base=2)
    axes.hist(short, bins=np.geomspace(min(*short, target) * 0.7, max(*short, target) * 1.45, 41), color=BLUE)
    axes.axvline(target, color=ORANGE, linestyle="--")
    axes.text(target, 1.02, f"prepared: {size} px", color=ORANGE, transform=axes.get_xaxis_transform())
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="short side in pixels", ylabel="files", facecolor=_PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    middle = int(np.median(short))
    alt = f"Histogram of short sides: {min(short)} to {max(short)} pixels, half of them below {middle}."
    return Figure.from_canvas(canvas, alt, dpi=120)


def _refused_rows(manifest: Manifest, pictures: Pictures | None) -> list[_Row]:
    entries = list(islice(manifest.refused(), _MOST_ROWS))
    wanted = {entry.path for entry in entries}
    seen = {found.path: _thumbnail(found) for found in pictures or () if found.path in wanted}
    return [_Row(printable(entry.path), entry.reason or "", seen.get(entry.path)) for entry in entries]


def _thumbnail(found: Found) -> Figure | None:
    """Show what can be seen of a file that was refused, if anything."""
    if found.open is None or found.problem:
        return None
    try:
        with open_picture(found.open(), THUMBNAIL) as picture:
            picture.draft("RGB", (THUMBNAIL, THUMBNAIL))
            return _beside_words(ImageOps.contain(picture.convert("RGB"), (THUMBNAIL, THUMBNAIL)))
    except Exception:  # a damaged file may raise anything, and then there is nothing to see
        return None


def _beside_words(picture: Image.Image) -> Figure:
    """Encode a picture that needs no text of its own: the words beside it say what it is."""
    return Figure.from_image(picture, "", "WEBP", quality=85)


def _noted_rows(manifest: Manifest, images: np.ndarray) -> list[_Row]:
    return [
        _Row(printable(entry.path), entry.note or "", _beside_words(contact_sheet([images[entry.index]], 1)))
        for entry in islice(manifest.noted(), _MOST_ROWS)
    ]


def _repeated_rows(manifest: Manifest, images: np.ndarray) -> list[_Row]:
    places = {entry.path: entry.index for entry in manifest.used()}
    repeated = (entry for entry in manifest.used() if entry.duplicate_of or entry.near_duplicate_of)
    rows = []
    for entry in islice(repeated, _MOST_ROWS):
        first = entry.duplicate_of or entry.near_duplicate_of or ""
        remark = f"{'the same as' if entry.duplicate_of else 'nearly'} {printable(first)}"
        pair = contact_sheet([images[entry.index], images[places[first]]], 2, _GAP)
        rows.append(_Row(printable(entry.path), remark, _beside_words(pair)))
    return rows

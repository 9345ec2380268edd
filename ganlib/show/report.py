"""A page that shows what became of every file: contact sheet, sizes, and what was refused and why."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFile, ImageOps

from ganlib.data.decode import MOST_PIXELS
from ganlib.data.manifest import Entry, Manifest, read_manifest
from ganlib.data.prepare import images_file
from ganlib.data.readers import Found, Pictures
from ganlib.runtime.files import write_atomically
from ganlib.show.figure import Figure

_MOST_SHOWN = 100
_MOST_ROWS = 200
_THUMBNAIL = (96, 96)
_GAP = 3
_STEP = 96 + _GAP
_COLUMNS = 10
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
    from jinja2 import Environment, PackageLoader

    page = Environment(loader=PackageLoader("ganlib.show", "."), autoescape=True, trim_blocks=True)
    manifest = read_manifest(folder)
    images = np.load(images_file(folder), mmap_mode="r")  # (N, S, S, 3)
    text = page.get_template("report.html").render(
        name=folder.name,
        source=manifest.source,
        settings=manifest.settings,
        content_hash=manifest.content_hash,
        pictures=len(images),
        files=len(manifest.files),
        shown=min(len(images), _MOST_SHOWN),
        sheet=_contact_sheet(images),
        sizes=_size_histogram(manifest),
        tally=manifest.tally().most_common(),
        refused=_refused_rows(manifest, pictures),
        refused_total=manifest.tally().total(),
        repeated=_repeated_rows(manifest, images),
        repeated_total=manifest.duplicates() + manifest.near_duplicates(),
    )
    place = folder / "report.html"
    write_atomically(place, lambda part: part.write_text(text, encoding="utf-8", errors="replace"))
    return place


def _contact_sheet(images: np.ndarray) -> Figure | None:
    if not len(images):
        return None
    chosen = np.linspace(0, len(images) - 1, min(len(images), _MOST_SHOWN)).round().astype(int)
    rows = math.ceil(len(chosen) / _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _STEP - _GAP, rows * _STEP - _GAP), _PAPER)
    for place, index in enumerate(chosen):
        tile = Image.fromarray(images[index]).resize(_THUMBNAIL, Image.Resampling.LANCZOS)
        sheet.paste(tile, (place % _COLUMNS * _STEP, place // _COLUMNS * _STEP))
    return Figure.from_image(sheet, f"Contact sheet of {len(chosen)} prepared pictures.")


def _size_histogram(manifest: Manifest) -> Figure | None:
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import MaxNLocator

    sizes = [(entry.width, entry.height) for entry in manifest.files if entry.width and entry.height]
    if not sizes:
        return None
    canvas = Canvas(figsize=(8.2, 2.6), layout="constrained", facecolor=_PAPER)
    axes = canvas.subplots()
    short, target = [min(size) for size in sizes], manifest.settings.size
    low, high = math.log2(min(*short, target)), math.log2(max(*short, target))
    axes.hist(np.log2(short), bins=np.linspace(low - 0.2, high + 0.2, 41).tolist(), color="#3a6ea5")
    axes.axvline(math.log2(target), color="#b3541e", linestyle="--")
    axes.text(
        math.log2(target),
        1.02,
        f"prepared: {target} px",
        color="#b3541e",
        transform=axes.get_xaxis_transform(),
    )
    ticks = np.arange(math.floor(low), math.ceil(high) + 1)
    axes.set_xticks(ticks, [f"{2**tick:.0f}" for tick in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="short side in pixels", ylabel="files", facecolor=_PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = BytesIO()
    canvas.savefig(buffer, format="png", dpi=120)
    middle = int(np.median(short))
    alt = f"Histogram of short sides: {min(short)} to {max(short)} pixels, half of them below {middle}."
    return Figure(buffer.getvalue(), alt)


def _refused_rows(manifest: Manifest, pictures: Pictures | None) -> list[_Row]:
    entries = list(islice(manifest.refused(), _MOST_ROWS))
    files = _files_of(entries, pictures or ())
    return [_Row(entry.path, entry.reason or "", _glimpse(files.get(entry.path))) for entry in entries]


def _files_of(entries: list[Entry], pictures: Iterable[Found]) -> dict[str, Found]:
    wanted = {entry.path for entry in entries}
    return {found.path: found for found in pictures if found.path in wanted}


def _glimpse(found: Found | None) -> Figure | None:
    """What can be seen of a file that was refused, if anything."""
    if found is None or found.open is None or found.problem:
        return None
    try:
        with _half_pictures(), Image.open(found.open()) as picture:
            if math.prod(picture.size) > MOST_PIXELS:
                return None
            picture.draft("RGB", _THUMBNAIL)
            return _encoded(ImageOps.contain(picture.convert("RGB"), _THUMBNAIL))
    except Exception:  # a damaged file may raise anything, and then there is nothing to see
        return None


@contextmanager
def _half_pictures() -> Iterator[None]:
    """Let Pillow show the part of a truncated picture that is there."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _encoded(picture: Image.Image) -> Figure:
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return Figure(buffer.getvalue(), "", "image/jpeg")  # the words beside it say what it is


def _repeated_rows(manifest: Manifest, images: np.ndarray) -> list[_Row]:
    places = {entry.path: entry.index for entry in manifest.used()}
    repeated = (entry for entry in manifest.used() if entry.duplicate_of or entry.near_duplicate_of)
    rows = []
    for entry in islice(repeated, _MOST_ROWS):
        first = entry.duplicate_of or entry.near_duplicate_of or ""
        remark = f"{'the same as' if entry.duplicate_of else 'nearly'} {first}"
        pair = [Image.fromarray(images[place]) for place in (entry.index, places[first])]
        rows.append(_Row(entry.path, remark, _side_by_side(pair)))
    return rows


def _side_by_side(pictures: list[Image.Image]) -> Figure:
    sheet = Image.new("RGB", (len(pictures) * _STEP - _GAP, _THUMBNAIL[1]), _PAPER)
    for place, picture in enumerate(pictures):
        sheet.paste(picture.resize(_THUMBNAIL, Image.Resampling.LANCZOS), (place * _STEP, 0))
    return _encoded(sheet)

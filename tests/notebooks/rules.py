"""What holds for the page of every notebook: each rule returns sentences about what is wrong, or none."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ganlib.errors import GanlibError
from tools.glossary import Word, unlinked_terms
from tools.minutes import Entry, fits, stated

COVER = "cover"
WHOLE_PROGRAM = "program"
SHORTEST_ALT = 20  # characters
WIDEST, LARGEST = 900, 400_000  # px, bytes of a cover
CODE_LINES, TEXT_LINES, COLUMNS = 40, 34, 110
VISIBLE_CODE, WORDS, PREDICTS = 300, 2500, 5
WORDS_A_MINUTE, LINES_A_MINUTE, MINUTES_AN_EXERCISE = 200, 15, 5
_PROSE_ONLY = re.compile(r"<details>.*?</details>|```.*?```|\$\$.*?\$\$", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]*)\)")
_TARGET = re.compile(r"\]\([^)]*\)")
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
_END = "What to try next"


def markdown(page: Any) -> list[Any]:
    return [cell for cell in page.cells if cell.cell_type == "markdown"]


def code(page: Any) -> list[Any]:
    return [cell for cell in page.cells if cell.cell_type == "code"]


def minutes(page: Any, measured: Entry | None) -> list[str]:
    """The first cell says how many minutes, within a factor of two of what was measured and estimated."""
    try:
        said = stated(page.cells[0].source)
    except GanlibError as error:
        return [str(error)]
    if measured is None:
        return ["it was never measured: run `python -m benchmarks.notebooks --write`"]
    pairs = {"two CPU cores": (said.cpu, measured.cpu), "a T4": (said.t4, measured.t4)}
    return [
        f"it says {told:g} minutes on {where}, measured were {found:g}"
        for where, (told, found) in pairs.items()
        if not fits(told, found)
    ]


def cover(page: Any, stem: str, docs: Path) -> list[str]:
    """One cell makes the cover, which stands under the heading, described, and is in the repository."""
    return [
        *_cover_cell(page),
        *_cover_shown(page.cells[0].source, stem),
        *_cover_file(docs / f"{stem}.webp"),
    ]


def _cover_cell(page: Any) -> Iterator[str]:
    count = sum(COVER in cell.metadata.get("tags", []) for cell in code(page))
    if count != 1:
        yield f"{count} code cells have the tag '{COVER}'"


def _cover_shown(title: str, stem: str) -> Iterator[str]:
    wanted = rf"# .+\n+!\[[^\]]{{{SHORTEST_ALT + 1},}}\]\(covers/{re.escape(stem)}\.webp\)\n"
    if not re.match(wanted, title):
        yield f"covers/{stem}.webp does not stand right under the heading, with a description"


def _cover_file(path: Path) -> Iterator[str]:
    if not path.exists():
        yield f"there is no covers/{path.name}"
        return
    with Image.open(path) as picture:
        if picture.width > WIDEST or path.stat().st_size > LARGEST:
            yield f"covers/{path.name} is {picture.width} px wide and has {path.stat().st_size:,} bytes"


def descriptions(page: Any) -> list[str]:
    """Every picture in the text is described."""
    found = [(cell.id, *image) for cell in markdown(page) for image in _IMAGE.findall(cell.source)]
    return [
        f"{name}: {file} is described as '{alt}'" for name, alt, file in found if len(alt) <= SHORTEST_ALT
    ]


def lengths(page: Any) -> list[str]:
    """No open cell is longer than a screen, but the one with a whole program in it."""
    shown = [cell for cell in code(page) if not is_folded(cell) and cell.id != WHOLE_PROGRAM]
    long_code = [cell for cell in shown if len(cell.source.splitlines()) > CODE_LINES]
    long_text = [cell for cell in markdown(page) if lines_shown(cell.source) > TEXT_LINES]
    return [f"{cell.id} has {len(cell.source.splitlines())} lines of code" for cell in long_code] + [
        f"{cell.id} has {lines_shown(cell.source)} lines of text" for cell in long_text
    ]


def lines_shown(source: str) -> int:
    """Lines of 110 characters that a text takes, its solutions folded, its links without addresses."""
    text = _TARGET.sub("", _FOLDED.sub("", source))
    return sum(max(1, math.ceil(len(line) / COLUMNS)) for line in text.splitlines())


def neighbours(page: Any, stem: str, names: Sequence[str]) -> list[str]:
    """The first cell and the end lead to the notebooks before and after."""
    place = names.index(stem)
    near = [names[other] for other in (place - 1, place + 1) if 0 <= other < len(names)]
    texts = [cell.source for cell in markdown(page)]
    begins = [number for number, text in enumerate(texts) if _END in text]
    end = "\n".join(texts[begins[-1] :]) if begins else ""
    return [
        f"{where} does not lead to {name}"
        for where, text in (("the first cell", texts[0]), ("the end", end))
        for name in near
        if f"]({name}.ipynb)" not in text
    ]


def words(page: Any, glossary: list[Word]) -> list[str]:
    """The first use of a word of the glossary is a link to it, and no link leads to nowhere."""
    anchors = {word.anchor for word in glossary}
    used = re.findall(r"glossary\.md#([^)\s]*)", "\n".join(cell.source for cell in markdown(page)))
    lost = [f"glossary.md#{name} leads nowhere" for name in used if name not in anchors]
    bare = [
        f"{page.cells[use.cell].id} uses '{page.cells[use.cell].source[use.start : use.end]}' without a link"
        for use in sorted(unlinked_terms(page, glossary).values())
    ]
    return lost + bare


def is_folded(cell: Any) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def words_read(page: Any) -> int:
    """Words of the text, without formulas, code, and what is folded."""
    return sum(len(_TARGET.sub("]", _PROSE_ONLY.sub("", cell.source)).split()) for cell in markdown(page))


def lines_read(page: Any) -> int:
    """Lines of code that are open, without blank ones."""
    shown = (cell.source for cell in code(page) if not is_folded(cell))
    return sum(bool(line.strip()) for source in shown for line in source.splitlines())


def amount(page: Any) -> list[str]:
    """A lesson is as long as a person takes in, and says truly how long it takes to read."""
    words, lines = words_read(page), lines_read(page)
    predicts = sum(cell.source.count("**Predict") for cell in markdown(page))
    exercises = sum(cell.id.startswith("exercise") and cell.id.endswith("-yours") for cell in code(page))
    reading = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + exercises * MINUTES_AN_EXERCISE
    counted = (
        (words, WORDS, "words"),
        (lines, VISIBLE_CODE, "lines of open code"),
        (predicts, PREDICTS, "Predicts"),
    )
    long = [f"it has {count} {what}, {most} at the most" for count, most, what in counted if count > most]
    said = stated(page.cells[0].source).read
    is_true = abs(said - reading) <= max(1, 0.2 * reading)
    return long + ([] if is_true else [f"it says {said:g} minutes to read, and takes {reading:.0f}"])


def folding(page: Any) -> list[str]:
    """What checks an exercise is folded; what is folded says what it does, and nothing else does."""
    return [
        f"{cell.id} is {'folded' if is_folded(cell) else 'open'}, and begins with '{cell.source[:20]}'"
        for cell in code(page)
        if is_folded(cell) != cell.source.startswith("# @title ")
        or (cell.id.endswith("-check") and not is_folded(cell))
    ]


def terms(page: Any, wanted: Sequence[str], glossary: list[Word]) -> list[str]:
    """Each term is in the glossary, and the lesson leads there."""
    anchors = {word.word: word.anchor for word in glossary}
    text = "\n".join(cell.source for cell in markdown(page))
    return [f"'{term}' is not in the glossary" for term in wanted if term not in anchors] + [
        f"'{term}' is not used, or not linked to the glossary"
        for term in wanted
        if term in anchors and f"](glossary.md#{anchors[term]})" not in text
    ]

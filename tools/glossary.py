"""Link the words of the glossary where a notebook first uses them: `python -m tools.glossary FILES`.

glossary.md has a heading for each word, and below it, where needed, a line `Also: other, forms`; for a word
that may mean something else `<!-- Linked as: these, forms, alone -->` or `<!-- Not in: such, phrases -->`.
Headings, code, formulas, links and folded solutions stay as they are, and a word that is linked already is
not linked again.
"""

import argparse
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nbformat

GLOSSARY = Path(__file__).parents[1] / "notebooks" / "glossary.md"
WIDTH = 120  # columns of a line that was wrapped before
_HIDDEN = "\0"
_SOLUTION = re.compile(r"<details.*?</details>", re.DOTALL)
_NO_PROSE = (
    _SOLUTION,
    re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE),
    re.compile(r"^#{1,6} .*$", re.MULTILINE),
    re.compile(r"^\*\*Minutes:\*\* .*$", re.MULTILINE),
    re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL),
    re.compile(r"\$\$.+?\$\$", re.DOTALL),
    re.compile(r"(?<![\\$])\$(?!\s).+?(?<![\\\s])\$", re.DOTALL),
)
_LINKS = (
    re.compile(r"!?\[(?:[^\[\]]|!?\[[^\]]*\](?:\([^)]*\))?)*\]\([^)]*\)"),
    re.compile(r"<[^>\n]+>"),
    re.compile(r"https?://\S+"),
)
_TO_GLOSSARY = re.compile(r"\]\(glossary\.md#([^)]*)\)")


@dataclass(frozen=True)
class Word:
    """One word of the glossary, the forms in which it is linked, phrases that are not, and the text."""

    word: str
    forms: tuple[str, ...]
    others: tuple[str, ...]
    text: str

    @property
    def anchor(self) -> str:
        """What GitHub makes of the heading."""
        return re.sub(r"[^\w\- ]", "", self.word.lower()).replace(" ", "-")


class Use(NamedTuple):
    """Where a word stands: cell, first character, and the one after the last."""

    cell: int
    start: int
    end: int


def read_glossary(text: str) -> list[Word]:
    """List the entries of a glossary, in their order."""
    return [_entry(part) for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]


def _entry(part: str) -> Word:
    word, _, text = part.partition("\n")
    forms = [word, *_listed("Also", text)]
    return Word(
        word, tuple(_listed("Linked as", text) or forms), tuple(_listed("Not in", text)), text.strip()
    )


def _listed(name: str, text: str) -> list[str]:
    """The words of a line such as `Also: generators, G`, which may be a comment."""
    found = re.search(rf"^(?:<!-- )?{name}: (.+?)\.?(?: -->)?$", text, re.MULTILINE)
    return [form.strip() for form in found[1].split(",")] if found else []


def unlinked_terms(page: nbformat.NotebookNode, glossary: list[Word]) -> dict[str, Use]:
    """Find where each word is first used without a link, and with none before; by word."""
    bare, linked = _bare_uses(page, glossary), _first_links(page)
    anchors = {entry.word: entry.anchor for entry in glossary}
    return {
        word: use for word, use in bare.items() if anchors[word] not in linked or use < linked[anchors[word]]
    }


def _bare_uses(page: nbformat.NotebookNode, glossary: list[Word]) -> dict[str, Use]:
    """The first use of each word outside links, by word."""
    owners = {phrase: "" for entry in glossary for phrase in entry.others}
    owners |= {form: entry.word for entry in glossary for form in entry.forms}
    patterns = {form: re.compile(_pattern(form)) for form in owners}
    any_form = re.compile("|".join(_pattern(form) for form in sorted(owners, key=len, reverse=True)))
    first: dict[str, Use] = {}
    for number, source in _markdown(page):
        for found in any_form.finditer(_hidden(source, (*_NO_PROSE, *_LINKS))):
            form = next(form for form, pattern in patterns.items() if pattern.fullmatch(found[0]))
            first.setdefault(owners[form], Use(number, found.start(), found.end()))
    first.pop("", None)
    return first


def _first_links(page: nbformat.NotebookNode) -> dict[str, Use]:
    """The first link to each entry, by anchor."""
    first: dict[str, Use] = {}
    for number, source in _markdown(page):
        for found in _TO_GLOSSARY.finditer(_hidden(source, _NO_PROSE)):
            first.setdefault(found[1], Use(number, found.start(), found.end()))
    return first


def _pattern(form: str) -> str:
    """The form as a word of its own, in the plural, too; one without capitals may begin a sentence."""
    words = r"\s+".join(re.escape(part) for part in form.split())
    if len(form) > 1 and form == form.lower():
        words = f"[{form[0].upper()}{form[0]}]{words[1:]}"
    if len(form) == 1:  # not those in D(G(z))
        return rf"(?<![\w(-]){words}(?![\w()-])"
    plural = "" if form.endswith("s") else "s?"
    return rf"(?<![\w-]){words}{plural}(?![\w-])"


def _markdown(page: nbformat.NotebookNode) -> Iterator[tuple[int, str]]:
    return ((number, cell.source) for number, cell in enumerate(page.cells) if cell.cell_type == "markdown")


def _hidden(source: str, kinds: tuple[re.Pattern[str], ...]) -> str:
    """The text with all that is of these kinds blotted out, character by character."""
    for kind in kinds:
        source = kind.sub(lambda found: _HIDDEN * len(found[0]), source)
    return source


def link_terms(page: nbformat.NotebookNode, glossary: list[Word]) -> list[str]:
    """Link the first use of every word that is not linked yet, and return the words."""
    anchors = {entry.word: entry.anchor for entry in glossary}
    missing = unlinked_terms(page, glossary)
    for word, use in sorted(missing.items(), key=lambda item: item[1], reverse=True):  # the last one first
        cell = page.cells[use.cell]
        link = f"[{cell.source[use.start : use.end]}](glossary.md#{anchors[word]})"
        before = cell.source
        cell.source = _rewrapped(before, before[: use.start] + link + before[use.end :], use.start)
    return list(missing)


def _rewrapped(before: str, after: str, place: int) -> str:
    """`after`, with the paragraph around `place` wrapped anew if its lines were short and are no longer."""
    start = before.rfind("\n\n", 0, place) + 2 if "\n\n" in before[:place] else 0
    old_end, new_end = (text.find("\n\n", place) for text in (before, after))
    old = before[start : old_end if old_end >= 0 else None]
    new = after[start : new_end if new_end >= 0 else None]
    if max(map(len, old.split("\n"))) > WIDTH or max(map(len, new.split("\n"))) <= WIDTH:
        return after
    return after[:start] + _wrapped(new) + (after[new_end:] if new_end >= 0 else "")


def _wrapped(paragraph: str) -> str:
    """Every item of a paragraph wrapped at WIDTH; as it was where that might change its meaning."""
    items = re.split(r"\n(?=\s*(?:[-*+]|\d+\.) )", paragraph)
    if any(re.search(r"^\s*[|>#]|^\s*```| {2}$|\\$", item, re.MULTILINE) for item in items):
        return paragraph
    return "\n".join(_wrapped_item(item) for item in items)


def _wrapped_item(item: str) -> str:
    mark = re.match(r"\s*(?:(?:[-*+]|\d+\.) )?", item)
    indent = mark[0] if mark else ""
    whole = " ".join(line.strip() for line in item[len(indent) :].split("\n"))
    for kind in (*_NO_PROSE[4:], *_LINKS):
        whole = kind.sub(lambda found: found[0].replace(" ", _HIDDEN), whole)
    lines = textwrap.wrap(
        whole,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )
    if any(re.match(r"\s*(?:[-*+>#|=]|\d+\.)", line) for line in lines[1:]):
        return item
    return "\n".join(lines).replace(_HIDDEN, " ")


def main() -> None:
    """Link the words in the notebooks named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path)
    glossary = read_glossary(GLOSSARY.read_text(encoding="utf-8"))
    for path in parser.parse_args().notebooks:
        page = nbformat.read(path, as_version=4)
        linked = link_terms(page, glossary)
        if linked:
            nbformat.write(page, path)
        print(f"{path}: {', '.join(linked) or 'nothing new'}")


if __name__ == "__main__":
    main()

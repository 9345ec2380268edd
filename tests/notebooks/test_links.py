"""Every link among the files of the project leads to a file that is there, and to a heading in it."""

import re
from pathlib import Path

import nbformat
import pytest

from notebooks.publish import local

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "data/*.md",
        "benchmarks/*.md",
        "notebooks/*.md",
        "notebooks/*.ipynb",
    )
    for path in ROOT.glob(pattern)
)
_TARGET = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`|\$[^$\n]*\$", re.DOTALL)


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(local(cell.source) for cell in cells if cell.cell_type == "markdown")


def anchors_of(path):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    plain = [re.sub(r"\]\([^)]*\)|[`*\[]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_links_lead_to_what_is_there(path):
    lost = []
    for target in _TARGET.findall(_CODE.sub("", text_of(path))):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        if not place.exists() or (anchor and anchor not in anchors_of(place)):
            lost.append(target)
    assert lost == []


def test_there_are_links_to_follow():
    assert len(PAGES) >= 15
    assert sum(len(_TARGET.findall(text_of(path))) for path in PAGES) > 300

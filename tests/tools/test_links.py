"""Every link among the files of the project leads to a file that is there, and to a heading in it."""

from pathlib import Path

import pytest

from tools import links

ROOT = Path(__file__).parents[2]
PAGES = links.pages(ROOT)


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_links_lead_to_what_is_there(path):
    assert links.lost(path) == []


def test_there_are_links_to_follow():
    assert len(PAGES) >= 15
    assert sum(len(links.targets(path)) for path in PAGES) > 200


def test_a_link_that_leads_nowhere_is_lost(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# One `two`")
    page.write_text(
        "# Here\n[a](#here) [b](other.md#one-two) `[c](code.md)` [d](https://away.org)\n"
        "[e](gone.md) [f](other.md#three) [g](#there)"
    )
    assert links.lost(page) == ["gone.md", "other.md#three", "#there"]

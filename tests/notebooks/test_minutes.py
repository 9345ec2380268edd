"""The table of minutes under the test run: what a line says, and that it is printed under its heading."""

from pathlib import Path

import pytest

from tests.notebooks import minutes
from tools.minutes import Entry, add_to_ledger

ROOT = Path(__file__).parents[2]
TITLE = "# 02\n\n**Minutes:** 25 to read, 4 to run on two CPU cores, 0.5 on a T4 (estimated).\n"


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    monkeypatch.setattr(minutes, "LEDGER", tmp_path / "minutes.json")
    entry = Entry(3.61, 0.84, "cpu: a processor, 2 cores; 2 threads", "2026-01-01", "3.11", "2.6")
    add_to_ledger(tmp_path / "minutes.json", "02_page", entry)


def test_a_line_says_what_took_how_long_and_where(ledger):
    said = " ".join(minutes.told("02_page", TITLE, 12.34).split())
    assert said == "02_page 12.3 s 4, 0.5 min 3.6, 0.8 min cpu: a processor, 2 cores; 2 threads, 2026-01-01"
    assert " ".join(minutes.told("03_page", "# 03", 1).split()) == "03_page 1.0 s nothing never"


def test_the_lines_stand_sorted_under_their_heading(ledger, pytester):
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makepyfile(
        'import pytest\n@pytest.mark.parametrize("line", ["02 b", "01 a"])\n'
        'def test_it(line, record_property):\n    record_property("lesson", line)'
    )
    lines = pytester.runpytest("-p", "no:cacheprovider").outlines
    heading = next(number for number, line in enumerate(lines) if line.startswith("notebook "))
    assert "= notebooks =" in "".join(lines[heading - 2 : heading])
    assert lines[heading + 1 : heading + 3] == ["01 a", "02 b"]


def test_the_columns_stand_under_their_headings(ledger):
    heading = next(
        line for line in (ROOT / "conftest.py").read_text().splitlines() if line.startswith("LESSONS")
    )
    heading = heading.partition('"')[2].rstrip('"')
    line = minutes.told("02_page", TITLE, 12.34)
    for column, end in (
        ("this test", "12.3 s"),
        ("stated: CPU, T4", "0.5 min"),
        ("measured: CPU, T4", "0.8 min"),
    ):
        assert heading.index(column) + len(column) == line.index(end) + len(end)
    assert heading.index("where") == line.index("cpu:")

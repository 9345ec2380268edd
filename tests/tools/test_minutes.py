"""The minutes of a notebook: read from its first cell, rounded, judged and kept."""

from dataclasses import replace

import pytest
import torch

from ganlib.errors import GanlibError
from tools.minutes import Entry, Minutes, add_to_ledger, fits, read_ledger, restated, rounded, stated

TITLE = """# 01 A page

**Minutes:** 25 to read, 8 to run on two CPU cores, 1 on a T4 (estimated).

Next: nothing."""


def test_the_minutes_are_read_and_written():
    assert stated(TITLE) == Minutes(25, 8, 1)
    assert stated(restated(TITLE, 11.2, 0.1)) == Minutes(25, 12, 0.5)
    assert str(Minutes(25, 1, 1)).endswith("25 to read, 1 to run on two CPU cores, 1 on a T4 (estimated).")
    for wrong in ("", TITLE.replace("(estimated)", ""), TITLE + TITLE, TITLE.replace("two", "2")):
        with pytest.raises(GanlibError, match="lines of minutes"):
            stated(wrong)


def test_minutes_are_rounded_as_one_says_them():
    wanted = {
        0.01: 0.5,
        0.6: 0.5,
        0.8: 1,
        1.3: 1.5,
        2.4: 2,
        7.4: 7,
        11.1: 12,
        13.6: 15,
        34: 30,
        66: 60,
        1000: 240,
    }
    assert {measured: rounded(measured) for measured in wanted} == wanted
    assert all(fits(rounded(minutes / 10), minutes / 10) for minutes in range(4000))


@pytest.mark.parametrize(
    ("said", "measured", "good"),
    [
        (1, 1, True),
        (2, 1, True),
        (2.1, 1, False),
        (1, 2, True),
        (1, 2.1, False),
        (0.5, 0.01, True),
        (1, 0.01, True),
        (1.5, 0.01, False),
        (0, 0.01, False),
        (0.2, 0.2, False),
    ],
)
def test_a_factor_of_two(said, measured, good):
    assert fits(said, measured) is good


def test_the_ledger_keeps_what_was_not_measured_again(tmp_path):
    path = tmp_path / "minutes.json"
    assert read_ledger(path) == {}
    old = Entry(1.5, 0.5, "a machine", "2026-01-01", "3.11", "2.6")
    add_to_ledger(path, "02", old)
    new = Entry.of_today(3.14159, 2)
    add_to_ledger(path, "01", new)
    assert list(read_ledger(path).items()) == [("01", new), ("02", old)]
    assert (new.cpu, new.torch) == (3.14, torch.__version__)
    add_to_ledger(path, "02", replace(old, cpu=9))
    assert read_ledger(path)["02"].cpu == 9

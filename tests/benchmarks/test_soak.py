"""The soak notices what grows, what is left open, and what differs after a kill."""

import subprocess
import sys
import tempfile

import numpy as np
import pytest

from benchmarks.soak import Meter

_KILLED = """
import sys
from pathlib import Path
from benchmarks import soak
if sys.argv[2] == "careless":
    soak.contents = lambda out: {out.name: ""}
print(soak.killed(2, Path(sys.argv[1])))
"""


def taken(work):
    """Whether all is flat if `work` is done between a tenth and the end."""
    meter = Meter("work", 20)
    for done in range(1, 21):
        kept = work() if done == 10 else None
        meter(done)
        meter.kept = kept or getattr(meter, "kept", None)
    row, is_flat = meter.result()
    assert row[0] == "work"
    return is_flat


def test_what_does_nothing_is_flat():
    assert taken(lambda: None)


def test_memory_that_is_kept_is_noticed():
    assert not taken(lambda: [np.ones(200_000_000, np.uint8)])


def test_a_file_that_is_left_open_is_noticed():
    assert not taken(tempfile.TemporaryFile)


@pytest.mark.parametrize(("way", "differing"), [("as it is", 0), ("careless", 2)])
def test_sets_are_compared_after_a_kill(tmp_path, way, differing):
    command = [sys.executable, "-c", _KILLED, str(tmp_path), way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(differing)]

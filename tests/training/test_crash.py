"""A run that is killed, or meets a full disk, at thirty moments, some of them while a file is written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganlib.run import Run
from ganlib.weights import load_generator
from tests.training.crash import PROCESSES

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks processes")


def crash(folder, mode):
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings.pop("GANLIB_TINY", None)
    command = [sys.executable, "-m", "tests.training.crash", str(folder), mode]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def without_time(run):
    return [{k: v for k, v in row.items() if "second" not in k} for row in run.log()]


def check_that_nothing_is_lost(folder, found):
    """Every process begins where the last save was; the end equals that of a run that was never disturbed."""
    *disturbed, last = found["parts"]
    saved = 0
    for process in found["parts"]:
        assert process["begins"] >= saved
        assert process["begins"] <= saved + 1  # renamed already, but not yet reported
        saved = process.get("saved", process["begins"])
    assert len(disturbed) == PROCESSES
    assert last["state"] == found["whole"]["state"]
    whole, parts = Run(folder / "whole"), Run(folder / "parts")
    assert len(parts.log()) == 2
    assert without_time(parts) == without_time(whole)
    assert [sample.name for sample in parts.samples()] == [sample.name for sample in whole.samples()]
    assert [s.read_bytes() for s in parts.samples()] == [s.read_bytes() for s in whole.samples()]
    ours, theirs = (load_generator(run.folder)[0].state_dict() for run in (parts, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    names = {path.relative_to(parts.folder) for path in parts.folder.rglob("*")}
    assert names == {
        path.relative_to(whole.folder) for path in whole.folder.rglob("*")
    }  # nothing half-written


def test_a_run_killed_at_thirty_moments_ends_with_the_same_bits(tmp_path):
    found = crash(tmp_path, "kill")
    assert {process["signal"] for process in found["parts"][:-1]} == {9}
    check_that_nothing_is_lost(tmp_path, found)


def test_a_run_that_meets_a_full_disk_thirty_times_ends_with_the_same_bits(tmp_path):
    found = crash(tmp_path, "full")
    for process in found["parts"][:-1]:
        assert process["signal"] == 0
        assert "The disk is full" in process["error"]
    check_that_nothing_is_lost(tmp_path, found)

"""The eight minutes on a GPU, rehearsed: on a machine that lacks much, cut short, and resumed."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import steps, training
from benchmarks.gpu.report import report
from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import PRETENDED, REAL
from ganlib.recipes import recipe_names

ROOT = Path(__file__).parents[2]
LACKS = "datasets hypothesis imageio IPython ipywidgets jupyterlab kagglehub matplotlib nbval onnx playwright"
BARE = f"""
import sys
from importlib.machinery import PathFinder

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        lacks = name.partition(".")[0] in {LACKS.split()!r}
        return None if lacks else PathFinder.find_spec(name, path, target)

sys.meta_path = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """The whole command, as on a machine that has none of what only notebooks, plots and tests need."""
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "sitecustomize.py").write_text(BARE)
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(folder / "out"), "--pretend"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    return folder / "out", done


def test_all_parts_are_done_and_stand_in_one_page(rehearsal):
    folder, done = rehearsal
    said = (folder / "said.txt").read_text()
    assert done.returncode == 0, said
    assert "ended after its time" not in done.stdout
    results = Results(folder)
    measured = results.of("steps")
    assert {f"{name} bf16" for name in recipe_names()} < measured.keys()
    assert "portraits64-cpu bf16 compiled" in measured
    assert not [line["error"] for line in measured.values() if "error" in line]
    assert all(line["rate"] > 0 for line in measured.values())
    assert results.of("foretold").keys() < measured.keys()
    assert results.of("quality").keys() == {one.name for one in training.of_quality()}
    assert results.of("canvas").keys() == {one.name for one in training.of_canvas()}
    page = (folder / "report.md").read_text()
    assert page in done.stdout
    assert re.search(r"Tests marked `gpu`: (1\d passed|1\d skipped), \d+ deselected", page)
    assert "In memory ganlib makes" in page


def test_what_comes_back_is_few_and_small(rehearsal):
    folder, _ = rehearsal
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) <= 8
    assert sum(path.stat().st_size for path in files) < 16e6
    for part, count in (("quality", 5), ("canvas", 2)):
        with Image.open(folder / f"{part}.png") as picture:
            assert picture.width > 200 * count
            assert len(picture.convert("RGB").getcolors(picture.width * picture.height)) > 100


def test_it_goes_on_where_it_stood_and_measures_nothing_twice(tmp_path, monkeypatch):
    trials = list(steps.trials(PRETENDED))[:3]
    taken = []
    monkeypatch.setattr(steps, "trials", lambda _: iter(trials))
    monkeypatch.setattr(steps, "_measured", lambda trial, _: taken.append(trial.name) or {"rate": 1.0})
    for ends in (0, time.monotonic() + 60, time.monotonic() + 60):
        steps.measure(PRETENDED, Results(tmp_path), ends)
    assert taken == [trial.name for trial in trials]
    assert [json.loads(line)["part"] for line in (tmp_path / "results.jsonl").open()].count("steps") == 3


def test_what_fails_is_written_down_and_the_others_are_measured(tmp_path, monkeypatch):
    trials = list(steps.trials(PRETENDED))[:2]

    def measured(trial, _):
        if trial is trials[0]:
            raise RuntimeError("CUDA error: no kernel image\nand more")
        return {"rate": 5.0, "flops": 10, "precision": "bf16", "memory": 2**30}

    monkeypatch.setattr(steps, "trials", lambda _: iter(trials))
    monkeypatch.setattr(steps, "_measured", measured)
    results = Results(tmp_path)
    steps.measure(PRETENDED, results, time.monotonic() + 60)
    results.add("foretold", trials[1].name, rate=2000.0, binds="memory")
    results.add("products", "bf16", flops=100.0)
    page = report(results, "a machine")
    assert f"| {trials[0].name} | CUDA error: no kernel image |" in page
    assert f"| {trials[1].name} | 5 | 2,000 (memory) | 50% | 1.00 |" in page


def test_a_part_that_takes_too_long_is_ended_and_the_rest_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "_PARTS", {"tests": 1})
    monkeypatch.setattr(program, "_SECONDS", {"tests": 0.1, "foretold": 0.1, "report": 0.1})
    monkeypatch.setattr(program, "_GRACE", 0)
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(program, "_started", lambda *_: subprocess.Popen(sleeper))
    (tmp_path / "report.md").write_text("what there is")
    assert program.main(["--out", str(tmp_path)]) != 0
    assert capsys.readouterr().out.endswith("report was ended after its time\nwhat there is\n")


def test_the_minutes_are_eight_and_each_part_knows_its_own():
    assert REAL.limits == program._PARTS
    assert sum(REAL.limits.values()) == 8 * 60


def test_no_training_outlasts_its_share(tmp_path, monkeypatch):
    taken = []

    def trained(recipe, _, seconds):
        taken.append(seconds)
        return {"kimg": 1.0}, Image.new("RGB", (32, 32))

    monkeypatch.setattr(training, "_trained", trained)
    both, scale = training.of_canvas(), replace(REAL, training=1000)
    training.measure("canvas", both, scale, Results(tmp_path), tmp_path, time.monotonic() + 100)
    assert taken == pytest.approx([40, 80], abs=2)  # the second has the time that the first did not take

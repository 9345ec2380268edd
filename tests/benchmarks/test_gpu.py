"""The eight minutes on a GPU, rehearsed: on a machine that lacks much, cut short, and resumed."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import steps, training
from benchmarks.gpu.report import predictions, report
from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import PRETENDED, real
from benchmarks.roofline import GPUS, predicted
from ganlib.recipes import Recipe, recipe_names

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
    said = (folder / "log.txt").read_text()
    assert done.returncode == 0, done.stdout + said
    assert "ended after its time" not in done.stdout
    results = Results(folder)
    measured = results.of("steps")
    assert {*recipe_names(), "portraits64-cpu, compiled", "modern64, fp32"} < measured.keys()
    assert not [line["error"] for line in measured.values() if "error" in line]
    assert all(line["rate"] > 0 for line in measured.values())
    assert results.of("quality").keys() == {one.name for one in training.of_quality()}
    assert results.of("canvas").keys() == {one.name for one in training.of_canvas()}
    page = (folder / "report.md").read_text()
    assert page in done.stdout
    assert re.search(r"Tests marked `gpu`: [12]\d (passed|skipped)\.", page)
    assert "| modern64-cpu bf16, channels last |" in page
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


def soon():
    return time.time() + 60


def test_it_goes_on_where_it_stood_and_measures_nothing_twice(tmp_path, monkeypatch):
    trials = list(steps.trials(PRETENDED))[:3]
    taken = []
    monkeypatch.setattr(steps, "trials", lambda _: iter(trials))
    monkeypatch.setattr(steps, "_measured", lambda trial, _: taken.append(trial.name) or {"rate": 1.0})
    for ends in (0, soon(), soon()):
        steps.measure(PRETENDED, Results(tmp_path), ends)
        with (tmp_path / "results.jsonl").open("a") as file:
            file.write('\n{"part": "steps", "name": "cut o')  # as a process leaves it that is ended
    assert taken == [trial.name for trial in trials]
    assert Results(tmp_path).of("steps").keys() == {*taken}


def test_what_fails_is_written_down_measured_again_and_keeps_no_other_from_it(tmp_path, monkeypatch):
    trials = list(steps.trials(PRETENDED))[:3]
    broken = ["CUDA error: no kernel image\nand more", "out of memory"]

    def measured(trial, _):
        if trial is trials[0] and broken:
            raise RuntimeError(broken.pop())
        return {"rate": 5.0, "flops": 10, "precision": "bf16", "memory": 2**30}

    monkeypatch.setattr(steps, "trials", lambda _: iter(trials))
    monkeypatch.setattr(steps, "_measured", measured)
    results = Results(tmp_path)
    results.add("products", "bf16", flops=100.0)
    results.add("products", "fp32", flops=50.0)
    steps.measure(PRETENDED, results, soon())
    page = report(results, "NVIDIA T4, a machine")
    assert f"| {trials[0].name} | out of memory |" in page
    rate, binds = predictions("T4")[trials[1].name]
    assert f"| {trials[1].name} | 5 | {rate:,.0f} ({binds}) | 50% | 1.00 |" in page
    steps.measure(PRETENDED, results, soon())
    assert results.of("steps")[trials[0].name]["error"] == "CUDA error: no kernel image"
    steps.measure(PRETENDED, results, soon())
    assert "error" not in results.of("steps")[trials[0].name]


def test_a_part_that_takes_too_long_is_ended_with_all_that_it_has_started(tmp_path, monkeypatch, capsys):
    code = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid); time.sleep(60)"

    def started(part, ends, options, environment, log):
        command = [sys.executable, "-uc", code if part == "tests" else "raise SystemExit('no page')"]
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    monkeypatch.setattr(program, "_PARTS", {"tests": 2})
    monkeypatch.setattr(program, "_GRACE", 0)
    monkeypatch.setattr(program, "_started", started)
    assert program.main(["--out", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "tests was ended after its time" in said
    assert said.endswith("no page\n")  # why there is none
    child = int((tmp_path / "log.txt").read_text().split()[0])
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=10)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_all_of_it_fits_into_eight_minutes():
    assert sum(program._PARTS.values()) + program._LAST <= program._IN_ALL == 8 * 60
    for part, contestants in (("quality", training.of_quality()), ("canvas", training.of_canvas())):
        one = real("bf16").training[part] + training._MEASURING
        assert len(contestants) * one < program._PARTS[part]


def test_trainings_take_the_same_seconds_or_are_left_out(tmp_path, monkeypatch):
    taken = []

    def trained(recipe, _, seconds):
        taken.append(seconds)
        return {"kimg": 1.0}, Image.new("RGB", (32, 32))

    monkeypatch.setattr(training, "_trained", trained)
    scale = replace(PRETENDED, training={"canvas": 40})
    for left in (30, 100):
        training.measure(
            "canvas", training.of_canvas(), scale, Results(tmp_path), tmp_path, time.time() + left
        )
    assert taken == [40, 40]


def test_no_batch_of_a_measured_step_is_shorter_than_the_others():
    for size in (8, 64, 256):
        recipe = Recipe("", size=32, batch_size=size)
        assert len(steps.whole_batches(recipe).train) == 2 * size


def test_a_gpu_of_its_own_precision_is_asked_for_what_it_can():
    assert real("bf16").precisions == ("bf16", "fp16", "fp32")
    assert real("fp16").precisions == ("fp16", "fp32")


@pytest.mark.parametrize("name", ["portraits64", "modern64-wide"])
def test_predictions_are_those_of_today(name):
    (trial,) = [trial for trial in steps.trials(real("bf16")) if trial.name == name]
    for gpu, rates in predicted([trial]).items():
        assert predictions(f"NVIDIA {gpu}")[name] == [pytest.approx(rates[name][0], rel=0.02), rates[name][1]]
    assert predictions("NVIDIA L40S") == {}


def test_all_that_is_measured_in_half_precision_is_predicted():
    wanted = [trial.name for trial in steps.trials(real("bf16")) if trial.precision == "bf16"]
    assert all(list(predictions(gpu.name)) == wanted for gpu in GPUS)

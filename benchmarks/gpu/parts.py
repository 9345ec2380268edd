"""What the process of one part does."""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import throughput
from benchmarks.gpu import steps, training
from benchmarks.gpu.report import report
from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import PRETENDED, REAL, Scale
from benchmarks.machine import describe
from benchmarks.roofline import GPUS, Recording
from ganlib.recipes import Recipe
from ganlib.runtime.device import detect

_ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"^(@|    )pytest\.mark\.gpu\b", re.MULTILINE)


def do(part: str, folder: Path, pretends: bool) -> int:
    """Do one part, and return its exit code."""
    scale, results = PRETENDED if pretends else REAL, Results(folder)
    ends = time.monotonic() + scale.limits.get(part, 0)
    if part == "tests":
        return _test(results, scale.limits[part])
    if part == "foretold":
        _foretell(scale, results)
    elif part == "steps":
        steps.measure(scale, results, ends)
        steps.compare_layouts(scale, results)
    elif part == "loops":
        _race(scale, results)
    elif part == "quality":
        training.measure(part, training.of_quality(), scale, results, folder, ends)
    elif part == "canvas":
        training.measure(part, training.of_canvas(), scale, results, folder, ends)
    else:
        (folder / "report.md").write_text(report(results, describe(scale.device)), encoding="utf-8")
    return 0


def _test(results: Results, seconds: int) -> int:
    """Run the files with tests marked `gpu`, by pytest and nothing of what else the project tests with."""
    files = [path for path in (_ROOT / "tests").rglob("test_*.py") if _MARK.search(path.read_text("utf-8"))]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-m", "gpu", "-q", "-p", "no:cacheprovider"]
    tested = subprocess.run(
        [*command, *map(str, files)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    print(tested.stdout, tested.stderr)
    results.add("tests", "gpu", summary=(tested.stdout.strip().splitlines() or ["none"])[-1])
    return tested.returncode


def _foretell(scale: Scale, results: Results) -> None:
    """Count what each trial should reach on this GPU, if its data sheet is known; in a rehearsal on a T4."""
    name = "T4" if scale.shrinks else detect().name
    gpu = next((gpu for gpu in GPUS if gpu.name in name), None)
    if gpu is None:
        return

    @cache
    def recorded(recipe: Recipe) -> Recording:
        return Recording(recipe)

    for trial in steps.trials(scale):
        if trial.precision == scale.precisions[0] and not results.has("foretold", trial.name):
            recording = recorded(replace(trial.recipe, batch_size=16))
            rate, binds = recording.rate(gpu, trial.recipe.batch_size)
            results.add("foretold", trial.name, rate=rate, binds=binds)


def _race(scale: Scale, results: Results) -> None:
    """Let the tutorial's loop and ganlib's train on the same JPEGs, and in memory."""
    if results.has("loops", "race"):
        return
    race = throughput.Race(scale.raced, scale.device, scale.precisions[0], scale.epochs)
    with TemporaryDirectory() as place:
        folder = Path(place) / "jpegs"
        throughput.make_jpegs(folder, scale.jpegs)
        rates = throughput.measure(folder, race, rounds=1)
    results.add("loops", "race", text=throughput.report(race, rates))

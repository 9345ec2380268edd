"""What the process of one part does."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import throughput
from benchmarks.gpu import steps, training
from benchmarks.gpu.report import report
from benchmarks.gpu.results import Results
from benchmarks.gpu.scale import PRETENDED, Scale, real
from benchmarks.machine import describe

_ROOT = Path(__file__).parents[2]
_MARK = re.compile(r"^(@|    )pytest\.mark\.gpu\b", re.MULTILINE)
_LAST = "test_compilation.py"  # which takes longest
_OUTCOME = re.compile(r"^tests.*?::(.*?) (PASSED|FAILED|ERROR|SKIPPED)", re.MULTILINE)


def run_part(part: str, folder: Path, pretends: bool, ends: float) -> int:
    """Do one part until `time.time()` says `ends`, and return its exit code."""
    scale, results = (PRETENDED if pretends else real()), Results(folder)
    if part == "tests":
        return _test(results, folder / "tests.txt", ends)
    if part == "steps":
        steps.measure(scale, results, ends)
    elif part == "loops":
        _race(scale, results)
    elif part == "quality":
        training.measure(part, training.of_quality(), scale, results, folder, ends)
    elif part == "canvas":
        training.measure(part, training.of_canvas(), scale, results, folder, ends)
    else:
        (folder / "report.md").write_text(report(results, describe(scale.device)), encoding="utf-8")
    return 0


def _test(results: Results, output: Path, ends: float) -> int:
    """Run the files with tests marked `gpu`, by pytest and nothing of what else the project tests with."""
    if results.has("tests", "gpu"):
        return 0
    files = [path for path in (_ROOT / "tests").rglob("test_*.py") if _MARK.search(path.read_text("utf-8"))]
    files.sort(key=lambda path: (path.name == _LAST, path))
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-m", "gpu", "-v", "-p", "no:cacheprovider"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with output.open("wb") as file:
        tested = subprocess.Popen(
            [*command, *map(str, files)], cwd=_ROOT, env=environment, stdout=file, stderr=file
        )
        try:
            code = tested.wait(max(1, ends - time.time()))
        except subprocess.TimeoutExpired:
            tested.kill()
            code = tested.wait()
    outcomes = [outcome for _, outcome in _OUTCOME.findall(output.read_text(encoding="utf-8"))]
    counts = {outcome.lower(): outcomes.count(outcome) for outcome in sorted(set(outcomes))}
    unfinished = {} if code >= 0 else {"error": "stopped before the end"}
    results.add("tests", "gpu", counts=counts, code=code, **unfinished)
    return code


def _race(scale: Scale, results: Results) -> None:
    """Let the tutorial's loop and ganlib's train on the same JPEGs, and in memory."""
    race = throughput.Race(scale.raced, scale.device, scale.precisions[0], scale.epochs)
    folder = Path(tempfile.gettempdir()) / f"ganlib-{scale.jpegs}-jpegs" / "jpegs"
    if not folder.exists():
        throughput.make_jpegs(folder, scale.jpegs)
    for loop in throughput.LOOPS:
        if not results.has("loops", loop):
            results.add("loops", loop, **throughput.measure(folder, race, 1, (loop,)))
    if not results.has("race", "text"):
        rates = {loop: line[loop] for loop, line in results.of("loops").items()}
        results.add("race", "text", text=throughput.report(race, rates))

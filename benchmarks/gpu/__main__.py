"""Measure a GPU with one command, in at most eight minutes.

  python -m benchmarks.gpu --out FOLDER            on a machine with a GPU
  python -m benchmarks.gpu --out FOLDER --pretend  the same, as small as can be, on a CPU

It wants Python with torch, torchvision, accelerate, safetensors, numpy, pillow and tqdm, and no network: what
else it needs it takes from the wheels in build/wheels, which `make gpu-wheels` fetches for Python 3.12 on
Linux; take that folder along. The parts, the most valuable first, each in a process of its own:

  tests    60 s  the tests marked `gpu`
  steps   150 s  pictures a second of every recipe in half precision, both layouts, compiled as CUDA graphs,
                 wider nets in larger batches, other precisions; beside what `benchmarks.roofline` predicts
  loops    60 s  the loop of every tutorial against ganlib's, from 512 JPEGs and in memory
  quality 150 s  how far five recipes come with the portraits in equal seconds
  canvas   50 s  how far the recipes for 512 px come with the quilts

Every result is written at once. The same command goes on where it was stopped, and measures nothing twice.
FOLDER then holds report.md, results.jsonl, quality.png, canvas.png, tests.txt, and log.txt of the processes.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parents[2]
_WHEELS = _ROOT / "build" / "wheels"
_IN_ALL = 480  # seconds
_LAST = 10  # of them for the report
_PARTS = {"tests": 60, "steps": 150, "loops": 60, "quality": 150, "canvas": 50}
_GRACE = 3  # seconds for ending by itself
_END_OF_LOG = 20  # lines


def main(arguments: list[str] | None = None) -> int:
    """Do all parts; the exit code is 1 if one of them failed."""
    began = time.time()
    options = _parser().parse_args(arguments)
    if options.part:
        from benchmarks.gpu.parts import run_part  # wants the packages

        return run_part(options.part, options.out, options.pretend, options.ends)
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as packages:
        _unpack(packages)
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", ""), packages]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        last = began + _IN_ALL - _LAST
        limits = {part: seconds * (2 if options.pretend else 1) for part, seconds in _PARTS.items()}
        codes = [
            _run(part, min(time.time() + limit, last), options, environment) for part, limit in limits.items()
        ]
        codes.append(_run("report", time.time() + 30, options, environment))
    if (page := options.out / "report.md").exists():
        print(page.read_text(encoding="utf-8"))
    return int(any(codes))


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.gpu", description=__doc__, formatter_class=about)
    parser.add_argument("--out", type=Path, required=True, help="where the results are written")
    parser.add_argument("--pretend", action="store_true", help="rehearse everything on a CPU")
    parser.add_argument("--part", choices=(*_PARTS, "report"), help=argparse.SUPPRESS)
    parser.add_argument("--ends", type=float, help=argparse.SUPPRESS)
    return parser


def _unpack(folder: str) -> None:
    """Unpack the wheels of packages that are not installed."""
    for wheel in sorted(_WHEELS.glob("*.whl")):
        try:
            distribution(wheel.name.partition("-")[0])
        except PackageNotFoundError:
            zipfile.ZipFile(wheel).extractall(folder)


def _run(part: str, ends: float, options: argparse.Namespace, environment: dict[str, str]) -> int:
    """Let a process do a part, and end it and all that it has started when its time is over."""
    print(f"{time.strftime('%H:%M:%S')} {part}", flush=True)
    log = options.out / "log.txt"
    with log.open("ab") as file:
        process = _started(part, ends, options, environment, file.fileno())
        try:
            code = process.wait(max(1, ends + _GRACE - time.time()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            print(f"{part} was ended after its time", flush=True)
    if code > 0:
        print(
            *log.read_text(encoding="utf-8", errors="replace").splitlines()[-_END_OF_LOG:],
            sep="\n",
            flush=True,
        )
    return max(code, 0)


def _started(
    part: str, ends: float, options: argparse.Namespace, environment: dict[str, str], log: int
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", part, "--out", str(options.out.resolve())]
    command += [f"--ends={ends}", *(["--pretend"] if options.pretend else [])]
    return subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )


if __name__ == "__main__":
    sys.exit(main())

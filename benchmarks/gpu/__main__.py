"""All that one has to know of a GPU, measured by one command in at most eight minutes.

  python -m benchmarks.gpu --out FOLDER            on a machine with a GPU
  python -m benchmarks.gpu --out FOLDER --pretend  the same, as small as can be, on a CPU

It wants Python 3.11 or newer with torch, torchvision, accelerate, safetensors, numpy, pillow and tqdm, and no
network: what else is needed it takes from the wheels in build/wheels (`make gpu-wheels` fetches them). The
parts, the most valuable first, each in a process of its own that is ended after its seconds:

  tests    60  the tests marked `gpu`
  steps   150  pictures a second of every recipe: half precision, wider nets in larger batches, other
               precisions, compiled, both layouts; beside what `benchmarks.roofline` foretells
  loops    60  the loop of every tutorial against ganlib's, from 512 JPEGs and in memory
  quality 150  what five recipes learn of the portraits in equal seconds
  canvas   60  what the recipes for 512 px learn of the quilts

Every result is written at once. The same command goes on where it was stopped, and measures nothing twice.
FOLDER then holds report.md, results.jsonl, quality.png, canvas.png and what the processes said.
"""

import argparse
import os
import subprocess
import sys
import time
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parents[2]
_WHEELS = _ROOT / "build" / "wheels"
_GRACE = 10  # seconds to end by itself
_PARTS = {"tests": 60, "steps": 150, "loops": 60, "quality": 150, "canvas": 60}  # seconds
_SECONDS = {**_PARTS, "foretold": 90, "report": 30}


def main(arguments: list[str] | None = None) -> int:
    """Do all parts; the exit code is that of the tests."""
    options = _parser().parse_args(arguments)
    if options.part:
        return _be(options)
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as packages:
        for wheel in sorted(_WHEELS.glob("*.whl")):
            if not _is_installed(wheel.name.partition("-")[0]):
                zipfile.ZipFile(wheel).extractall(packages)
        paths = [str(_ROOT), os.environ.get("PYTHONPATH", ""), packages]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        foretelling = _started("foretold", options, environment)
        codes = [_finished(part, _started(part, options, environment)) for part in _PARTS]
        _finished("foretold", foretelling)
        _finished("report", _started("report", options, environment))
    print((options.out / "report.md").read_text(encoding="utf-8"))
    return codes[0]


def _is_installed(package: str) -> bool:
    try:
        return bool(distribution(package))
    except PackageNotFoundError:
        return False


def _parser() -> argparse.ArgumentParser:
    about = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("benchmarks.gpu", description=__doc__, formatter_class=about)
    parser.add_argument("--out", type=Path, required=True, help="where the results are written")
    parser.add_argument("--pretend", action="store_true", help="rehearse everything on a CPU")
    parser.add_argument("--part", choices=_SECONDS, help=argparse.SUPPRESS)
    return parser


def _started(
    part: str, options: argparse.Namespace, environment: dict[str, str]
) -> "subprocess.Popen[bytes]":
    print(f"{time.strftime('%H:%M:%S')} {part}", flush=True)
    command = [sys.executable, "-m", "benchmarks.gpu", "--part", part, "--out", str(options.out.resolve())]
    command += ["--pretend"] if options.pretend else []
    with (options.out / "said.txt").open("ab") as said:
        return subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=said, stderr=said)


def _be(options: argparse.Namespace) -> int:
    from benchmarks.gpu.parts import do  # wants the packages

    return do(options.part, options.out, options.pretend)


def _finished(part: str, process: "subprocess.Popen[bytes]") -> int:
    try:
        return process.wait(_SECONDS[part] + _GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        print(f"{part} was ended after its time", flush=True)
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())

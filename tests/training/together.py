"""Starting two processes that train together, as torchrun does it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TORCHRUN = (
    "torch.distributed.run",
    "--nproc-per-node=2",
    "--rdzv-backend=c10d",
    "--rdzv-endpoint=localhost:0",  # any port that is free
    "-m",
    "--",  # torchrun takes a --run that follows for one of its own options
)


def start(*module: str | Path, launcher: tuple[str, ...] = TORCHRUN) -> subprocess.Popen[str]:
    """Start two processes of a module and its arguments; each computes on one core."""
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, *map(str, module)],
        cwd=ROOT,
        env=full_length(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def full_length() -> dict[str, str]:
    """The environment of runs that are not cut short, on one core."""
    kept = {name: value for name, value in os.environ.items() if name != "GANLIB_TINY"}
    return {**kept, "OMP_NUM_THREADS": "1"}


def finish(process: subprocess.Popen[str], seconds: float = 240) -> str:
    """Everything the processes print, once they have ended."""
    try:
        return process.communicate(timeout=seconds)[0]
    finally:
        process.terminate()  # and with it those it has started

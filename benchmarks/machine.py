"""What every benchmark says of the machine, and how its table looks."""

import datetime
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch

from ganlib.errors import GanlibError
from ganlib.runtime.device import detect

TYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_SIDE = {"cuda": 8192}
_SIDE_ELSEWHERE = 2048
_WARM, _COUNTED = 3, 10


def exit_status(work: Callable[[], int]) -> int:
    """Do the work of a command; its status is 2 after a mistake of the user, 130 after Ctrl-C."""
    try:
        return work()
    except GanlibError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted, what was trained is saved: the same command goes on.", file=sys.stderr)
        return 130


def describe(device: str, precision: str | None = None) -> str:
    """Name date, device, processor, threads and versions in a line."""
    today = datetime.date.today().isoformat()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    computing = f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{today}; {detect(device, precision)}; {computing}; {versions}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write the lines of a table in Markdown, each as soon as its row is there."""
    for row in (headings, ["---"] * len(headings)):
        yield f"| {' | '.join(row)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Write the median, and the lowest and highest value in brackets."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def matrix_rate(device: str, precision: str, side: int | None = None) -> float:
    """Measure the floating-point operations a second of large matrix products, where a device does most.

    That is the median of ten products after three to warm up. `precision` is accelerate's word: "no" (fp32),
    "bf16" or "fp16". On a GPU fp32 is done in TF32, as torch's convolutions are.
    """
    side = side or _SIDE.get(device, _SIDE_ELSEWHERE)
    own = torch.Generator(device).manual_seed(0)  # the random numbers of a run stay as they are
    sides = (torch.randn(side, side, device=device, generator=own) for _ in range(2))
    left, right = (each.to(TYPES[precision]) for each in sides)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if device == "cuda" else before)
    try:
        times = [_seconds(left, right) for _ in range(_WARM + _COUNTED)][_WARM:]
    finally:
        torch.set_float32_matmul_precision(before)
    return 2 * side**3 / statistics.median(times)


def _seconds(left: torch.Tensor, right: torch.Tensor) -> float:
    began = time.perf_counter()
    (left @ right)[0, 0].item()  # waits for the device
    return time.perf_counter() - began

"""What am I running on: device, precision, threads, and the tiny switch for tests."""

import atexit
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from ganlib.errors import GanlibError
from ganlib.runtime.files import workspace

TINY_STEPS = 4
_FIRST_CAPABILITY_WITH_BF16 = (8, 0)
_ACCELERATES_WORD = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
PRECISIONS = tuple(_ACCELERATES_WORD)
_BF16_FLAGS = re.compile(r"\b(avx512_bf16|amx_bf16)\b")
_OUT_OF_MEMORY = re.compile(r"out of memory|DefaultCPUAllocator|ALLOC_FAILED", re.IGNORECASE)
_CPUINFO = Path("/proc/cpuinfo")
_Number = TypeVar("_Number", int, float)
_YES = {"1", "y", "yes", "t", "true", "on"}


@dataclass(frozen=True)
class Machine:
    """The device a run uses and how it computes there.

    `precision` is accelerate's word: "no" (fp32), "bf16" or "fp16".
    """

    device: torch.device
    precision: str
    name: str
    memory_gib: float

    def __str__(self) -> str:
        arithmetic = "fp32" if self.precision == "no" else self.precision
        return f"{self.device.type}: {self.name}, {self.memory_gib:.0f} GiB, {arithmetic}"


def detect(device: str | None = None, precision: str | None = None) -> Machine:
    """Describe the best device here, or the one asked for ("cuda", "mps", "cpu").

    `precision` is "fp32", "bf16" or "fp16"; unless told, that of the environment variable `GANLIB_PRECISION`,
    or else the device's own: bf16 on GPUs and processors that are faster in it, fp16 on older GPUs, else
    fp32. Of several processes on one machine each has a GPU of its own.

    Raises:
        GanlibError: the device is unknown, not there, or does not compute with the precision asked for.
    """
    machine = _describe(device or _best_device())
    asked = precision or os.environ.get("GANLIB_PRECISION")
    return replace(machine, precision=_checked(asked, machine)) if asked else machine


def memory_gib() -> float:
    """Return the memory of this machine in GiB."""
    return psutil.virtual_memory().total / 2**30


def free_memory(device: torch.device) -> int:
    """Return the bytes that are free on `device` now, those among them that torch keeps for later."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return psutil.virtual_memory().available  # the memory of Apple's GPU is the machine's own


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out: only one of many places where that shows has a type of its own."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of torch, and afterwards on as many as before; it decorates functions, too.

    Work of a fraction of a millisecond is too little to share: threads would mostly wait for each other.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def is_tiny() -> bool:
    """Tell whether `GANLIB_TINY=1` asks every run to be as short as can be, as in the tests."""
    return os.environ.get("GANLIB_TINY") == "1"


def budget(full: _Number, tiny: _Number) -> _Number:
    """Return `full`, or `tiny` when every run is to be as short as can be."""
    return tiny if is_tiny() else full


def run_folder(name: str) -> Path:
    """Return where a notebook keeps the run `name`: `runs/name` in the workspace.

    A tiny run has a folder of its own, which goes with the process.
    """
    if is_tiny():
        folder = tempfile.mkdtemp(prefix="ganlib-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder) / name
    return workspace() / "runs" / name


def _describe(kind: str) -> Machine:
    if kind == "cuda" and torch.cuda.is_available():
        return _cuda()
    if kind == "mps" and torch.backends.mps.is_available():
        return Machine(torch.device("mps"), "no", _processor(), memory_gib())
    if kind == "cpu":
        name = f"{_processor()}, {os.cpu_count()} cores"
        return Machine(torch.device("cpu"), "bf16" if _cpu_has_bf16() else "no", name, memory_gib())
    raise GanlibError(f"There is no device '{kind}' here; this machine has '{_best_device()}'.")


def _checked(precision: str, machine: Machine) -> str:
    if precision not in _ACCELERATES_WORD:
        raise GanlibError(f"There is no precision '{precision}': choose one of {', '.join(PRECISIONS)}.")
    if precision == "fp16" and machine.device.type == "cpu":
        raise GanlibError("A CPU does not train in fp16: choose bf16 or fp32.")
    if precision == "bf16" and machine.device.type == "cuda" and machine.precision != "bf16":
        raise GanlibError(f"This GPU, {machine.name}, has no bf16 of its own: choose fp16 or fp32.")
    return _ACCELERATES_WORD[precision]


def _best_device() -> str:
    if os.environ.get("ACCELERATE_USE_CPU", "").lower() in _YES:  # accelerate launch --cpu
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda() -> Machine:
    index = int(os.environ.get("LOCAL_RANK", "0"))
    count = torch.cuda.device_count()
    if index >= count:
        raise GanlibError(
            f"More processes were started than this machine has GPUs ({count}): start one for each GPU."
        )
    try:
        properties = torch.cuda.get_device_properties(index)
    except RuntimeError as error:  # CUDA cannot be used again in a process that was forked
        raise GanlibError(
            f"The GPU does not answer ({str(error).partition('.')[0]}): a notebook that starts processes "
            "must not have used it before. Restart the kernel and start them first."
        ) from error
    has_bf16 = torch.cuda.get_device_capability(index) >= _FIRST_CAPABILITY_WITH_BF16
    precision = "bf16" if has_bf16 else "fp16"
    return Machine(torch.device("cuda", index), precision, properties.name, properties.total_memory / 2**30)


def _processor() -> str:
    name = re.search(r"^model name\s*: (.*)", _cpuinfo(), re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()


def _cpu_has_bf16() -> bool:
    """Tell whether products of bf16 are faster than those of fp32, as far as Linux says so."""
    return bool(_BF16_FLAGS.search(_cpuinfo()))


def _cpuinfo() -> str:
    """What Linux tells about the processor; elsewhere nothing."""
    return _CPUINFO.read_text(encoding="utf-8") if _CPUINFO.exists() else ""

"""The line that names the machine under every figure."""

import datetime
import platform
from pathlib import Path

import torch

from ganlib.machine import detect


def describe(device: str) -> str:
    """Date, device, processor, threads and versions."""
    today = datetime.date.today().isoformat()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{today}; {detect(device)}; {_processor()}; {torch.get_num_threads()} threads; {versions}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

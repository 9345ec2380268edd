"""The line that names the machine under every figure."""

import datetime
import platform

import torch

from ganlib.runtime.device import detect


def describe(device: str, precision: str | None = None) -> str:
    """Date, device, processor, threads and versions."""
    today = datetime.date.today().isoformat()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    computing = f"{threads} thread{'s' if threads > 1 else ''}"
    return f"{today}; {detect(device, precision)}; {computing}; {versions}"

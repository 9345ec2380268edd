"""What this machine has, what is missing, and what to type."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ganlib.machine import detect
from ganlib.recipes import default_recipe

_CORE = ("torch", "torchvision", "accelerate", "numpy", "pillow", "safetensors", "tqdm")
_SHOW = ("matplotlib", "imageio", "ipywidgets")
_NOTEBOOKS = ("jupyterlab", "ipykernel")
_RUN_GIB = 1.0


def report() -> str:
    """A table of Python, packages, device, memory and disk, with a remedy for each thing missing."""
    machine = detect()
    rows = [("Python", platform.python_version()), ("machine", str(machine))]
    rows.append(("disk", _disk()))
    rows += [(name, _state(name, "pip install -r requirements.txt")) for name in _CORE + _SHOW]
    rows += [(name, _state(name, "pip install -e '.[lab]'")) for name in _NOTEBOOKS]
    rows.append(
        ("recipe", f"python -m ganlib train {default_recipe(machine).name} --run runs/first --minutes 10")
    )
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free > _RUN_GIB else f"; free some: a run needs {_RUN_GIB:.0f} GiB"
    return f"{free:.0f} GiB free here{advice}"


def _state(package: str, remedy: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"missing; type: {remedy}"

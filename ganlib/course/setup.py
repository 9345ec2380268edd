"""How every notebook begins: what is missing is installed, and the pictures of the course are loaded."""

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ganlib.errors import GanlibError
from ganlib.runtime.files import drive_hint, expand_home, is_kaggle, read_json, workspace, write_atomically

if TYPE_CHECKING:  # neither may be installed yet
    from ganlib.data.dataset import ImageDataset
    from ganlib.sizes import AnySize

_SECONDS_TO_INSTALL = 120
_GO_ON = "It goes on without one, in the minutes of a CPU."
_GPU = {
    "colab": f"No GPU: Runtime > Change runtime type > T4 GPU gives one for nothing. {_GO_ON}",
    "kaggle": f"No GPU: Settings > Accelerator > GPU T4 x2 gives one for nothing. {_GO_ON}",
}
_PROJECT = Path(__file__).parents[2]


def set_up() -> None:
    """Install what is missing, without replacing anything, and say in a line what this machine has.

    Running it again does no harm. Where there is no network it says what is missing, and goes on.

    Raises:
        GanlibError: PyTorch is not installed.
    """
    if find_spec("torch") is None:
        command = f"{sys.executable} -m pip install -r {_PROJECT / 'requirements.txt'}"
        raise GanlibError(f"PyTorch is not here: {command}")
    host = _host()
    bring(lacking())
    from ganlib.runtime.device import detect

    machine = detect()
    has_gpu = machine.device.type != "cpu"
    print(" · ".join([str(machine), _versions(), *_minutes("t4" if has_gpu else "cpu")]))
    for line in advice(host, has_gpu):
        _say_once(line)


def lacking(pyproject: Path = _PROJECT / "pyproject.toml") -> dict[str, str]:
    """Return what Colab and Kaggle lack, by name, as the extra `colab` in pyproject.toml says it.

    That is nothing where pip has installed ganlib, and with it all that it needs.
    """
    if not pyproject.is_file():
        return {}
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {re.split(r"[<>=!~]", line)[0]: line for line in extras["colab"]}


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def bring(wanted: Mapping[str, str]) -> None:
    """Install those packages, a requirement by name, that are not here, and say so if that fails.

    They come without what they ask for: no package that is there may be replaced.
    """
    missing = {name: line for name, line in wanted.items() if not _is_installed(name)}
    if not missing:
        return
    options = ["--quiet", "--retries=1", "--no-deps"]
    command = [sys.executable, "-m", "pip", "install", *options, *missing.values()]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS_TO_INSTALL)
    except (subprocess.SubprocessError, OSError):
        why = "most likely for want of a network"
        why += " (Settings > Internet turns it on)" if is_kaggle() else ""
        print(f"Not installed, {why}: {', '.join(missing)}. What needs them will not run.")
    invalidate_caches()


def _versions() -> str:
    names = ("ganlib", "torch", "ipywidgets")
    packages = (f"{name} {version(name).partition('+')[0]}" for name in names if _is_installed(name))
    return ", ".join([f"Python {platform.python_version()}", *packages])


def _minutes(device: str, ledger: Path = _PROJECT / "benchmarks" / "minutes.json") -> list[str]:
    """Say how long the notebooks take; nothing where there is no ledger of it, as in an installed package."""
    if not ledger.is_file():
        return []
    pages = json.loads(ledger.read_text(encoding="utf-8"))["pages"]
    each = ", ".join(f"{name[:2]} {page[device]:.1f}" for name, page in sorted(pages.items()))
    return [f"minutes to expect{' (estimated)' if device == 't4' else ''}: {each}"]


def _host() -> str:
    """Return where the notebook runs: "colab", "kaggle" or "" for any other place."""
    if is_kaggle():
        return "kaggle"
    return "colab" if find_spec("google") and find_spec("google.colab") else ""


@cache
def _say_once(line: str) -> None:
    """Print a line, but only the first time that the cell is run."""
    print(line)


def advice(host: str, has_gpu: bool, root: Path = Path("/")) -> list[str]:
    """List what a person can do on the host; on their own machine there is nothing to do."""
    lines = [_GPU[host]] if host and not has_gpu else []
    return [*lines, drive_hint(root)] if host == "colab" else lines


def course_art(art: str | Path | None = None, size: "AnySize" = 64) -> "ImageDataset":
    """Load the pictures of the course in `size` px: `art`, which the workspace keeps, or what it has kept.

    `art` is whatever `load_art` takes. If it cannot be loaded, a sentence says so, and the bundled portraits
    take its place. A tiny run keeps nothing and finds nothing kept.
    """
    from ganlib.data.dataset import load_art
    from ganlib.data.sources import PORTRAITS
    from ganlib.runtime.device import is_tiny

    kept, name = workspace() / "runs" / "art.json", PORTRAITS
    try:
        if art is not None:
            place = expand_home(art)
            is_here = os.path.exists(place)  # noqa: PTH110 (it raises at no name)
            name = str(place.resolve() if is_here and art != PORTRAITS else art)  # for lessons run elsewhere
        elif kept.is_file() and not is_tiny():
            name = read_json(kept, str)
        pictures = load_art(name, size)
    except GanlibError as error:
        print(f"{error} The bundled portraits take their place.")
        name, pictures = PORTRAITS, load_art(PORTRAITS, size)
    if art is not None and not is_tiny():
        write_atomically(kept, lambda part: part.write_text(json.dumps(name)))
    elif name != PORTRAITS:
        print(f"Your own: {pictures}. What is said of drawn portraits was seen on the bundled ones.")
    return pictures

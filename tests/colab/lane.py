"""Run the notebooks as Colab would: its versions, one notebook alone, ganlib cloned by the setup cell.

`make test-colab` runs all ten, and a training that loses its runtime, and `make test-colab NAMES="05_training
disconnect"` some of it. This runs in the environment that the Makefile builds, and starts its kernels there.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat.v4 import new_code_cell

from tests.colab.disconnect import check_disconnect
from tests.colab.origin import bare_repository
from tests.colab.runtime import ENVIRONMENT, WHEELS, Runtime
from tools import publish

ROOT = Path(__file__).parents[2]
_DISCONNECT = "disconnect"
_LINES_OF_AN_ERROR = 15
_WHEREABOUTS = """
import json, sys
import ganlib
files = [module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)]
print(json.dumps({"ganlib": ganlib.__file__, "prefix": sys.prefix, "files": files}))
"""


def main(names: list[str]) -> int:
    """Run the notebooks called `names`, all if there are none; the exit status."""
    pages = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    uninstall_brought()
    before = installed()
    with tempfile.TemporaryDirectory(prefix="ganlib-colab-") as folder:
        scratch = Path(folder)
        address = bare_repository(ROOT, scratch / "ganlib.git")
        checks = {name: lambda place, name=name: check_page(name, place, address) for name in pages}
        checks[_DISCONNECT] = lambda place: check_disconnect(place, publish.setup(address))
        results = [report(name, checks[name], scratch / name) for name in names or checks]
    results.append(report("packages", lambda _: check_packages(before), ROOT))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return int(not all(results))


def report(name: str, check: Callable[[Path], str], place: Path) -> bool:
    """Do one check and print a line of the table; whether all was right."""
    began = time.monotonic()
    try:
        result = check(place)
    except (AssertionError, CellControlSignal, DeadKernelError) as error:
        lines = strip_ansi(str(error)).strip().splitlines()[-_LINES_OF_AN_ERROR:]
        print(f"{name:24} {time.monotonic() - began:6.1f} s  ERROR", *lines, sep="\n    ", flush=True)
        return False
    print(f"{name:24} {time.monotonic() - began:6.1f} s  ok  {result}".rstrip(), flush=True)
    return True


def check_page(name: str, place: Path, address: publish.Address) -> str:
    """Run a notebook in a runtime of its own; raises `AssertionError` unless all it uses is from there."""
    page = nbformat.reads(publish.notebook(ROOT / "notebooks" / f"{name}.ipynb", address), as_version=4)
    number = next(number for number, cell in enumerate(page.cells) if cell.id == "setup")
    again, last = new_code_cell(page.cells[number].source), new_code_cell(_WHEREABOUTS)
    page.cells = [*page.cells[: number + 1], again, *page.cells[number + 1 :], last]
    runtime = Runtime(place)
    runtime.start()
    runtime.run(name, page)
    check_setup(told(page.cells[number]), told(again))
    check_whereabouts(json.loads(told(last)), runtime.content)
    runtime.delete()
    return ""


def check_setup(first: str, second: str) -> None:
    """The setup cell says what is here in one line and advises once; run again, it says that line."""
    facts, *advice = first.splitlines()
    assert "minutes to expect" in facts, f"the setup cell says: {first}"
    assert any(line.startswith("Runs are lost") for line in advice), f"no word of Drive: {first}"
    assert second.splitlines() == [facts], f"run again, the setup cell says: {second}"


def check_whereabouts(found: dict, content: Path) -> None:
    """The library is the clone, and no module comes from the checkout."""
    assert Path(found["ganlib"]).is_relative_to(content), f"ganlib is {found['ganlib']}"
    assert Path(found["prefix"]) == ENVIRONMENT, f"the kernel is that of {found['prefix']}"
    files = [Path(file) for file in found["files"]]
    strangers = [file for file in files if file.is_relative_to(ROOT) and not file.is_relative_to(ENVIRONMENT)]
    assert not strangers, f"not from the clone: {strangers}"


def check_packages(before: set[str]) -> str:
    """Nothing that was there is another now, and nothing has come but what the setup cell brings."""
    after = installed()
    assert before <= after, f"gone: {sorted(before - after)}"
    new = sorted(after - before)
    assert [normal(package.partition("==")[0]) for package in new] == brought(), f"new: {new}"
    return f"new: {', '.join(new)}"


def installed() -> set[str]:
    """What pip says is in the environment, each with its version."""
    return set(pip("freeze", "--all").splitlines())


def brought() -> list[str]:
    """The packages that the setup cell brings, as Colab lacks them."""
    return sorted(normal(wheel.name.partition("-")[0]) for wheel in WHEELS.glob("*.whl"))


def normal(name: str) -> str:
    """A package's name as it is compared."""
    return name.lower().replace("_", "-")


def uninstall_brought() -> None:
    """Begin as a new runtime does."""
    pip("uninstall", "--quiet", "--yes", *brought())


def pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def told(cell: nbformat.NotebookNode) -> str:
    """What a cell has printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Build the environment of the notebooks' lane in Colab: `python -m tests.colab.building FOLDER`.

What Colab has is installed in its versions; what it lacks lies beside it as wheels, for the setup cell to
install without a network. A Python that has nothing installed runs this.
"""

import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_CONSTRAINTS = _ROOT / "tests" / "colab-constraints.txt"
_FOR_THE_LANE = ["ipykernel", "ipython", "kaggle", "nbclient", "nbconvert"]


def build(folder: Path) -> None:
    """Make the environment, and the wheels in it."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lacking = project["optional-dependencies"]["colab"]
    there = [line for line in project["dependencies"] if line not in lacking]
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip"]
    install = [*pip, "install", "--quiet", "-c", str(_CONSTRAINTS), *there, *_FOR_THE_LANE]
    subprocess.run(install, check=True)
    shutil.rmtree(folder / "wheels", ignore_errors=True)
    wheels = [*pip, "wheel", "--quiet", "--no-deps", "-w", str(folder / "wheels"), *lacking]
    subprocess.run(wheels, check=True)


if __name__ == "__main__":
    build(Path(sys.argv[1]))

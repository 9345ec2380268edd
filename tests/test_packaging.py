"""What pip is told: one list of packages for each use, which agree, and a wheel with everything in it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import ganlib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LIBRARY = PROJECT["dependencies"]


def lines(file):
    return [line for line in (ROOT / file).read_text("utf-8").splitlines() if line and line[0] != "#"]


def test_the_requirements_are_those_of_the_library_the_course_and_the_tests():
    wanted = [*LIBRARY, *EXTRAS["course"], *EXTRAS["test"]]
    assert lines("requirements.txt") == [line for line in wanted if not line.startswith("ganlib[")]


def test_what_colab_lacks_is_part_of_what_the_library_needs():
    assert set(EXTRAS["colab"]) < set(LIBRARY)


def test_what_colab_has_satisfies_all_else_that_the_library_needs():
    """So that nothing there has to be replaced."""
    there = dict(line.lower().split("==") for line in lines("tests/colab-constraints.txt"))
    needed = [Requirement(line) for line in LIBRARY if line not in EXTRAS["colab"]]
    strangers = {each.name for each in needed if each.name not in there}
    assert strangers == {"filelock", "jinja2"}  # that list leaves them out; others there bring them
    for each in needed:
        assert each.name in strangers or there[each.name] in each.specifier, str(each)


@pytest.mark.parametrize("line", lines("requirements.txt"))
def test_a_package_has_a_lowest_version_which_is_not_above_that_tested(line):
    wanted = Requirement(line)
    assert any(each.operator == ">=" for each in wanted.specifier)
    if wanted.marker is None or wanted.marker.evaluate():
        assert version(wanted.name) in wanted.specifier


def test_the_version_stands_in_one_place():
    assert re.fullmatch(r"\d+\.\d+\.\d+", ganlib.__version__)
    assert f"\nversion: {ganlib.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {ganlib.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_a_wheel_holds_the_library_its_pages_its_types_and_the_bundled_art(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob(f"ganlib-{ganlib.__version__}-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    package = {path for path in (ROOT / "ganlib").rglob("*.*") if "__pycache__" not in path.parts}
    data = {path for path in (ROOT / "data").rglob("*.*") if "__pycache__" not in path.parts}
    assert {path.relative_to(ROOT).as_posix() for path in package} <= packed
    assert {f"ganlib/bundled/{path.relative_to(ROOT / 'data').as_posix()}" for path in data} <= packed
    assert "ganlib/py.typed" in packed

"""The setup cell finds ganlib wherever it is, or brings it, in an interpreter that has nothing installed."""

import shutil
import subprocess
import sys

import pytest

from tests.colab.origin import bare_repository
from tools.publish import SETUP_CELL, Address, setup

CELL = SETUP_CELL.read_text(encoding="utf-8")
LIBRARY = """
from pathlib import Path

__version__ = "0.1.0"


def set_up():
    print(Path(__file__).resolve().parents[1])
"""
NOWHERE = Address("file:///no/such/repository", "v0.1.0")
LONGEST = 40  # lines


@pytest.fixture
def project(tmp_path):
    """A project with a library that says where it lies."""
    return fake_project(tmp_path / "project")


@pytest.fixture
def runtime(tmp_path):
    """An empty folder."""
    folder = tmp_path / "runtime" / "content"
    folder.mkdir(parents=True)
    return folder


def fake_project(folder):
    (folder / "ganlib").mkdir(parents=True)
    (folder / "ganlib" / "__init__.py").write_text(LIBRARY)
    (folder / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    return folder


def run(folder, cell=CELL, **environment):
    command = [sys.executable, "-S", "-c", cell]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
    )
    return done.stdout.splitlines(), done.stderr


def test_the_cell_fits_a_screen():
    assert len(CELL.splitlines()) <= LONGEST


def test_the_checkout_around_the_notebook(project):
    (project / "notebooks").mkdir()
    assert run(project / "notebooks") == ([str(project)], "")


def test_the_checkout_in_which_one_works(project):
    assert run(project) == ([str(project)], "")


def test_an_installed_ganlib_is_taken_as_it_is(project, runtime):
    cell = setup(NOWHERE)
    assert run(runtime, cell, PYTHONPATH=str(project)) == ([str(project)], "")


def test_a_zip_beside_the_notebook(tmp_path, runtime):
    fake_project(tmp_path / "packed" / "gan-art-0.1.0")
    shutil.make_archive(str(runtime / "anything"), "zip", tmp_path / "packed")
    assert run(runtime, setup(NOWHERE)) == ([str(runtime / "gan-art-0.1.0")], "")
    (runtime / "anything.zip").unlink()
    assert run(runtime) == ([str(runtime / "gan-art-0.1.0")], "")  # the next kernel


def test_a_zip_of_pictures_is_left_alone(tmp_path, runtime):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").touch()
    shutil.make_archive(str(runtime / "pictures"), "zip", tmp_path / "pictures")
    run(runtime)
    assert [path.name for path in runtime.iterdir()] == ["pictures.zip"]


def test_a_zip_of_a_zip_s_folder(tmp_path, runtime):
    fake_project(tmp_path / "packed" / "download" / "gan-art")
    fake_project(tmp_path / "packed" / "download" / "gan-art" / "build" / "lib")
    shutil.make_archive(str(runtime / "anything"), "zip", tmp_path / "packed")
    assert run(runtime) == ([str(runtime / "download" / "gan-art")], "")


def test_what_is_no_zip_yet_stops_nothing(project, tmp_path, runtime):
    (runtime / "half.zip").write_bytes(b"PK\x03\x04 still on its way")
    assert run(runtime)[1].endswith("upload the project's zip beside this.\n")
    cell = setup(bare_repository(project, tmp_path / "ganlib.git"))
    assert run(runtime, cell) == ([str(runtime / "ganlib")], "")


def test_a_data_set_on_kaggle(tmp_path, runtime):
    added = tmp_path / "input"
    project = fake_project(added / "datasets" / "somebody" / "ganlib")
    cell = CELL.replace("/kaggle/input", str(added))
    assert cell != CELL
    assert run(runtime, cell) == ([str(project)], "")


@pytest.mark.parametrize("name", ["gan-art", "ganlib"])  # a folder ganlib could be taken for the library
def test_the_published_project(project, tmp_path, runtime, name):
    origin = tmp_path / f"{name}.git"
    cell = setup(bare_repository(project, origin))
    assert run(runtime, cell) == ([str(runtime / name)], "")
    shutil.rmtree(origin)
    assert run(runtime, cell) == ([str(runtime / name)], "")  # the next kernel needs no network


def test_running_it_twice_does_no_harm(project, tmp_path, runtime):
    cell = setup(bare_repository(project, tmp_path / "ganlib.git"))
    code = f"cell = {cell!r}\nexec(cell)\nbefore = list(sys.path)\nexec(cell)\nassert sys.path == before"
    assert run(runtime, code) == ([str(runtime / "ganlib")] * 2, "")


@pytest.mark.parametrize("address", [Address("", ""), NOWHERE])
def test_nothing_found_is_one_sentence(runtime, address):
    told, errors = run(runtime, setup(address))
    assert told == []
    assert errors.endswith(
        "FileNotFoundError: No ganlib: turn the network on, or upload the project's zip beside this.\n"
    )
    assert list(runtime.iterdir()) == []

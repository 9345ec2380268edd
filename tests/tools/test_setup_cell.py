"""The setup cell finds ganlib wherever it is, or brings it, in an interpreter that has nothing installed."""

import os
import re
import shutil
import subprocess
import sys
from zipfile import ZIP_DEFLATED, ZipFile

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
LONGEST = 75  # lines; it is folded
NOTHING_FOUND = (
    "FileNotFoundError: No ganlib: turn the network on, upload the project's zip beside this, or name its "
    "folder in GANLIB_FROM.\n"
)


def named(folder):
    """The cell of a reader who has named a folder in it."""
    assert CELL.count('GANLIB_FROM = ""') == 1
    return CELL.replace('GANLIB_FROM = ""', f"GANLIB_FROM = {str(folder)!r}")


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
    (folder / "pyproject.toml").write_text('[project]\nname = "ganlib"\nversion = "0.1.0"\n')
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


def test_the_cell_is_short():
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
    assert run(runtime, setup(NOWHERE)) == ([str(runtime / "ganlib-1")], "")
    (runtime / "anything.zip").unlink()
    assert run(runtime) == ([str(runtime / "ganlib-1")], "")  # the next kernel


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
    assert run(runtime) == ([str(runtime / "ganlib-1")], "")
    assert not (runtime / "ganlib-1" / "download").exists()


def test_what_is_no_zip_yet_stops_nothing(project, tmp_path, runtime):
    (runtime / "half.zip").write_bytes(b"PK\x03\x04 still on its way")
    assert run(runtime)[1].endswith(NOTHING_FOUND)
    cell = setup(bare_repository(project, tmp_path / "ganlib.git"))
    assert run(runtime, cell) == ([str(runtime / "ganlib")], "")


@pytest.mark.parametrize("below", [".", "gan-art-0.1.0", "datasets/gan-art-0.1.0"])
def test_an_added_data_set_is_taken_where_the_reader_names_it_alone(tmp_path, runtime, below):
    added = tmp_path / "kaggle" / "input" / "somebody"
    project = fake_project((added / below).resolve())
    assert "/kaggle/input/" not in re.sub("#.*", "", CELL)
    assert run(runtime)[1].endswith(NOTHING_FOUND)
    assert run(runtime, named(added)) == ([str(project)], "")


def test_a_named_folder_comes_before_all_others(project, tmp_path, runtime):
    fake_project(runtime / "near")
    assert run(runtime, named(project)) == ([str(project)], "")
    assert run(runtime, named(tmp_path / "nothing")) == ([str(runtime / "near")], "")


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
    assert errors.endswith(NOTHING_FOUND)
    assert list(runtime.iterdir()) == []


EVIL = "print('run by a stranger')"
STRANGERS = {  # what is in place of the pyproject.toml
    "none": None,
    "another name": '[project]\nname = "other"\nversion = "1.0"\n',
    "no version": '[project]\nname = "ganlib"\n',
    "not in [project]": 'name = "ganlib"\nversion = "1.0"\n',
    "no table": 'project = "ganlib version"\n',
    "no TOML": "ganlib",
    "no text": b"\xff\xfe",
    "deep": "x = " + "[" * 100_000,
    "long": "#" * 2**20 + '\n[project]\nname = "ganlib"\nversion = "1.0"\n',
}


def write_zip(path, files):
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def stranger(text, top=""):
    files = {} if text is None else {f"{top}pyproject.toml": text}
    return {f"{top}ganlib/__init__.py": EVIL, **files}


def assert_left_alone(runtime, names):
    told, errors = run(runtime)
    assert told == []
    assert errors.endswith(NOTHING_FOUND), errors
    assert sorted(path.name for path in runtime.iterdir()) == sorted(names)


@pytest.mark.parametrize("text", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("top", ["", "gan-art-main/"])
def test_a_stranger_s_ganlib_in_a_zip_is_not_unpacked(runtime, text, top):
    write_zip(runtime / "lesson.zip", stranger(text, top))
    assert_left_alone(runtime, ["lesson.zip"])


@pytest.mark.parametrize("text", STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_s_ganlib_in_a_folder_is_not_imported(runtime, text):
    write_zip(runtime / "lesson.zip", stranger(text))
    shutil.unpack_archive(runtime / "lesson.zip", runtime / "lesson")
    (runtime / "lesson.zip").unlink()
    assert_left_alone(runtime, ["lesson"])


OURS = stranger('[project]\nname = "ganlib"\nversion = "1.0"\n')
ESCAPES = [
    "../out.py",
    "a/../../out.py",
    "/out.py",
    "a//b.py",
    "./b.py",
    "C:/out.py",
    "..\\out.py",
    "\\out.py",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_zip_whose_members_escape_is_left_alone(runtime, name):
    write_zip(runtime / "lesson.zip", {**OURS, "x" * len(name): "x"})
    data = (
        (runtime / "lesson.zip").read_bytes().replace(b"x" * len(name), name.encode())
    )  # ZipFile would mend it
    (runtime / "lesson.zip").write_bytes(data)
    assert_left_alone(runtime, ["lesson.zip"])
    assert not (runtime.parent / "out.py").exists()


def test_a_zip_that_is_too_large_is_left_alone(runtime):
    write_zip(runtime / "bomb.zip", {**OURS, "zeros": bytes(501_000_000)})
    write_zip(runtime / "many.zip", {**OURS, **dict.fromkeys(map(str, range(20_000)), "")})
    assert_left_alone(runtime, ["bomb.zip", "many.zip"])


def test_a_zip_that_breaks_in_the_middle_leaves_nothing_behind(runtime):
    write_zip(runtime / "lesson.zip", {**OURS, "z": "a long text that is stored"})
    data = bytearray((runtime / "lesson.zip").read_bytes())
    place = data.index(b"PK\x01\x02") - 5  # in what the last member holds
    data[place] ^= 255
    (runtime / "lesson.zip").write_bytes(data)
    told, errors = run(runtime)
    assert told == []
    assert "BadZipFile" in errors or "zlib.error" in errors
    assert [path.name for path in runtime.iterdir()] == ["lesson.zip"]


def test_nothing_is_overwritten(tmp_path, runtime):
    packed = fake_project(tmp_path / "packed" / "gan-art")
    (packed / "01_dataset.ipynb").write_text("from the zip")
    shutil.make_archive(str(runtime / "gan-art"), "zip", tmp_path / "packed")
    mine = {
        "01_dataset.ipynb": "my answers",
        "ganlib-1/notes.txt": "my notes",
        "gan-art/01_dataset.ipynb": "my work",
    }
    for name, text in mine.items():
        (runtime / name).parent.mkdir(exist_ok=True)
        (runtime / name).write_text(text)
    assert run(runtime) == ([str(runtime / "ganlib-2")], "")
    assert {name: (runtime / name).read_text() for name in mine} == mine
    assert len(list(runtime.iterdir())) == 5  # the zip, three of mine, and the new folder


def test_a_pipe_is_no_zip(project, runtime):
    os.mkfifo(runtime / "a.zip")
    assert_left_alone(runtime, ["a.zip"])

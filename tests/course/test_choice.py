"""What lesson 01 chooses is what the other lessons get; what cannot be had is told in a sentence."""

import json

import pytest

from ganlib.course.setup import course_art
from tests.data.pictures import fill


@pytest.fixture(autouse=True)
def workspace(tmp_path, full_length, monkeypatch):
    monkeypatch.setenv("GANLIB_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "workspace"


def test_without_a_choice_it_is_the_bundled_portraits_and_nothing_is_said_or_written(workspace, capsys):
    assert repr(course_art()).startswith("ImageDataset 'portraits': 4000 pictures of 64 px")
    assert capsys.readouterr().out == ""
    assert not workspace.exists()


@pytest.mark.parametrize("choice", ["mine", "./mine", "{whole}/mine"])
def test_a_folder_is_found_again_from_anywhere(tmp_path, monkeypatch, capsys, choice):
    fill(tmp_path / "mine", 12)
    assert len(course_art(choice.format(whole=tmp_path), size=32)) == 12
    assert capsys.readouterr().out == ""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(course_art(size=32)) == 12
    said = capsys.readouterr().out
    assert said.startswith("Your own: ImageDataset 'mine': 12 pictures of 32 px")
    assert "the bundled ones" in said


def test_a_choice_may_be_taken_back(tmp_path, capsys):
    fill(tmp_path / "mine", 12)
    course_art("mine", size=32)
    fill(tmp_path / "portraits", 12)  # a folder of that name is not meant
    assert len(course_art("portraits")) == 4000
    assert len(course_art()) == 4000
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("choice", ["no/such/place", "~nobody/x", "a\0b", "x" * 5000])
def test_what_cannot_be_loaded_is_told_and_the_bundled_portraits_are_kept(workspace, capsys, choice):
    assert course_art(choice).name == "portraits"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("The bundled portraits take their place.")
    assert course_art().name == "portraits"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content", ["", "[1]", "[" * 100_000, '"gone/away/for/good"', '"../x\\u0000"', "\xff"]
)
def test_a_kept_choice_that_is_damaged_or_gone_is_told(workspace, capsys, content):
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "art.json").write_text(content, "latin-1")
    assert course_art().name == "portraits"
    assert capsys.readouterr().out.endswith("The bundled portraits take their place.\n")


def test_a_tiny_run_keeps_and_finds_nothing(tmp_path, workspace, monkeypatch):
    (workspace / "runs").mkdir(parents=True)
    kept = workspace / "runs" / "art.json"
    kept.write_text(json.dumps(str(fill(tmp_path / "mine", 12))))
    monkeypatch.setenv("GANLIB_TINY", "1")
    assert course_art().name == "portraits"
    course_art("portraits")
    assert json.loads(kept.read_text()).endswith("mine")

"""The first cell of every notebook completes what is there, replaces nothing, and says what it found."""

import importlib
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
import torch

import ganlib
from ganlib.course import setup
from ganlib.course.setup import advice, set_up

MISSING = "torch-fidelity"


class Pip:
    """What was asked of pip, which answers as it is told to."""

    def __init__(self):
        self.commands = []
        self.error = None

    def run(self, command, **_):
        self.commands.append(command)
        if self.error:
            raise self.error


@pytest.fixture(autouse=True)
def pip(monkeypatch):
    """No test here reaches the real one."""
    stand_in = Pip()
    monkeypatch.setattr(subprocess, "run", stand_in.run)
    return stand_in


@pytest.fixture(autouse=True)
def _said_nothing_yet(monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    monkeypatch.delenv("GANLIB_WORKSPACE", raising=False)
    setup._say_once.cache_clear()


@pytest.fixture
def one_missing(monkeypatch):
    """A machine without one of the packages that Colab lacks."""
    real = setup.version

    def version(name):
        if name == MISSING:
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(setup, "version", version)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")


def test_it_brings_the_extra_colab_and_nothing_where_pip_has_installed_ganlib(tmp_path):
    assert setup.lacking()[MISSING] == "torch-fidelity>=0.4,<0.5"
    assert setup.lacking(tmp_path / "pyproject.toml") == {}


def test_where_all_is_there_nothing_is_installed(pip, capsys):
    set_up()
    assert pip.commands == []
    (line,) = capsys.readouterr().out.splitlines()
    assert str(ganlib.detect()) in line
    assert f"torch {torch.__version__.partition('+')[0]}, ipywidgets " in line
    assert re.search(r"minutes to expect: 01 \d+\.\d, .* 10 \d+\.\d$", line)


def test_only_what_is_missing_is_installed_and_nothing_that_it_asks_for(one_missing, pip, capsys):
    set_up()
    (command,) = pip.commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert "--no-deps" in command
    assert "--upgrade" not in command
    assert [word for word in command[4:] if not word.startswith("-")] == ["torch-fidelity>=0.4,<0.5"]
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    "error", [subprocess.CalledProcessError(1, "pip"), subprocess.TimeoutExpired("pip", 1), OSError("none")]
)
def test_without_a_network_it_says_so_and_goes_on(one_missing, pip, capsys, error):
    pip.error = error
    set_up()
    sentence, line = capsys.readouterr().out.splitlines()
    assert sentence == (
        "Not installed, most likely for want of a network: torch-fidelity. What needs them will not run."
    )
    assert "minutes to expect" in line


def test_on_kaggle_it_says_where_the_network_is_turned_on(one_missing, pip, capsys, monkeypatch, no_gpu):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    pip.error = OSError("none")
    set_up()
    sentence, _, hint = capsys.readouterr().out.splitlines()
    assert "(Settings > Internet turns it on)" in sentence
    assert hint.startswith("No GPU: Settings > Accelerator")


def test_running_it_again_repeats_the_line_and_not_the_advice(monkeypatch, capsys, no_gpu):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    set_up()
    facts, hint = capsys.readouterr().out.splitlines()
    assert hint.startswith("No GPU")
    set_up()
    assert capsys.readouterr().out.splitlines() == [facts]


def test_the_minutes_are_those_of_the_device(tmp_path):
    ledger = tmp_path / "minutes.json"
    ledger.write_text('{"pages": {"02_b": {"cpu": 6.04, "t4": 1.5}, "01_a": {"cpu": 0.1, "t4": 0.2}}}')
    assert setup._minutes("cpu", ledger) == ["minutes to expect: 01 0.1, 02 6.0"]
    assert setup._minutes("t4", ledger) == ["minutes to expect (estimated): 01 0.2, 02 1.5"]
    assert setup._minutes("cpu", tmp_path / "none.json") == []


def test_in_colab_without_a_gpu_it_says_how_to_switch(tmp_path):
    gpu, drive = advice("colab", False, tmp_path)
    assert gpu.startswith("No GPU: Runtime > Change runtime type > T4 GPU")
    assert "drive.mount('/content/drive')" in drive


def test_in_colab_with_a_gpu_and_drive_it_says_where_runs_are(tmp_path):
    (tmp_path / "content/drive/MyDrive").mkdir(parents=True)
    (line,) = advice("colab", True, tmp_path)
    assert line.startswith("Runs are kept in Google Drive")


def test_at_home_there_is_nothing_to_advise(tmp_path):
    assert advice("", False, tmp_path) == []
    assert advice("kaggle", True, tmp_path) == []


def test_the_stand_in_is_taken_for_colab(monkeypatch):
    assert setup._host() == ""
    with pytest.MonkeyPatch.context() as kaggle:
        kaggle.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")
        assert setup._host() == "kaggle"
    monkeypatch.setattr(setup, "find_spec", lambda name: name in {"google", "google.colab"})
    assert setup._host() == "colab"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Batch")  # whose machines have Colab's module, too
    assert setup._host() == "kaggle"


def test_without_torch_it_says_what_to_type(monkeypatch):
    monkeypatch.setattr(setup, "find_spec", lambda _: None)
    with pytest.raises(ganlib.GanlibError, match=r"-m pip install -r .*requirements\.txt"):
        set_up()


def test_it_is_imported_where_nothing_is_installed_yet(monkeypatch):
    """Whatever it is to install cannot be there before."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "ganlib"]:
        monkeypatch.delitem(sys.modules, name)
    for package in setup.lacking():
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)  # then an import of it fails
    assert callable(importlib.import_module("ganlib").set_up)

"""The verb `explore`; nothing is opened."""

import ast
import sys

import nbformat
import pytest

from ganlib.cli import main
from ganlib.runtime.files import cache_folder
from ganlib.studio import app
from ganlib.studio.app import LatentStudio
from tests.studio.driver import save_weights


@pytest.fixture
def started(monkeypatch):
    """The commands that would have been run; each ends after a Ctrl-C that comes while it runs."""
    commands = []

    class Process:
        def __init__(self, command):
            commands.append(command)
            self.waits = 0

        def poll(self):
            return 0 if self.waits == 2 else None

        def wait(self):
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(app.subprocess, "Popen", Process)
    return commands


def installed(monkeypatch, *programs):
    monkeypatch.setattr(app, "find_spec", lambda name: name in programs or None)


@pytest.mark.parametrize(
    ("programs", "opener"),
    [(["voila", "jupyterlab"], "voila"), (["jupyterlab"], "jupyterlab"), (["voila"], "voila")],
)
def test_it_opens_a_notebook_in_what_is_installed(started, monkeypatch, capsys, programs, opener):
    installed(monkeypatch, *programs)
    assert main(["explore"]) == 0
    notebook = cache_folder() / "studio" / "portraits.ipynb"
    assert started == [[sys.executable, "-m", opener, str(notebook)]]
    assert ("Shift+Enter" in notebook.read_text()) == (opener == "jupyterlab")  # Voilà runs the cell
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("programs", [[], ["notebook"]])
def test_without_a_program_for_notebooks_it_says_what_to_install(started, monkeypatch, capsys, programs):
    installed(monkeypatch, *programs)
    assert main(["explore"]) == 2
    assert "pip install jupyterlab" in capsys.readouterr().err
    assert started == []


def test_what_is_no_model_is_said_before_anything_is_opened(started, tmp_path, capsys):
    assert main(["explore", str(tmp_path)]) == 2
    assert "train there first" in capsys.readouterr().err
    assert started == []


def test_the_notebook_opens_the_studio_wherever_it_lies(tmp_path, monkeypatch):
    weights = save_weights(tmp_path / "my weights.safetensors")
    monkeypatch.chdir(tmp_path)
    page = nbformat.read(app.studio_notebook(weights.name), as_version=4)
    nbformat.validate(page)
    *_, call = ast.parse(page.cells[1].source).body
    assert call.value.args[0].value == str(weights)
    assert call.value.keywords[0].value.value == str(tmp_path / "studio")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    scope = {}
    exec(page.cells[1].source.replace("ganlib.Latent", "studio = ganlib.Latent"), scope)
    assert isinstance(scope["studio"], LatentStudio)
    assert scope["studio"]._renderer.folder == tmp_path / "studio"


def test_a_run_keeps_what_is_saved(tmp_path):
    (tmp_path / "run").mkdir()
    save_weights(tmp_path / "run" / "generator.safetensors")
    page = nbformat.read(app.studio_notebook(tmp_path / "run"), as_version=4)
    assert repr(str(tmp_path / "run" / "studio")) in page.cells[1].source

"""Names of strangers in the terminal, also where that knows ASCII alone."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch

from ganlib.cli import main
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.runtime import progress
from ganlib.weights import save_generator
from tests.data.pictures import fill

NAMES = ["a\x1b]0;owned\x07b", "a\nprepared set  /else", "a\rb", "\u202egnp", "größer", os.fsdecode(b"\xff")]
each = pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))


@pytest.fixture(params=["ascii", "utf-8"])
def ganlib(request):
    """Run a verb with strict streams of this encoding; returns its status and what was printed."""

    def run(*arguments):
        streams = [io.TextIOWrapper(io.BytesIO(), request.param) for _ in range(2)]
        with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
            status = main([str(argument) for argument in arguments])
            for stream in streams:
                stream.flush()
        return status, "".join(stream.buffer.getvalue().decode(request.param) for stream in streams)

    return run


def check(done, status, lines):
    assert done[0] == status, done
    shown = done[1].split("\n")
    assert all(line.isprintable() for line in shown), shown
    assert len(shown) == lines + 1, shown


def weights(path, **changes):
    recipe = Recipe("narrow", size=32, width=2, latent_dim=4, batch_size=8, **changes)
    torch.manual_seed(0)
    save_generator(recipe.generator(), recipe, 0.0, path)
    return path


@each
def test_sample_interpolate_and_project(tmp_path, ganlib, name):
    source = weights(tmp_path / "narrow.safetensors")
    here = tmp_path / name.replace("/", "-")
    check(ganlib("sample", source, "--count", "2", "--out", f"{here}.png"), 0, 1)
    check(ganlib("sample", source, "--count", "2", "--files", "--out", here), 0, 1)
    check(ganlib("interpolate", source, "1", "2", "--frames", "3", "--out", f"{here}.gif"), 0, 1)
    check(ganlib("project", f"{here}.png", source, "--steps", "2", "--out", f"{here}-z.png"), 0, 3)


@each
def test_prepare(tmp_path, ganlib, name):
    folder = fill(tmp_path / name.replace("/", "-"), 70)
    (folder / "notes.txt").write_text("no picture")
    out = tmp_path / f"set {name}".replace("/", "-")
    check(ganlib("prepare", folder, "--size", "32", "--out", out, "--report"), 0, 4)


@each
def test_recipes_and_runs(tmp_path, ganlib, name):
    path = tmp_path / "recipe.json"
    path.write_text('{"width": 2, "about": "plain"}')
    ordinary = ganlib("recipes", "show", path)[1].count("\n")
    path.write_text(json.dumps({"width": 2, "about": name.encode(errors="replace").decode()}))
    check(ganlib("recipes", "show", path), 0, ordinary)
    run = Run(tmp_path / "runs" / name.replace("/", "-"))
    run.start(Recipe("narrow", size=32, width=2, latent_dim=4))
    check(ganlib("runs", tmp_path / "runs"), 0, 2)


@each
@pytest.mark.parametrize("verb", ["sample", "animate", "share", "evaluate", "prepare", "runs", "export"])
def test_a_mistake(tmp_path, ganlib, verb, name):
    check(ganlib(verb, tmp_path / "nowhere" / name), 2, 1)


@each
def test_a_progress_bar(name, monkeypatch):
    monkeypatch.setattr(progress, "tqdm", lambda _, desc, **__: desc)
    shown = progress.bar(f"reading {name}" + "x" * 500, " pictures", 3)
    assert shown.isprintable()
    assert len(shown) < 70


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_in_a_process_of_its_own(tmp_path, language):
    source, out = weights(tmp_path / "narrow.safetensors"), tmp_path / os.fsdecode(b"\xff \xc3\xb6\x1b")
    command = [sys.executable, "-m", "ganlib", "sample", str(source), "--count", "1", "--out"]
    environment = os.environ | {"LANG": language, "LC_ALL": language, "PYTHONCOERCECLOCALE": "0"}
    environment |= {"PYTHONUTF8": "0"}
    done = subprocess.run([*command, f"{out}.png"], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert done.stdout.count(b"\n") == 1
    done = subprocess.run([*command, f"{out}.doc"], capture_output=True, env=environment)
    assert done.returncode == 2
    assert b"names no picture format" in done.stderr

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.cli import main
from ganlib.evaluation.quality import Quality
from ganlib.recipes import Recipe
from ganlib.run import Run
from ganlib.weights import save_generator

RECIPE = Recipe("narrow", width=2, latent_dim=8, batch_size=8)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")


def make(folder):
    """A run folder with a generator that has learnt nothing."""
    run = Run(folder)
    run.start(RECIPE)
    torch.manual_seed(0)
    save_generator(RECIPE.generator(), run.recipe(), 0.0, run.generator_file)
    return run


@pytest.fixture
def run(tmp_path):
    return make(tmp_path / "run")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A run that has been evaluated by a process of its own, and what that printed."""
    run = make(tmp_path_factory.mktemp("evaluated") / "run")
    command = [sys.executable, "-m", "ganlib", "evaluate", str(run.folder), "--count", "30", "--seed", "5"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"GANLIB_TINY": "1"}
    )
    return run, done


def test_evaluate_prints_every_figure_with_what_it_was_computed_with(evaluated):
    shown = evaluated[1].stdout
    assert shown.startswith(
        "30 generated pictures (seeds 5 to 34) next to 30 held-out pictures of 'portraits' at 64 px, as "
        "lite0 sees them at 96 px."
    )
    for words in ("at 64 px", "at 32 px", "at 16 px", "KID x 1000", "precision", "recall", "density"):
        assert words in shown
    for words in (
        "coverage",
        "distinct",
        "neighbours",
        "real: what 30 other real pictures get in their place",
    ):
        assert words in shown
    assert evaluated[1].stderr == ""  # no bar where output goes to a file


def test_evaluate_writes_figures_and_a_picture_into_the_run_folder(evaluated):
    run, done = evaluated
    quality = Quality.from_json(json.loads((run.folder / "quality.json").read_text()))
    assert (quality.count, quality.seed, quality.extractor, quality.real) == (30, 5, "lite0", 30)
    assert quality.kid.half.mean > 2000 > quality.baseline.kid.half.mean
    assert f"{quality.kid.half.mean:.1f}" in done.stdout
    picture = Image.open(run.folder / "quality.png")
    assert picture.size == (1200, 1320)
    assert np.asarray(picture.convert("RGB")).std() > 20
    assert {path.name for path in run.folder.iterdir()} == {
        "recipe.json",
        "samples",
        "generator.safetensors",
        "quality.json",
        "quality.png",
    }


def test_the_best_generator_is_measured_beside_the_last(run, tmp_path, capsys):
    save_generator(RECIPE.generator(), RECIPE, 0.0, run.best_file)
    run.generator_file.unlink()  # so that it is not the one
    out = tmp_path / "new" / "figures"
    arguments = ["evaluate", str(run.folder), "--best", "--count", "20", "--out", str(out)]
    assert main(arguments) == 0
    assert sorted(path.name for path in out.iterdir()) == ["quality-best.json", "quality-best.png"]
    assert str(out / "quality-best.json") in capsys.readouterr().out
    assert not (run.folder / "quality.json").exists()


def test_weights_without_a_run_are_measured_into_the_current_folder(run, tmp_path, monkeypatch):
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    art = tmp_path / "art"
    art.mkdir()
    for k in range(80):
        Image.new("RGB", (64, 64), (3 * k, 100, 255 - 3 * k)).save(art / f"{k}.png")
    arguments = ["evaluate", str(run.generator_file), "--data", str(art), "--count", "20"]
    assert main(arguments) == 0
    values = json.loads((place / "quality.json").read_text())
    assert (values["pictures"], values["real_are"]) == ("art", "training and held-out pictures")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no run folder, weights file or bundled model 'nowhere'"),
        (["run", "--best"], "holds no best.safetensors"),
        (["run", "--count", "3"], "and you ask for 3. Give it more."),
        (["run", "--count", "0"], "and you ask for 0. Give it more."),
        (["run", "--seed", "-1"], "The seed -1 is out of range"),
        (["run", "--extractor", "vgg"], "There is no extractor 'vgg': choose one of lite0, lite2, inception"),
        (["run", "--data", "nothing"], "There is no art 'nothing'"),
        (["run", "--out", "file"], "cannot be a folder, a file stands there"),
    ],
)
def test_a_mistake_is_one_sentence(run, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(run.folder.parent)
    (run.folder.parent / "file").write_text("a file")
    assert main(["evaluate", *arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("ganlib: ")
    assert shown.count("\n") == 1
    assert message in shown
    assert not (run.folder / "quality.json").exists()


def test_other_pictures_than_those_of_the_training_are_refused(tmp_path, capsys):
    folder = str(tmp_path / "run")
    quick = ["--device", "cpu", "--kimg", "0.03", "--set", "width=2", "batch_size=8"]
    assert main(["train", "portraits64", "--data", "patchwork", "--run", folder, *quick]) == 0
    capsys.readouterr()
    assert main(["evaluate", folder, "--count", "20"]) == 2
    assert "was trained on " in (shown := capsys.readouterr().err)
    assert "other pictures than those of 'portraits': name them by --data" in shown
    Run(folder).checkpoint_file.write_bytes(b"damaged")
    Run(folder).previous_checkpoint_file.unlink(missing_ok=True)
    assert main(["evaluate", folder, "--count", "20", "--data", "patchwork"]) == 0

"""Training with classes: labels go with their pictures, and a run resumes to the bit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.cli import main
from ganlib.data.dataset import ImageDataset, load_art
from ganlib.data.loader import Batches
from ganlib.errors import GanlibError
from ganlib.training.trainer import Trainer
from tests.training.test_trainer import StopAt, same_state, train

CLASSES = ("dark", "light")
CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture
def art():
    """Ninety pictures, one third light and the others dark."""
    labels = (np.arange(90) % 3 == 0).astype(np.int64)
    noise = np.random.default_rng(0).integers(0, 60, (90, 32, 32, 3), dtype=np.uint8)
    images = noise + (180 * labels)[:, None, None, None].astype(np.uint8)
    return ImageDataset(images, "shades", labels=labels, classes=CLASSES)


@pytest.fixture
def recipe(recipe):
    return replace(recipe, classes=CLASSES, d_norm="none", loss="relativistic", penalty=(0.5, 0.5))


@pytest.mark.parametrize("size", [7, 16, 100])
def test_labels_are_those_of_the_pictures(art, size):
    batches = Batches(art, min(size, len(art.train)), CPU, seed=1)
    for _ in range(12):
        images = batches.next()
        assert torch.equal(batches.labels(), (images.mean((1, 2, 3)) > 0).long())
    torch.testing.assert_close(batches.class_shares().sum(), torch.tensor(1.0))


def test_g_learns_which_class_is_which(recipe, art, tmp_path):
    trainer = train(replace(recipe, width=8, g_lr=2e-3, d_lr=2e-3), art, tmp_path, kimg=4)
    generator = trainer.state.ema.generator.eval()
    z = torch.randn(32, 8)
    with torch.no_grad():
        dark, light = (generator(z, torch.full((32,), k)).mean() for k in range(2))
    assert light - dark > 0.5
    assert generator.class_shares[0] > generator.class_shares[1]


@pytest.mark.parametrize("changes", [{}, {"d_steps": 1, "g_steps": 2, "loss": "bce", "penalty": (0.0, 0.0)}])
def test_an_interrupted_run_with_classes_ends_with_the_same_bits(recipe, art, tmp_path, changes):
    recipe = replace(recipe, width=2, **changes)
    whole = train(recipe, art, tmp_path / "whole", kimg=0.6)
    train(recipe, art, tmp_path / "parts", kimg=0.6, callbacks=[StopAt(5)])
    parts = train(recipe, art, tmp_path / "parts", kimg=0.6)
    assert same_state(whole.state.state_dict(), parts.state.state_dict())


def test_a_recipe_of_other_classes_is_refused(recipe, art, tmp_path):
    with pytest.raises(GanlibError, match=r"knows the classes dark, blue, and the pictures have dark, light"):
        train(replace(recipe, classes=("dark", "blue")), art, tmp_path, kimg=0.1)


@pytest.fixture
def sorted_folder(tmp_path, art):
    for number, (picture, label) in enumerate(zip(art.images, art.labels, strict=True)):
        path = tmp_path / "paintings" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path / "paintings"


def test_sub_folders_are_classes_where_asked(recipe, sorted_folder, tmp_path):
    art = load_art(sorted_folder, 32)
    assert art.classes == CLASSES
    light = art.images.mean((1, 2, 3)) > 127
    assert (art.labels == light).all()
    plain = replace(recipe, classes=())
    assert Trainer(plain, art, tmp_path / "merged", device="cpu").recipe.classes == ()
    trainer = Trainer(plain, art, tmp_path / "apart", device="cpu", classes=True, callbacks=[])
    run = trainer.fit(kimg=1.1)
    assert run.recipe().classes == CLASSES
    (warning,) = run.log()[-1]["warnings"]
    assert warning["name"] == "uneven classes"
    assert "in 'dark'" in warning["seen"]


def test_pictures_without_folders_have_no_classes(recipe, tmp_path):
    art = ImageDataset(np.zeros((40, 32, 32, 3), np.uint8), "plain")
    with pytest.raises(GanlibError, match="'plain' has no classes: put every picture into one of two"):
        Trainer(replace(recipe, classes=()), art, tmp_path, device="cpu", classes=True)


def test_train_and_sample_a_class_from_the_command_line(sorted_folder, tmp_path, recipe, capsys):
    (tmp_path / "tiny.json").write_text(json.dumps(replace(recipe, classes=()).to_json()))
    run = str(tmp_path / "run")
    words = ["train", str(tmp_path / "tiny.json"), "--data", str(sorted_folder), "--classes", "--run", run]
    assert main([*words, "--kimg", "0.1", "--device", "cpu"]) == 0
    for name in CLASSES:
        assert main(["sample", run, "--class", name, "--out", str(tmp_path / f"{name}.png")]) == 0
    assert (tmp_path / "dark.png").read_bytes() != (tmp_path / "light.png").read_bytes()
    assert main(["sample", run, "--class", "blue"]) == 2
    assert "There is no class 'blue': choose among dark, light." in capsys.readouterr().err

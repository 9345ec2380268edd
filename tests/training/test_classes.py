"""Training with classes: labels go with their pictures, and a run resumes to the bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganlib.data.dataset import ImageDataset
from ganlib.data.loader import Batches
from ganlib.errors import GanlibError
from tests.training.test_trainer import StopAt, same_state, train

CLASSES = ("dark", "light")
CPU = torch.device("cpu")


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

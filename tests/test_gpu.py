"""What only a real GPU can show; what any second device shows is in test_second_device.py."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganlib.data.dataset import ImageDataset
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import measure_quality
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import get_recipe, recipe_names
from ganlib.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.usefixtures("full_length"),
]


@pytest.mark.parametrize("name", recipe_names())
def test_a_step_of_every_recipe_never_waits_for_the_gpu(name, tmp_path):
    recipe = replace(get_recipe(name), batch_size=8)
    noise = np.random.default_rng(0).integers(0, 256, (40, *recipe.shape, 3), dtype=np.uint8)
    trainer = Trainer(recipe, ImageDataset(noise, "noise"), tmp_path / "run", device="cuda", callbacks=[])
    with trainer.state.rng.used():
        trainer.train_step()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for _ in range(recipe.penalty_every):
                trainer.train_step()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert trainer.state.is_finite()


def test_a_run_on_a_gpu_goes_on_to_the_bit(recipe, art, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)

    def trained(name, *budgets):
        for kimg in budgets:
            trainer = Trainer(recipe, art, tmp_path / name, device="cuda", callbacks=[])
            trainer.fit(kimg=kimg)
        return list(trainer.state.generator.parameters())

    whole, parts = trained("whole", 0.6), trained("parts", 0.3, 0.6)
    assert all(torch.equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_pictures_and_figures_are_those_of_the_cpu(recipe, art):
    generator = recipe.generator()
    z = sample_latent(20, recipe.latent_dim)
    looks = get_extractor("lite0", "cpu")
    here = generate(generator, z)
    quality = measure_quality(generator, art, extractor=looks, count=20, progress=False)
    there = generate(generator.to("cuda"), z)
    assert (here - there).abs().max() < 0.02  # convolutions in TF32
    found = measure_quality(generator, art, count=20, progress=False)
    assert found.kid.half.mean == pytest.approx(quality.kid.half.mean, rel=0.05)

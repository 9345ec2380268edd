"""One step of every recipe in half precision, beside the same step in fp32."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn.functional import cosine_similarity

from ganlib.data.dataset import ImageDataset
from ganlib.recipes import get_recipe, recipe_names
from ganlib.training import trainer as training
from ganlib.training.trainer import Trainer

FEW = 128  # px
SCALE = 2.0**10  # of fp16's losses
PRECISIONS = {"bf16": 0.04, "fp16": 0.01}  # how far losses may be from those in fp32
ALIKE = {"bf16": (0.93, 0.98), "fp16": (0.97, 0.995)}  # cosines of the gradients of G and of D, at least


def accelerator_in(precision, scale=SCALE):
    """Accelerate's fp16 wants a GPU, so it is told on a CPU afterwards; the scaler is torch's own."""
    AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=True, mixed_precision="no" if precision == "fp32" else "bf16")
    if precision == "fp16":
        accelerator.state._mixed_precision = "fp16"
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    return accelerator


def trainer_in(precision, recipe, folder, scale=SCALE):
    height, width = recipe.shape
    coarse = np.random.default_rng(0).integers(0, 256, (40, height // 8, width // 8, 3), dtype=np.uint8)
    art = ImageDataset(coarse.repeat(8, 1).repeat(8, 2), "blocks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_accelerator", lambda _: accelerator_in(precision, scale))
        return Trainer(recipe, art, folder, device="cpu", precision="fp32", callbacks=[])


def stepped(precision, recipe, folder):
    """The losses of D and G, and the gradients of both nets as one vector each, after one step."""
    trainer = trainer_in(precision, recipe, folder / precision)
    with trainer.state.rng.used():
        trainer.train_step()
    nets = trainer.state.generator, trainer.state.discriminator
    gradients = [torch.cat([weight.grad.flatten() for weight in net.parameters()]) for net in nets]
    return trainer.last_losses(), gradients


@pytest.mark.parametrize("name", recipe_names())
def test_a_step_in_half_precision_agrees_with_one_in_fp32(name, tmp_path):
    recipe = get_recipe(name)
    recipe = replace(recipe, batch_size=4 if max(recipe.shape) <= FEW else 2)
    losses, gradients = stepped("fp32", recipe, tmp_path)
    for precision, apart in PRECISIONS.items():
        found, its_gradients = stepped(precision, recipe, tmp_path)
        assert found == pytest.approx(losses, abs=apart)
        assert found != losses
        for one, other, alike in zip(gradients, its_gradients, ALIKE[precision], strict=True):
            assert alike < cosine_similarity(one, other, dim=0) < 1.0001
            assert (other.norm() / one.norm()).item() == pytest.approx(1, abs=0.05)


def test_a_gradient_too_large_for_fp16_costs_one_step_and_halves_the_scale(recipe, tmp_path):
    trainer = trainer_in("fp16", recipe, tmp_path / "run", scale=2.0**40)
    before = [weights.detach().clone() for weights in trainer.state.generator.parameters()]
    with trainer.state.rng.used():
        trainer.train_step()
    after = trainer.state.generator.parameters()
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert trainer.state.accelerator.scaler.get_scale() < 2.0**40
    assert trainer.train_step.measures()["g_gradient"] is None

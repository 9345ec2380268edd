"""What is shown is what is generated: exactly up to 256 px, and as good as that above."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

import ganlib
from ganlib.data.dataset import to_bytes
from ganlib.latent.sampling import sample_latent
from ganlib.recipes import Recipe
from ganlib.studio.renderer import Renderer
from ganlib.weights import save_generator


def renderer_of(folder, size):
    """A renderer of a generator that was not trained, but whose pictures have contrast."""
    recipe = Recipe("plain", size=size, latent_dim=16, width=2)
    generator = recipe.generator()
    torch.manual_seed(1)
    for layer in generator.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0  # it takes its statistics from the one batch that follows
        elif isinstance(layer, torch.nn.ConvTranspose2d):
            torch.nn.init.normal_(layer.weight, std=0.3)
    generator(torch.randn(4, 16))
    save_generator(generator, recipe, 0.0, folder / "plain.safetensors")
    return Renderer(folder / "plain.safetensors")


def off_by(folder, size):
    """The mean difference, in steps of 255, between what a renderer shows and what is generated."""
    renderer, z = renderer_of(folder, size), sample_latent(1, 16, seed=3)
    wanted = to_bytes(ganlib.generate(renderer.generator, z))[0].numpy()
    assert wanted.std() > 20
    shown = Image.open(BytesIO(renderer.picture(z[0])))
    assert shown.format == "WEBP"
    return np.abs(np.asarray(shown).astype(int) - wanted).mean()


@pytest.mark.parametrize("in_bf16", [False, True])
@pytest.mark.parametrize("size", [32, 256, 512])
def test_only_a_large_picture_on_a_cpu_that_is_quicker_in_bf16_is_rounded(
    tmp_path, monkeypatch, size, in_bf16
):
    monkeypatch.setenv("GANLIB_PRECISION", "bf16" if in_bf16 else "fp32")
    difference = off_by(tmp_path, size)
    if size == 512 and in_bf16:
        assert 0 < difference < 2
    else:
        assert difference == 0


def test_small_pictures_are_shown_without_a_loss(tmp_path):
    renderer, z = renderer_of(tmp_path, 96), sample_latent(3, 16)
    sheet = np.asarray(Image.open(BytesIO(renderer.thumbnails(z, 3))).convert("RGB"))
    wanted = to_bytes(ganlib.generate(renderer.generator, z)).numpy()
    assert np.array_equal(sheet, np.concatenate(list(wanted), axis=1))


def test_what_is_shown_is_in_fp32_again_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_PRECISION", "bf16")
    off_by(tmp_path, 512)
    assert not torch.is_autocast_enabled("cpu")

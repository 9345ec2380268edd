"""Short batches, batches of one, and folders that are odd but honest: every recipe trains on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.data.dataset import ImageDataset, load_art
from ganlib.errors import GanlibError
from ganlib.recipes import Recipe, get_recipe
from ganlib.training.callbacks import Callback
from ganlib.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("full_length")
RECIPES = ["portraits64", "gallery512", "artportraits64", "artgan64"]


def tiny(name: str, **changes) -> Recipe:
    return replace(get_recipe(name), width=2, **changes)


def some(count: int, size: int) -> ImageDataset:
    """So many soft random pictures to train on, and none held out."""
    coarse = np.random.default_rng(2).integers(0, 256, (count + 12, 8, 8, 3), dtype=np.uint8)
    more = ImageDataset(coarse.repeat(size // 8, 1).repeat(size // 8, 2), "blocks")
    assert len(more.train) >= count
    return ImageDataset(more.images[more.train[:count]], "blocks")


class Sizes(Callback):
    """How many real pictures each step had."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def on_step(self, trainer: Trainer) -> None:
        self.shown.append(trainer.state.images - sum(self.shown))


def train(recipe: Recipe, art: ImageDataset, folder: Path, kimg: float) -> list[int]:
    """Train, see that all is finite, and return how many pictures each step had."""
    sizes = Sizes()
    trainer = Trainer(recipe, art, folder, device="cpu", callbacks=[sizes])
    trainer.fit(kimg=kimg)
    state = trainer.state
    for net in (state.generator, state.discriminator, state.ema.generator):
        assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
    with torch.no_grad():
        painted = state.ema.generator(torch.randn(2, recipe.latent_dim))
    assert painted.isfinite().all()
    return sizes.shown


@pytest.mark.parametrize("name", RECIPES)
def test_the_last_batch_of_an_epoch_may_be_short_or_of_one(name, tmp_path):
    size = get_recipe(name).size
    assert train(tiny(name, batch_size=3), some(5, size), tmp_path / "short", 0.008) == [3, 2, 3]
    assert train(tiny(name, batch_size=3), some(4, size), tmp_path / "one", 0.007) == [3, 1, 3]


@pytest.mark.parametrize("name", RECIPES)
def test_batches_of_one_train(name, tmp_path):
    recipe = tiny(name, batch_size=1)
    assert train(recipe, some(2, recipe.size), tmp_path / "run", 0.003) == [1, 1, 1]


@pytest.mark.parametrize("changes", [{}, {"fakes": "fresh"}, {"g_steps": 2}, {"steps_in": "epochs"}])
@pytest.mark.parametrize("family", ["dcgan", "excited", "resize"])
def test_batches_of_one_train_at_32_px_too(family, changes, tmp_path):
    recipe = Recipe("test", size=32, latent_dim=8, width=2, batch_size=1, family=family, **changes)
    assert sum(train(recipe, some(2, 32), tmp_path / "run", 0.003)) == 3


def test_a_batch_larger_than_the_set_is_a_sentence(tmp_path):
    with pytest.raises(GanlibError, match="A batch of 65 is larger than the 5 pictures"):
        Trainer(tiny("portraits64", batch_size=65), some(5, 64), tmp_path / "run", device="cpu")


def folder_of(kind: str, folder: Path) -> Path:
    """70 small files: grey ones, ones in a single class, or all the same."""
    place = folder / "portraits" if kind == "one class" else folder
    place.mkdir(parents=True)
    random = np.random.default_rng(3)
    same = np.random.default_rng(4).integers(0, 256, (8, 8, 3), dtype=np.uint8)  # this one is not held out
    for number in range(70):
        pixels = random.integers(0, 256, (8, 8) if kind == "grey" else (8, 8, 3), dtype=np.uint8)
        if kind in {"same", "flat"}:
            pixels = same if kind == "same" else np.full((8, 8, 3), 200, dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((72, 64), Image.Resampling.NEAREST)
        picture.save(place / f"{number}.png", compress_level=1)
    return folder


@pytest.fixture(scope="module", params=["grey", "one class", "same", "flat"])
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    return request.param, folder_of(request.param, tmp_path_factory.mktemp("odd") / "folder")


@pytest.mark.parametrize("name", RECIPES)
def test_odd_folders_train(name, odd, tmp_path):
    kind, folder = odd
    recipe = tiny(name, batch_size=2, size=64)  # the files are small
    art = load_art(folder, recipe.size)
    assert art.images.shape == (70, 64, 64, 3)
    if kind == "grey":
        assert (art.images[:3] == art.images[:3, ..., :1]).all()
    if kind in {"same", "flat"}:
        assert (art.images == art.images[:1]).all()
    assert train(recipe, art, tmp_path / "run", 0.004) == [2, 2]


def test_equal_pictures_that_are_all_held_out_are_a_sentence(tmp_path):
    held_out = next(
        level
        for level in range(256)
        if len(ImageDataset(np.full((1, 64, 64, 3), level, np.uint8), "").held_out)
    )
    art = ImageDataset(np.full((9, 64, 64, 3), held_out, np.uint8), "one colour")
    with pytest.raises(GanlibError, match="All pictures of 'one colour' are held out"):
        Trainer(tiny("portraits64", batch_size=2), art, tmp_path / "run", device="cpu")

"""Everything on a device that is not the CPU: what stays behind there, and what waits for it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import PartialState
from accelerate.state import AcceleratorState
from PIL import Image

from ganlib.data import loader
from ganlib.data.dataset import ImageDataset
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.quality import measure_quality
from ganlib.hub.onnx import export_onnx
from ganlib.latent.directions import ganspace_directions, sefa_directions
from ganlib.latent.projection import project
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.runtime import device as runtime
from ganlib.studio.app import LatentStudio
from ganlib.training.logger import Evaluation
from ganlib.training.trainer import Trainer
from ganlib.weights import load
from tests.pretended import DEVICE, NAME, DrawError, Pretended, WaitError
from tests.studio.driver import Driver, save_weights

FEW = 128  # px
SUBPIXEL = Recipe(
    "subpixel", family="subpixel", size=128, width=4, d_norm="none", quarter_turns=True, hflip=True
)
MODERN = Recipe(
    "modern",
    size=32,
    width=4,
    latent_dim=8,
    d_norm="none",
    minibatch_stddev=True,
    loss="relativistic",
    penalty=(0.5, 0.5),
    penalty_every=2,
    augment=("translate", "colour", "cutout", "flip"),
    batch_size=16,
)
RECIPES = {name: get_recipe(name) for name in recipe_names()} | {
    "subpixel": SUBPIXEL,
    "all augmentations": MODERN,
    "frozen features": replace(MODERN, size=64, projected=1.0, projected_every=2),
}


@pytest.fixture
def device(monkeypatch):
    """A device that is found as the best there is."""
    described = runtime._describe
    machine = runtime.Machine(DEVICE, "no", "no real device", 16.0)
    monkeypatch.setattr(runtime, "_best_device", lambda: NAME)
    monkeypatch.setattr(runtime, "_describe", lambda kind: machine if kind == NAME else described(kind))
    monkeypatch.setattr(PartialState, "default_device", DEVICE)
    AcceleratorState._reset_state(reset_partial_state=True)
    with Pretended() as device:
        # The one place that knows CUDA by name: memory that the device fetches by itself.
        monkeypatch.setattr(loader, "_pinned", lambda tensor, _: device.pin(tensor))
        monkeypatch.setattr(loader, "_sent", lambda tensor, place: tensor.to(place, non_blocking=True))
        yield device
    AcceleratorState._reset_state(reset_partial_state=True)


def pictures(size, count=40):
    height, width = Recipe("", size=size).shape
    random = np.random.default_rng(0)
    return ImageDataset(random.integers(0, 256, (count, height, width, 3), dtype=np.uint8), "noise")


def trainer_of(recipe, folder, **settings):
    recipe = replace(recipe, batch_size=4 if max(recipe.shape) <= FEW else 2)
    return Trainer(recipe, pictures(recipe.size), folder, callbacks=[], **settings)


def steps(trainer, device, count=1):
    """The first step may wait, as it does in `fit`; no other may."""
    with trainer.state.rng.used():
        trainer.train_step()
        with device.never_waits():
            for _ in range(count):
                trainer.train_step()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_steps_on_the_device_and_never_waits_for_it(name, device, tmp_path):
    trainer = trainer_of(RECIPES[name], tmp_path / "run")
    before = [weights.detach().cpu() for weights in trainer.state.generator.parameters()]
    steps(trainer, device)
    after = [weights.detach() for weights in trainer.state.generator.parameters()]
    assert {weights.device for weights in after} == {DEVICE}
    assert any(not torch.equal(one, other.cpu()) for one, other in zip(before, after, strict=True))
    assert all(np.isfinite(value) for value in trainer.train_step.measures().values() if value is not None)


def test_classes_step_on_the_device(device, tmp_path):
    art = pictures(32)
    names = ("cats", "dogs")
    labelled = ImageDataset(art.images, "two kinds", labels=np.arange(40) % 2, classes=names)
    trainer = Trainer(MODERN, labelled, tmp_path / "run", classes=True, callbacks=[])
    steps(trainer, device, 4)  # a new epoch among them
    assert trainer.train_step.measures()["d_loss"] > 0


@pytest.mark.usefixtures("full_length")
def test_a_run_logs_measures_saves_and_goes_on_to_the_bit(device, tmp_path):
    recipe, art = replace(MODERN, batch_size=40), pictures(32)

    def trained(name, *kimg):
        for budget in kimg:
            watched = Evaluation(kimg=1)
            trainer = Trainer(recipe, art, tmp_path / name, callbacks=[], evaluation=watched)
            trainer.fit(kimg=budget)
        return trainer

    whole, parts = trained("whole", 2), trained("parts", 1, 2)
    assert [row["kid"] is not None for row in whole.run.log()] == [True, True]
    assert whole.run.best_file.exists()
    for one, other in zip(*(list(t.state.generator.parameters()) for t in (whole, parts)), strict=True):
        assert torch.equal(one.detach().cpu(), other.detach().cpu())


def test_samples_directions_and_a_projection_are_those_of_the_cpu(device, tmp_path):
    weights = save_weights(tmp_path / "tiny.safetensors")
    (here, _), (there, _) = load(weights), load(weights)
    there.to(DEVICE)
    z = sample_latent(5, here.latent_dim)
    picture = generate(here, z)
    assert torch.equal(generate(there, z), picture)
    for find in (sefa_directions, ganspace_directions):
        assert torch.equal(find(here, 4).vectors, find(there, 4).vectors)
    found = [project(net, picture[0], steps=5, shown=False) for net in (here, there)]
    assert torch.equal(found[0].z, found[1].z)


def test_quality_is_that_of_the_cpu(device, tmp_path):
    (here, _), (there, _) = (load(save_weights(tmp_path / "tiny.safetensors")) for _ in range(2))
    art = pictures(32)
    found = measure_quality(there.to(DEVICE), art, count=20, progress=False)
    expected = measure_quality(here, art, extractor=get_extractor("lite0", "cpu"), count=20, progress=False)
    assert found.kid.full.mean == pytest.approx(expected.kid.full.mean, rel=1e-3)
    assert found.manifold == expected.manifold


def test_the_studio_paints_and_projects(device, tmp_path, monkeypatch):
    monkeypatch.setattr("ganlib.studio.files._SEARCH", (1, 2))
    driver = Driver(LatentStudio(save_weights(tmp_path / "tiny.safetensors"), folder=tmp_path / "saved"))
    before = driver.picture
    driver.set("direction-1", 3.0)
    assert driver.picture != before
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    driver.set("path", str(tmp_path / "red.png"))
    driver.click("open")
    driver.click("project")
    assert "projection of red.png" in driver.status
    assert next(driver.studio._renderer.generator.parameters()).device == DEVICE


def test_a_run_of_the_device_is_exported_from_the_cpu(device, tmp_path):
    trainer = trainer_of(MODERN, tmp_path / "run")
    trainer.fit(kimg=0.01)
    with device.left():
        assert export_onnx(tmp_path / "run", tmp_path / "net.onnx").stat().st_size > 0


def planted(monkeypatch, fault, trainer):
    """Make one mistake that only another device shows."""
    step, nets = trainer.train_step, trainer.state.nets()
    if fault == "left behind":
        norm = next(layer for layer in nets["generator"].modules() if hasattr(layer, "running_mean"))
        norm.running_mean = norm.running_mean.cpu()
    elif fault == "numpy":
        monkeypatch.setattr(step, "_labels", lambda *_: (trainer.state.totals.numpy(), ())[1])
    elif fault == "wait":
        monkeypatch.setattr(step, "_labels", lambda *_: (trainer.state.totals.sum().item(), ())[1])
    elif fault == "fetched":
        monkeypatch.setattr(step, "_labels", lambda *_: (trainer.state.totals.cpu(), ())[1])
    elif fault == "not pinned":
        monkeypatch.setattr(step, "_labels", lambda *_: (torch.ones(2).to(DEVICE, non_blocking=True), ())[1])
    elif fault == "wrong stream":
        drawn = torch.randn
        monkeypatch.setattr(torch, "randn", lambda *n, device: drawn(*n).to(device, non_blocking=True))
    else:
        for moments in trainer.state.d_optimizer.optimizer.state.values():
            moments["step"] = moments["step"].cpu()


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("left behind", RuntimeError, "same device"),
        ("numpy", TypeError, "convert pretended:0 device type tensor to numpy"),
        ("wait", WaitError, "_local_scalar_dense"),
        ("fetched", WaitError, "copies between host and device"),
        ("not pinned", WaitError, "copies between host and device"),
        ("wrong stream", DrawError, "stream of the CPU"),
        ("state of Adam", RuntimeError, "same device"),
    ],
)
def test_a_mistake_is_found(fault, error, says, device, monkeypatch, tmp_path):
    trainer = trainer_of(MODERN, tmp_path / "run")
    steps(trainer, device)
    planted(monkeypatch, fault, trainer)
    with pytest.raises(error, match=says):
        steps(trainer, device)

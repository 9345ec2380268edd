"""A generator as ONNX paints the same pictures in onnxruntime, whatever its family and the batch."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import Conv2d, ConvTranspose2d

import ganlib
from ganlib.errors import GanlibError
from ganlib.nets.registry import FAMILIES
from ganlib.weights import save_generator

SMALL = {"size": 32, "latent_dim": 8, "width": 4}
WITHOUT_NORM = {"init": "default", "g_norm": "none", "d_norm": "none"}
RECIPES = [
    ganlib.Recipe("dcgan", **SMALL),
    ganlib.Recipe("dcgan that enlarges", resize_stages=2, **SMALL),
    ganlib.Recipe("subpixel", family="subpixel", d_norm="none", init="default", **SMALL | {"size": 256}),
    ganlib.Recipe("excited", family="excited", **SMALL),
    ganlib.Recipe("resize", family="resize", init="default", **SMALL),
    ganlib.Recipe("residual", family="residual", **WITHOUT_NORM, **SMALL | {"size": 128, "width": 2}),
]


def painted(path, z):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (pictures,) = session.run(["pictures"], {"z": z.numpy()})
    return pictures


def as_if_trained(recipe):
    """A generator all of whose weights count, and whose pictures are neither grey nor black and white.

    At their start residual blocks do nothing, nor do norms.
    """
    generator = recipe.generator()
    for name, values in generator.state_dict().items():
        if name.endswith("running_var"):
            values.uniform_(0.5, 2.0)
        elif values.is_floating_point():
            values.add_(torch.randn_like(values), alpha=0.1)
    *_, last = (layer for layer in generator.modules() if isinstance(layer, (Conv2d, ConvTranspose2d)))
    spread = ganlib.generate(generator, ganlib.sample_latent(5, recipe.latent_dim)).atanh().std()
    for values in last.parameters():
        values.data.mul_(1 / spread)  # before tanh, pictures are in proportion to these
    return generator


def test_every_family_is_tried():
    assert {recipe.family for recipe in RECIPES} == set(FAMILIES)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_each_family_paints_the_same(recipe, tmp_path):
    save_generator(as_if_trained(recipe), recipe, 1.0, tmp_path / "weights.safetensors")
    path = ganlib.export_onnx(tmp_path / "weights.safetensors", tmp_path / "new" / "weights.onnx")
    generator, _ = ganlib.load(tmp_path / "weights.safetensors")
    for count in (1, 5):
        z = ganlib.sample_latent(count, recipe.latent_dim, 5)
        pictures = painted(path, z)
        assert pictures.shape == (count, 3, recipe.size, recipe.size)
        assert np.abs(pictures - ganlib.generate(generator, z).numpy()).max() < 1e-3
        assert 0.1 < pictures.std() < 0.9


def test_the_bundled_portraits_as_other_programs_see_them(tmp_path):
    path = tmp_path / "portraits.onnx"
    command = [sys.executable, "-m", "ganlib", "export", "portraits", "--out", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: {path.stat().st_size / 1e6:.1f} MB\n"
    assert done.stderr == ""  # the exporter has a lot to say of its own workings
    assert list(tmp_path.glob("*.*")) == [path]
    model = onnx.load(path)
    onnx.checker.check_model(model)
    (taken,), (given,) = model.graph.input, model.graph.output
    assert (taken.name, shape(taken)) == ("z", ["pictures", 100])
    assert (given.name, shape(given)) == ("pictures", ["pictures", 3, 64, 64])
    z = ganlib.sample_latent(3, 100, 7)
    assert np.abs(painted(path, z) - ganlib.generate(ganlib.load("portraits")[0], z).numpy()).max() < 1e-3


def shape(value):
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(GanlibError, match="pip install onnx onnxscript"):
        ganlib.export_onnx("portraits", tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "out", "sentence"),
    [
        ("nobody", "a.onnx", "no run folder"),
        ("portraits", "a.png", "let it end in .onnx"),
    ],
)
def test_mistakes(tmp_path, source, out, sentence):
    with pytest.raises(GanlibError, match=sentence):
        ganlib.export_onnx(source, tmp_path / out)
    assert list(tmp_path.iterdir()) == []

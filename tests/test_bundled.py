"""The weights that come with ganlib."""

import hashlib
import json
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest

import ganlib
from ganlib.assets import bundled_folder
from ganlib.cli import _parser
from ganlib.data.art import load_art
from ganlib.data.imageset import to_bytes
from ganlib.latent import paint, sample_latent
from ganlib.recipes import Recipe, get_recipe, override
from ganlib.run import load_generator

WEIGHTS = sorted((bundled_folder() / "weights").glob("*.safetensors"))


def test_there_are_bundled_weights():
    assert [path.stem for path in WEIGHTS] == ["portraits"]


@pytest.mark.parametrize("path", WEIGHTS, ids=[path.stem for path in WEIGHTS])
def test_they_are_small_and_documented(path):
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.stat().st_size <= 8_000_000
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Recipe.from_json(facts["recipe"]) == load_generator(path.stem)[1]
    assert facts["minutes"] > 0
    typed = _parser().parse_args(shlex.split(facts["command"])[3:])
    assert override(get_recipe(typed.recipe), typed.settings) == Recipe.from_json(facts["recipe"])
    assert (typed.kimg, typed.data) == (facts["kimg"], facts["art"])


def test_they_paint_varied_portraits_with_the_colours_of_the_real_ones():
    generator, recipe = load_generator("portraits")
    painted = to_bytes(paint(generator, sample_latent(64, recipe.latent_dim))).numpy().astype(float)
    real = load_art("portraits").images[:500].astype(float)
    assert np.abs(painted.mean((0, 1, 2)) - real.mean((0, 1, 2))).max() < 25
    variety = painted.std(0).mean() / real.std(0).mean()
    assert 0.6 < variety < 1.4
    apart = np.abs(painted[:, None] - painted[None, :]).mean((2, 3, 4))
    assert apart[~np.eye(64, dtype=bool)].min() > 5


def test_an_installed_ganlib_has_all_its_packages():
    root = Path(ganlib.__file__).parents[1]
    listed = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    found = {".".join(path.parent.relative_to(root).parts) for path in (root / "ganlib").rglob("__init__.py")}
    assert set(listed) == found | {"ganlib.bundled"}

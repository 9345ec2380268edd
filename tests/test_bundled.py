"""The weights that come with ganlib."""

import hashlib
import importlib.util
import json
import shlex

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import avg_pool2d

import ganlib
from ganlib.cli import _parser
from ganlib.data.dataset import load_art, to_bytes
from ganlib.latent.sampling import generate, sample_latent
from ganlib.recipes import Recipe, get_recipe, override
from ganlib.runtime.files import bundled_folder
from ganlib.studio.notes import read_notes
from ganlib.weights import load_generator, save_generator

WEIGHTS = sorted((bundled_folder() / "weights").glob("*.safetensors"))


def _script(name):
    """The program of that name in `data/`."""
    spec = importlib.util.spec_from_file_location(name, bundled_folder() / f"{name}.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def test_there_are_bundled_weights():
    assert [path.stem for path in WEIGHTS] == ["patchwork", "portraits"]


@pytest.mark.parametrize("path", WEIGHTS, ids=[path.stem for path in WEIGHTS])
def test_they_are_small_and_documented(path):
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert path.stat().st_size <= 4_000_000
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert Recipe.from_json(facts["recipe"]) == load_generator(path.stem)[1]
    assert facts["minutes"] > 0
    assert facts["quality"]["measured_with"].startswith("lite0 at ")
    assert facts["quality"]["kid_real_against_real"]["half"] < facts["quality"]["kid"]["half"] < 300
    typed = [_parser().parse_args(shlex.split(command)[3:]) for command in facts["commands"]]
    assert [vars(one)["from"] for one in typed] == [None, *(str(one.run) for one in typed[:-1])]
    assert override(get_recipe(typed[-1].recipe), typed[-1].settings) == Recipe.from_json(facts["recipe"])
    assert (typed[-1].kimg, typed[-1].data) == (facts["kimg"], facts["art"])


def test_they_paint_varied_portraits_with_the_colours_of_the_real_ones():
    generator, recipe = load_generator("portraits")
    painted = to_bytes(generate(generator, sample_latent(64, recipe.latent_dim))).numpy().astype(float)
    real = load_art("portraits").images[:500].astype(float)
    assert np.abs(painted.mean((0, 1, 2)) - real.mean((0, 1, 2))).max() < 25
    variety = painted.std(0).mean() / real.std(0).mean()
    assert 0.6 < variety < 1.4
    apart = np.abs(painted[:, None] - painted[None, :]).mean((2, 3, 4))
    assert apart[~np.eye(64, dtype=bool)].min() > 5


def test_its_labelled_directions_change_what_they_are_called_more_than_the_rest():
    labelling = _script("label_directions")
    generator, recipe = load_generator("portraits")
    path = bundled_folder() / "weights" / "portraits.directions.json"
    noted = read_notes(path, recipe.latent_dim).directions
    assert [one.name for one in noted] == [attribute.__name__ for attribute in labelling.ATTRIBUTES]
    z = sample_latent(96, recipe.latent_dim, seed=90_000)

    def measured(points):
        pictures = generate(generator, points)
        return torch.stack([attribute(pictures) for attribute in labelling.ATTRIBUTES])  # (4, N)

    spread = measured(z).std(1)
    moves = [measured(z + 2 * one.vector).mean(1) - measured(z - 2 * one.vector).mean(1) for one in noted]
    effects = torch.stack(moves) / spread  # (direction, attribute)
    assert (effects.diagonal() > 1).all()
    assert (effects - effects.diagonal().diag()).abs().max() < 0.5
    again = labelling.labelled("portraits").directions
    assert all(one.vector @ other.vector > 0.999 for one, other in zip(noted, again, strict=True))


@pytest.mark.parametrize(("name", "count"), [("portraits", 128), ("patchwork", 32)])
def test_a_discriminator_is_documented_and_tells_held_out_pictures_from_generated_ones(name, count):
    path = bundled_folder() / "weights" / "discriminators" / f"{name}.safetensors"
    facts = json.loads((bundled_folder() / "weights" / f"{name}.json").read_text(encoding="utf-8"))
    assert facts["discriminator"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    generator, recipe = load_generator(name)
    discriminator = recipe.discriminator().eval()
    discriminator.load_state_dict(load_file(path))
    art = load_art(name, recipe.size)
    with torch.no_grad():
        real = discriminator(art.tensor(art.held_out[:count]))
        fake = discriminator(generate(generator, sample_latent(count, recipe.latent_dim)))
    assert 0.6 < (real > fake).float().mean() < 0.99


def test_the_quilts_have_sharp_edges_flat_colours_and_are_no_copies():
    generator, recipe = load_generator("patchwork")
    art = load_art("patchwork")
    made, real = generate(generator, sample_latent(16, recipe.latent_dim)), art.tensor(art.train)

    def steps(pictures):
        """How far neighbouring pixels are apart, in levels of 255, sorted."""
        return (pictures.diff(dim=3).abs().amax(1).flatten(1) * 127.5).sort(1).values

    found, wanted = steps(made), steps(real[:16])
    assert found[:, : found.shape[1] // 2].mean() < 3
    assert found[:, -300:].mean() > 0.4 * wanted[:, -300:].mean()
    small = [avg_pool2d(pictures, 16) for pictures in (made, real)]
    positions = [turned.rot90(k, (2, 3)) for turned in (small[1], small[1].flip(3)) for k in range(4)]
    known = torch.cat(positions).flatten(1)
    to_known = torch.cdist(small[0].flatten(1), known).amin(1)
    among_real = torch.cdist(small[1][:16].flatten(1), known).sort(1).values[:, 1]
    assert to_known.median() > 0.5 * among_real.median()


@pytest.mark.parametrize("best", [False, True])
def test_a_run_is_bundled_with_its_age_its_command_and_its_score(tmp_path, best):
    bundling = _script("bundle_weights")
    recipe = override(get_recipe("portraits64-cpu"), ["size=32", "width=4", "latent_dim=8"])
    trainer = ganlib.Trainer(recipe, load_art("portraits", 32), tmp_path / "run", callbacks=[], device="cpu")
    run = trainer.fit(kimg=0.2)
    rows = [{"step": 1, "kimg": 1234.567, "seconds": 600.0}, {"step": 2, "kimg": 2345.678, "seconds": 1500.0}]
    run.log_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    save_generator(recipe.generator(), run.recipe(), 1234.567, run.best_file)
    save_generator(load_generator(run.folder)[0], run.recipe(), 2345.678, run.generator_file)
    path = bundling.bundle(run, "mine", "portraits", 1, best, tmp_path)
    facts = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert (facts["kimg"], facts["minutes"]) == ((1234.567, 10.0) if best else (2345.678, 25.0))
    typed = _parser().parse_args(shlex.split(facts["commands"][0])[3:])
    assert (typed.kimg, override(get_recipe(typed.recipe), typed.settings)) == (facts["kimg"], recipe)
    assert facts["quality"] == bundling.quality(path, "portraits")
    assert facts["quality"]["measured_with"].startswith("lite0 at 96 px: 40 samples of 32 px")
    weights, given = load_generator(run.weights_file(best=best))[0], load_generator(path)[0]
    for mine, theirs in zip(given.parameters(), weights.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-3)

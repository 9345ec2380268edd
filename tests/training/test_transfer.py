"""Transfer learning: what fits is taken, and a sentence says how much."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import ganlib
from ganlib.data.dataset import ImageDataset, load_art
from ganlib.errors import GanlibError
from ganlib.runtime.files import bundled_folder
from ganlib.training.trainer import Trainer
from ganlib.training.transfer import copy_fitting, share_that_fits
from tests.training.test_trainer import same_state, train

pytestmark = pytest.mark.usefixtures("full_length")


@pytest.fixture
def trained(recipe, art, tmp_path):
    return train(recipe, art, tmp_path / "trained", kimg=0.1)


def begun(recipe, art, folder, source):
    return Trainer(replace(recipe, seed=1), art, folder, start_from=source, device="cpu", callbacks=[])


def same(net, weights):
    return all(torch.equal(tensor, weights[name]) for name, tensor in net.state_dict().items())


def test_a_run_gives_all_its_weights_to_the_next(trained, recipe, art, tmp_path):
    trainer = begun(recipe, art, tmp_path / "next", trained.run.folder)
    assert trainer.started_from == f"Started from '{trained.run.folder}': 100% of G, 100% of D."
    average = trained.state.ema.generator.state_dict()
    assert same(trainer.state.nets()["generator"], average)
    assert same(trainer.state.ema.generator, average)
    assert same(trainer.state.nets()["discriminator"], trained.state.nets()["discriminator"].state_dict())
    assert trainer.state.step == 0


def test_a_generator_alone_lets_d_begin_anew(trained, recipe, art, tmp_path):
    fresh = Trainer(replace(recipe, seed=1), art, tmp_path / "fresh", device="cpu")
    trainer = begun(recipe, art, tmp_path / "next", trained.run.generator_file)
    assert trainer.started_from.endswith("100% of G, D starts from random weights.")
    assert same(trainer.state.nets()["discriminator"], fresh.state.nets()["discriminator"].state_dict())


def test_the_log_and_the_card_know_what_it_began_with(trained, recipe, art, tmp_path):
    trainer = begun(recipe, art, tmp_path / "next", trained.run.folder)
    run = trainer.fit(kimg=1.1)
    assert [row.get("started_from") for row in run.log()] == [trainer.started_from, None]
    assert "| began with | Started from " in (ganlib.share(run) / "README.md").read_text()


def test_a_run_that_began_so_goes_on_to_the_bit(trained, recipe, art, tmp_path):
    whole = begun(recipe, art, tmp_path / "whole", trained.run.folder)
    whole.fit(kimg=0.4)
    begun(recipe, art, tmp_path / "parts", trained.run.folder).fit(kimg=0.2)
    parts = begun(recipe, art, tmp_path / "parts", tmp_path / "nowhere")  # not looked at any more
    parts.fit(kimg=0.4)
    assert parts.started_from == ""
    assert same_state(whole.state.state_dict(), parts.state.state_dict())


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_a_net_for_larger_pictures_takes_all_but_its_new_stage(recipe, net):
    recipe = replace(recipe, width=1, latent_dim=5, minibatch_stddev=True)
    small, large = (getattr(replace(recipe, size=size), net)() for size in (64, 128))
    share = share_that_fits(large, small.state_dict())
    assert 0.8 < share < 1
    before = {name: tensor.clone() for name, tensor in large.state_dict().items()}
    with torch.no_grad():
        for tensor in small.state_dict().values():
            tensor.fill_(7)
    copy_fitting(large, small.state_dict())
    taken = [name for name, tensor in large.state_dict().items() if (tensor == 7).all()]
    assert len(taken) == round(share * len(before))
    for name, tensor in large.state_dict().items():
        assert name in taken or torch.equal(tensor, before[name])


def test_less_than_half_of_the_generator_is_an_error(trained, recipe, art, tmp_path):
    with pytest.raises(GanlibError, match=r"has weights for only \d+% of this generator: .* same family"):
        begun(replace(recipe, width=8), art, tmp_path / "wide", trained.run.folder)


def test_no_such_model_is_a_sentence(recipe, art, tmp_path):
    with pytest.raises(GanlibError, match=r"no run folder, weights file or bundled model"):
        begun(recipe, art, tmp_path / "next", "nobody")


def test_auto_from_a_model_takes_its_recipe(trained, tmp_path, monkeypatch, capsys):
    from ganlib.cli import main

    monkeypatch.setattr("ganlib.data.dataset.load_art", lambda *_, **__: trained._logger._images)
    words = ["train", "auto", "--from", str(trained.run.folder), "--run", str(tmp_path / "next")]
    assert main([*words, "--kimg", "0.05", "--device", "cpu"]) == 0
    assert json.loads((tmp_path / "next" / "recipe.json").read_text())["name"] == trained.recipe.name
    assert "100% of G, 100% of D" in capsys.readouterr().out
    there = trained.run.folder
    same = Trainer("auto", trained._logger._images, tmp_path / "third", device="cpu", start_from=there)
    assert same.recipe.name == trained.recipe.name


@pytest.mark.parametrize("norm", ["none", "spectral", "batch"])
def test_the_first_layers_of_d_stay_as_they_are_where_asked(recipe, art, tmp_path, norm):
    recipe = replace(recipe, d_norm=norm)
    train(recipe, art, tmp_path / "trained", kimg=0.1)
    frozen = replace(recipe, freeze_d=2)
    whole = begun(frozen, art, tmp_path / "whole", tmp_path / "trained")
    before = {name: tensor.clone() for name, tensor in whole.state.discriminator.state_dict().items()}
    whole.fit(kimg=0.4)
    after = whole.state.discriminator.state_dict()
    weights = [name for name, _ in whole.state.discriminator.named_parameters()]
    stayed = {name.split(".")[1] for name in weights if torch.equal(after[name], before[name])}
    assert weights[0].split(".")[1] in stayed and len(stayed) == 2
    begun(frozen, art, tmp_path / "parts", tmp_path / "trained").fit(kimg=0.2)
    parts = begun(frozen, art, tmp_path / "parts", None)
    parts.fit(kimg=0.4)
    assert same_state(parts.state.state_dict(), whole.state.state_dict())


def test_nothing_is_frozen_without_a_trained_d(trained, recipe, art, tmp_path):
    frozen = replace(recipe, freeze_d=1)
    with pytest.raises(GanlibError, match="name a model to start from, --from"):
        begun(frozen, art, tmp_path / "next", None)
    with pytest.raises(GanlibError, match=r"no discriminator that fits.*freeze_d=0"):
        begun(frozen, art, tmp_path / "next", trained.run.generator_file)


def test_bundled_weights_bring_their_discriminator(tmp_path):
    pictures = ImageDataset(load_art("portraits").images[:40], "few")
    trainer = Trainer("modern64-cpu", pictures, tmp_path / "run", start_from="portraits", device="cpu")
    assert trainer.started_from == "Started from 'portraits': 100% of G, 100% of D."
    weights = load_file(bundled_folder() / "weights" / "discriminators" / "portraits.safetensors")
    assert same(trainer.state.nets()["discriminator"], {name: w.float() for name, w in weights.items()})

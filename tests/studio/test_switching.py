"""A studio of a run, switched to other weights of that run, of the runs beside it, and bundled ones."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

import ganlib
from ganlib.latent.sampling import sample_latent
from ganlib.run import Run
from ganlib.studio.app import LatentStudio
from tests.studio.driver import RECIPE, Driver, save_weights, widgets_of

OTHER = replace(RECIPE, name="other", latent_dim=9)


def make_run(folder, recipe=RECIPE):
    run = Run(folder)
    run.start(recipe)
    save_weights(run.generator_file, recipe)
    return run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "runs" / "mine")
    save_weights(run.best_file, replace(RECIPE, name="at its best"))
    save_weights(run.folder / "generator-000120.safetensors")
    make_run(tmp_path / "runs" / "other", OTHER)
    (tmp_path / "runs" / "pictures").mkdir()
    return run


@pytest.fixture
def driver(run):
    return Driver(LatentStudio(run))


def labels(driver):
    return [label for label, _ in driver["model"].options]


def switch(driver, label):
    driver["model"].label = label
    driver.click("switch")


def test_all_that_can_be_opened_is_listed_and_the_studio_shows_its_own(driver):
    mine = ["mine: latest", "mine: best", "mine: generator-000120"]
    assert labels(driver) == [*mine, "other: latest", "patchwork (bundled)", "portraits (bundled)"]
    assert driver["model"].label == "mine: latest"


@pytest.mark.parametrize("name", ["weights", "folder of a best"])
def test_there_is_no_list_where_the_source_is_no_run(run, name):
    studio = LatentStudio({"weights": "portraits"}.get(name, run.best_file))
    assert not [one for one in widgets_of(studio.box) if "ganlib-model" in one._dom_classes]


def test_another_model_begins_anew_in_the_same_studio(driver, run):
    driver.click("next", "pin")
    driver.set("squares", True)
    driver.open("Save")
    box, before = driver.studio.box, driver.picture
    switch(driver, "other: latest")
    assert driver.studio.box is box
    assert driver.picture != before
    assert driver.status == '<p role="status">other, 32 px: seed 0</p>'
    assert driver.message == '<p role="status">Opened other: latest.</p>'
    assert repr(driver.studio) == "other, 32 px: seed 0"
    assert torch.equal(driver.studio.z, sample_latent(1, 9, 0)[0])
    assert driver.studio.favourites == []
    assert (driver["views"].label, driver["squares"].value) == ("Save", True)
    driver.click("pin", "save-z")
    other = run.folder.parent / "other"
    assert (other / "studio.json").is_file()
    assert [path.suffix for path in (other / "studio").iterdir()] == [".json"]
    switch(driver, "mine: latest")
    assert [z.tolist() for z in driver.studio.favourites] == [sample_latent(1, 25, 1)[0].tolist()]


def test_each_keeps_the_rules_of_where_its_files_lie(driver, run, tmp_path):
    switch(driver, "mine: best")
    assert "at its best" in driver.status
    driver.click("pin", "save-z")
    assert (run.folder / "best.studio.json").is_file()
    assert len([*(tmp_path / "studio").iterdir()]) == 1
    switch(driver, "portraits (bundled)")
    generator, _ = ganlib.load("portraits")
    assert driver.studio.z.shape == (generator.latent_dim,)


def test_a_model_that_cannot_be_opened_is_a_sentence_and_the_studio_stays(driver, run):
    driver.click("next")
    before = driver.picture, driver.status
    (run.folder.parent / "other" / "generator.safetensors").write_bytes(b"torn")
    switch(driver, "other: latest")
    assert driver.is_warned
    assert "other" in driver.message
    assert (driver.picture, driver.status) == before
    assert driver["model"].label == "mine: latest"
    driver.click("next")
    assert "seed 2" in driver.status


def test_damaged_notes_are_said_when_they_are_switched_to(driver, run):
    (run.folder.parent / "other" / "studio.json").write_text("{")
    switch(driver, "other: latest")
    assert "mend or remove it" in driver.message


def test_nothing_of_the_model_before_is_left_in_memory(driver):
    left = weakref.ref(driver.studio._renderer.generator)
    switch(driver, "other: latest")
    gc.collect()
    assert left() is None

"""The studio of a generator that knows classes: a list, a blend of two, and all that is kept of them."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import ganlib
from ganlib.cli import main
from ganlib.latent.sampling import sample_latent
from ganlib.studio.app import LatentStudio
from tests.studio.driver import RECIPE, Driver, save_weights

CLASSES = ("cats", "dogs", "<b>birds")
DIM = RECIPE.latent_dim


@pytest.fixture
def weights(tmp_path):
    return save_weights(tmp_path / "kinds.safetensors", replace(RECIPE, classes=CLASSES))


def shares(driver):
    return driver.studio.z[DIM:].tolist()


def picture_of(weights, z):
    generator, _ = ganlib.load(weights)
    return ganlib.generate(generator, z[None])[0]


def test_a_generator_without_classes_has_no_chooser(tmp_path):
    driver = Driver(LatentStudio(save_weights(tmp_path / "plain.safetensors"), folder=tmp_path))
    assert not [one for one in driver.widgets() if "ganlib-class" in one._dom_classes]


def test_at_first_z_decides_for_a_class(driver, weights):
    assert driver["class"].options[0] == ("any", -1)
    assert [name for name, _ in driver["class"].options[1:]] == [*CLASSES]
    assert driver.status == '<p role="status">tiny, 32 px: seed 0</p>'
    assert torch.equal(picture_of(weights, driver.studio.z), picture_of(weights, sample_latent(1, DIM)[0]))


def test_a_class_is_that_of_every_picture_from_now_on(driver):
    pictures = []
    for k in range(3):
        driver.set("class", k)
        assert shares(driver) == [float(j == k) for j in range(3)]
        pictures.append(driver.picture)
    assert len(set(pictures)) == 3
    assert "seed 0, &lt;b&gt;birds<" in driver.status
    driver.click("next")
    assert shares(driver) == [0, 0, 1]
    driver.click("reset")
    assert shares(driver) == [0, 0, 0]
    assert driver["class"].value == -1


def test_two_classes_are_blended(driver, weights):
    driver.set("class", 0)
    driver.set("class-other", 1)
    driver.set("class-blend", 0.25)
    assert shares(driver) == pytest.approx([0.75, 0.25, 0])
    assert "cats 75%, dogs 25%" in driver.status
    generator, _ = ganlib.load(weights)
    z = driver.studio.z
    with torch.no_grad():
        blend = generator(z[None, :DIM], torch.tensor([[0.75, 0.25, 0.0]]))
    assert torch.equal(ganlib.generate(generator, z[None]), blend)
    driver.set("class", 2)
    assert shares(driver) == pytest.approx([0, 0.25, 0.75])


def test_truncation_and_neighbours_leave_the_class_as_it_is(driver):
    driver.set("class", 1)
    driver.set("truncation", 0.5)
    assert shares(driver) == [0, 1, 0]
    driver.open("Neighbours")
    driver.click("neighbour-1")
    assert shares(driver) == [0, 1, 0]


def test_going_back_and_a_favourite_bring_the_class_back(driver, weights, tmp_path):
    driver.set("class", 1)
    driver.set("class-blend", 0.4)
    driver.click("pin")
    pinned, before = driver.picture, shares(driver)
    driver.click("new")
    driver.set("class", 0)
    driver.click("back")
    assert (driver.picture, shares(driver)) == (pinned, before)
    assert driver["class-blend"].value == pytest.approx(0.4)
    again = Driver(LatentStudio(weights, folder=tmp_path / "saved"))
    again.open("Favourites")
    again.click("favourite-1")
    assert again.picture == pinned
    assert {again["class"].value, again["class-other"].value} == {1, driver["class-other"].value}


def test_what_is_saved_opens_with_its_class(driver, weights, tmp_path):
    driver.set("class", 1)
    shown = driver.picture
    driver.click("save-z", "save-picture", "save-grid")
    (file,) = (tmp_path / "saved").glob("*.json")
    assert file.name == "seed-0-dogs.json"
    again = Driver(LatentStudio(weights, folder=tmp_path / "other"))
    again.set("path", str(file))
    again.click("open")
    assert (again.picture, again["class"].value) == (shown, 1)
    generator, _ = ganlib.load(weights)
    assert torch.equal(ganlib.load_latent(file, generator), driver.studio.z)


def test_a_z_without_classes_still_opens(driver, weights, tmp_path):
    generator, recipe = ganlib.load(weights)
    path = ganlib.save_latent(sample_latent(1, DIM, 9)[0], generator, recipe, tmp_path / "z.json")
    assert len(json.loads(path.read_text())["z"]) == DIM
    driver.set("path", str(path))
    driver.click("open")
    assert shares(driver) == [0, 0, 0]
    assert torch.equal(driver.studio.z[:DIM], sample_latent(1, DIM, 9)[0])


def test_a_film_goes_from_class_to_class(driver, weights, tmp_path, capsys):
    driver.set("class", 0)
    driver.click("keep-a", "save-z")
    driver.set("class", 1)
    driver.click("keep-b")
    driver.set("between", 0.5)
    assert shares(driver)[0] == pytest.approx(shares(driver)[1])
    assert "cats 50%, dogs 50%" in driver.status
    driver.set("seconds", 0.5)
    driver.click("save-gif")
    (film,) = (tmp_path / "saved").glob("*.gif")
    with Image.open(film) as frames:
        assert frames.n_frames > 3
    (z,) = (tmp_path / "saved").glob("*.json")
    out = tmp_path / "walk.gif"
    assert main(["interpolate", str(weights), str(z), "5", "--frames", "4", "--out", str(out)]) == 0


def test_directions_named_by_a_person_are_kept(driver, weights, tmp_path):
    driver.set("direction-name", "smile")
    driver.click("name-it")
    again = Driver(LatentStudio(weights, folder=tmp_path / "saved"))
    assert again["direction-1"].description == "smile"


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_a_class_is_not_blended_with_itself(driver, chosen):
    driver.set("class", chosen)
    assert driver["class-other"].value != chosen
    driver.set("class-blend", 0.4)
    driver.set("class", driver["class-other"].value)
    assert driver["class-other"].value != driver["class"].value
    assert sum(shares(driver)) == pytest.approx(1)

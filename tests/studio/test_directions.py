from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.latent.directions import Directions
from ganlib.latent.sampling import sample_latent
from ganlib.studio.app import LatentStudio
from ganlib.studio.notes import NotedDirection, Notes, write_notes
from tests.studio.driver import RECIPE, Driver, save_weights


def seeded(seed):
    return sample_latent(1, RECIPE.latent_dim, seed)[0]


def test_every_slider_moves_its_own_direction(driver):
    vectors = driver.studio._state.vectors
    assert len(vectors) == 10
    for k in range(10):
        driver.set(f"direction-{k + 1}", 2.0)
        assert torch.allclose(driver.studio.z - seeded(0), 2 * vectors[k], atol=1e-5)
        driver.click("reset-directions")
        assert driver[f"direction-{k + 1}"].value == 0
    assert torch.equal(driver.studio.z, seeded(0))


def test_directions_can_be_given(weights):
    axes = Directions(torch.eye(25)[:2], torch.ones(2))
    driver = Driver(LatentStudio(weights, directions=axes))
    driver.set("direction-2", 1.5)
    assert torch.equal(driver.studio.z - seeded(0), 1.5 * axes.vectors[1])


def test_directions_can_have_names(weights):
    driver = Driver(LatentStudio(weights, directions=torch.eye(25)[:2], names=["hair", "skin"]))
    assert [driver[f"direction-{k}"].description for k in (1, 2)] == ["hair", "skin"]
    driver.set("direction-2", 1.5)
    assert "seed 0, skin +1.5" in driver.status
    assert driver["direction-set"].options == ("yours", "SeFa", "GANSpace")
    driver.set("direction-set", "SeFa")
    driver.set("direction-3", 1.0)
    assert "seed 0, skin +1.5, SeFa 1 +1.0" in driver.status


def test_directions_that_do_not_fit_are_a_sentence(weights):
    with pytest.raises(GanlibError, match="shape"):
        LatentStudio(weights, directions=torch.eye(24))
    for names in (["hair"], ["hair", "hair"]):
        with pytest.raises(GanlibError, match="2 directions: give as many"):
            LatentStudio(weights, directions=torch.eye(25)[:2], names=names)


def test_directions_beside_the_weights_are_there_at_once(tmp_path):
    path = save_weights(tmp_path / "tiny.safetensors")
    saved = Notes([NotedDirection("hair", torch.eye(25)[3])], [])
    write_notes(tmp_path / "tiny.directions.json", saved)
    driver = Driver(LatentStudio(path))
    assert driver["direction-set"].value == "labelled"
    driver.set("direction-1", 2.0)
    assert "seed 0, hair +2.0" in driver.status


def test_every_end_shows_what_its_slider_does(driver):
    driver.set("direction-2", -5.0)
    low = decoded(driver.picture)
    driver.set("direction-2", 5.0)
    high = decoded(driver.picture)
    driver.set("direction-2", 1.0)
    ends = [decoded(widget.value) for widget in ends_of(driver, 2)]
    assert [end.shape for end in ends] == [low.shape, high.shape]
    assert np.array_equal(ends[0], low) and np.array_equal(ends[1], high)
    driver.set("direction-1", 2.0)
    assert not np.array_equal(decoded(ends_of(driver, 2)[0].value), low)


def test_an_arranged_set_is_there_the_next_time(weights, tmp_path):
    driver = Driver(LatentStudio(weights, folder=tmp_path))
    driver.set("direction-choice", 2)
    driver.click("direction-up", "direction-up", "direction-hide")
    assert driver["direction-choice"].value == 0
    driver.click("direction-down")
    assert "Arranged; kept in" in driver.message
    again = Driver(LatentStudio(weights, folder=tmp_path))
    for one in (driver, again):
        assert len(one["direction-choice"].options) == 9
        assert [text for text, _ in one["direction-choice"].options][:3] == [
            "direction 2",
            "direction 1",
            "direction 4",
        ]
    again.click("direction-show")
    assert len(again["direction-choice"].options) == 10
    assert len(Driver(LatentStudio(weights, folder=tmp_path))["direction-choice"].options) == 10


def test_all_directions_but_one_can_be_hidden(driver):
    driver.click(*["direction-hide"] * 9)
    assert len(driver["directions"].children) == 1
    driver.click("direction-hide")
    assert "the last slider" in driver.message and driver.is_warned


def ends_of(driver, number):
    return [
        widget
        for widget in driver["directions"].children[number - 1].children
        if "ganlib-end" in widget._dom_classes
    ]


def decoded(png):
    return np.asarray(Image.open(BytesIO(png)))

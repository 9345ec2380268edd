"""The wall of seeds, as a person uses it."""

from io import BytesIO

import pytest
import torch
from PIL import Image

from ganlib.latent.sampling import sample_latent
from ganlib.studio.app import LatentStudio
from tests.studio.driver import RECIPE, Driver, save_weights


@pytest.fixture
def driver(tmp_path):
    driver = Driver(LatentStudio(save_weights(tmp_path / "tiny.safetensors"), folder=tmp_path / "saved"))
    driver.open("Wall")
    return driver


def seeded(seed):
    return sample_latent(1, RECIPE.latent_dim, seed)[0]


def texts(driver):
    return [
        widget.description
        for widget in driver.widgets()
        if "ganlib-tile" in widget._dom_classes
        and any(name.startswith("ganlib-wall-") for name in widget._dom_classes)
    ]


def test_pages_of_seeds_are_turned_and_a_click_goes_there(driver):
    assert texts(driver) == [f"seed {k}" for k in range(24)]
    first = driver["wall-image"].value
    assert Image.open(BytesIO(first)).size == (6 * 96, 4 * 96)
    driver.click("wall-next")
    assert texts(driver)[0] == "seed 24"
    assert driver["wall-image"].value != first
    driver.click("wall-3")
    assert torch.equal(driver.studio.z, seeded(26))
    driver.click("wall-previous", "wall-previous")
    assert texts(driver)[0] == "seed 0"
    assert driver["wall-image"].value == first


def test_more_pictures_and_a_page_that_begins_here(driver):
    driver.set("wall-count", 96)
    assert len(texts(driver)) == 96
    driver.set("seed", "1000")
    driver.click("wall-here")
    assert (texts(driver)[0], texts(driver)[-1]) == ("seed 1000", "seed 1095")


def test_a_click_may_pin_instead_and_one_stays_where_one_is(driver):
    driver.set("wall-pins", True)
    driver.click("wall-5", "wall-7")
    assert torch.equal(driver.studio.z, seeded(0))
    assert [z.tolist() for z in driver.studio.favourites] == [seeded(k).tolist() for k in (4, 6)]
    assert driver.message.startswith('<p role="status">Pinned seed 6; kept in')
    driver.click("wall-5")
    assert "pinned already" in driver.message


def test_the_wall_is_as_truncated_as_the_picture(driver):
    before = driver["wall-image"].value
    driver.set("truncation", 0.5)
    assert driver["wall-image"].value != before
    driver.set("wall-pins", True)
    driver.click("wall-2")
    assert torch.allclose(driver.studio.favourites[0], 0.5 * seeded(1))


def test_it_is_not_generated_anew_while_nothing_changes(driver, monkeypatch):
    monkeypatch.setattr(driver.studio._renderer, "thumbnails", lambda *_: pytest.fail("generated again"))
    driver.set("direction-1", 1.0)
    driver.set("seed", "9")

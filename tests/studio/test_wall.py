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


def texts(driver, handle="wall"):
    return [
        widget.description
        for widget in driver.widgets()
        if "ganlib-tile" in widget._dom_classes
        and any(name.startswith(f"ganlib-{handle}-") for name in widget._dom_classes)
    ]


def test_pages_of_seeds_are_turned_and_a_click_goes_there(driver):
    assert texts(driver) == [f"seed {k}" for k in range(24)]
    first = driver["wall-image"].value
    assert Image.open(BytesIO(first)).size == (6 * 32, 4 * 32)
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


def pin(driver, *seeds):
    for seed in seeds:
        driver.set("seed", str(seed))
        driver.click("pin")


def favourites(driver):
    return [z.tolist() for z in driver.studio.favourites]


def test_a_click_with_shift_pins_and_the_next_goes_there(driver):
    driver.set("wall-shift", " 4")
    driver.set("wall-shift", " 4 5 6")  # two clicks that a browser has sent as one
    assert favourites(driver) == [seeded(k).tolist() for k in (4, 5, 6)]
    assert torch.equal(driver.studio.z, seeded(0))
    driver.click("wall-7")
    assert torch.equal(driver.studio.z, seeded(6))
    driver.click("wall-next")
    driver.set("wall-shift", " 4 5 6 0")
    assert favourites(driver)[3:] == [seeded(24).tolist()]


def test_favourites_come_in_pages(driver):
    driver.studio._state.add_favourites([*sample_latent(60, RECIPE.latent_dim)], ["a"] * 60)
    driver.open("Favourites")
    assert texts(driver, "favourite") == [f"favourite {k + 1}" for k in range(24)]
    driver.click("favourite-next", "favourite-next")
    assert texts(driver, "favourite") == [f"favourite {k + 1}" for k in range(48, 60)]
    assert Image.open(BytesIO(driver["favourite-image"].value)).size == (6 * 32, 2 * 32)
    driver.click("favourite-2")
    assert torch.equal(driver.studio.z, seeded(49))
    assert "favourite 50 (a)" in driver.status
    driver.click("favourite-next")  # there is none
    assert texts(driver, "favourite")[0] == "favourite 49"
    driver.set("favourite-count", 48)
    assert texts(driver, "favourite")[0] == "favourite 49"
    driver.click("favourite-previous")
    assert texts(driver, "favourite")[-1] == "favourite 48"
    driver.set("favourite-count", 96)
    assert len(texts(driver, "favourite")) == 60


@pytest.mark.parametrize("how", ["shift", "tick"])
def test_a_favourite_is_unpinned_from_its_page(driver, how):
    driver.studio._state.add_favourites([*sample_latent(25, RECIPE.latent_dim)], [""] * 25)
    driver.open("Favourites")
    driver.click("favourite-next")
    if how == "shift":
        driver.set("favourite-shift", " 0")
    else:
        driver.set("favourite-unpins", True)
        driver.click("favourite-1")
    assert driver.message.startswith('<p role="status">Unpinned favourite 25; kept in')
    assert favourites(driver) == sample_latent(24, RECIPE.latent_dim).tolist()
    assert texts(driver, "favourite")[0] == "favourite 1"  # the second page is gone
    assert torch.equal(driver.studio.z, seeded(0))


def test_where_nothing_is_pinned_there_are_no_pages(driver):
    driver.open("Favourites")
    assert driver.studio._panels[5].pages.layout.display == "none"
    pin(driver, 1)
    assert driver.studio._panels[5].pages.layout.display == ""
    driver.set("favourite-shift", " 0")
    assert driver.studio._panels[5].pages.layout.display == "none"
    assert texts(driver, "favourite") == []


def test_without_any_spread_the_pages_are_turned_all_the_same(driver):
    driver.set("truncation", 0.0)
    driver.click("wall-next")
    assert texts(driver)[0] == "seed 24"

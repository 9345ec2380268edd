"""Two favourites and their children, as a person crosses them."""

from dataclasses import replace

import pytest
import torch

from ganlib.latent.sampling import sample_latent
from ganlib.studio.app import LatentStudio
from tests.studio.driver import RECIPE, Driver, save_weights


@pytest.fixture
def driver(weights, tmp_path):
    driver = Driver(LatentStudio(weights, folder=tmp_path / "saved"))
    for seed in (3, 8):
        driver.set("seed", str(seed))
        driver.click("pin")
    driver.open("Cross")
    return driver


def seeded(seed):
    return sample_latent(1, RECIPE.latent_dim, seed)[0]


def children(driver):
    found = []
    for k in range(8):
        driver.click(f"child-{k + 1}")
        found.append(driver.studio.z)
    return torch.stack(found)


def shares_of(points):
    """How much of each child comes from seed 8; every number comes from one of the two."""
    assert ((points == seeded(3)) | (points == seeded(8))).all()
    return (points == seeded(8)).float().mean(1)


def test_children_have_numbers_of_both_parents_by_the_share(driver):
    half = shares_of(children(driver))
    assert 0.3 < half.mean() < 0.7
    assert len(half.unique()) > 2
    driver.set("cross-share", 0.9)
    assert shares_of(children(driver)).mean() > 0.8
    driver.set("cross-share", 0.0)
    assert torch.equal(children(driver), seeded(3).expand(8, -1))


def test_there_are_others_and_the_same_again(driver):
    first = children(driver)
    driver.click("other-children")
    assert not torch.equal(children(driver), first)
    other = Driver(driver.studio)
    assert torch.equal(driver.studio._state.cross(0, 1, 0.5, 8), other.studio._state.cross(0, 1, 0.5, 8))


def test_what_a_picture_descends_from_is_kept_with_it(driver, weights, tmp_path):
    driver.click("child-2")
    assert driver.status.endswith("child of seed 3 and 50% of seed 8</p>")
    driver.click("pin")
    again = Driver(LatentStudio(weights, folder=tmp_path / "saved"))
    again.open("Favourites")
    again.click("favourite-3")
    assert again.status.endswith("favourite 3 (child of seed 3 and 50% of seed 8)</p>")
    assert torch.equal(again.studio.z, driver.studio.z)
    again.click("unpin")
    assert again.studio._state.origins == ["seed 3", "seed 8"]


def test_a_parent_is_chosen_among_the_favourites(driver):
    driver.set("seed", "5")
    driver.click("pin")
    driver.set("parent-other", 2)
    driver.set("cross-share", 1.0)
    driver.click("child-1")
    assert torch.equal(driver.studio.z, seeded(5))


def test_one_favourite_has_no_children(tmp_path):
    driver = Driver(LatentStudio(save_weights(tmp_path / "other.safetensors", replace(RECIPE, latent_dim=9))))
    driver.open("Cross")
    assert "ganlib-child-1" not in {name for widget in driver.widgets() for name in widget._dom_classes}
    driver.set("parent-one", -1)
    assert not driver.is_warned

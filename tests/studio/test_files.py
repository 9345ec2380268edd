"""Files saved with pixels as squares or smoothly, and a photo whose crop is moved before it is projected."""

import re
from base64 import b64decode
from io import BytesIO

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from ganlib.data.dataset import read_photo
from ganlib.data.decode import CropPosition
from ganlib.show.grids import to_image
from tests.studio.test_app import photo, upload


def save(driver, handle):
    driver.click(handle)
    assert not driver.is_warned, driver.message
    return re.search("Saved as (.*)[.]<", driver.message)[1]


def is_of_squares(picture, side):
    """Whether every block of so many pixels a side is of one colour, (H, W, 3) bytes."""
    small = np.asarray(picture)[::side, ::side]
    return np.array_equal(small.repeat(side, 0).repeat(side, 1), picture)


@pytest.mark.parametrize("squares", [True, False])
def test_what_is_saved_has_squares_if_they_are_shown(driver, squares):
    driver.click("keep-a", "pin", "next", "keep-b", "pin")
    driver.set("seconds", 0.5)
    driver.set("squares", squares)
    picture = np.asarray(Image.open(save(driver, "save-picture")))
    assert picture.shape == (128, 128, 3)
    assert is_of_squares(picture, 4) == squares
    film = imageio.imread(save(driver, "save-gif"))
    assert film.shape == (10, 128, 128, 3)
    assert is_of_squares(film[3], 4) == squares
    for what in ("directions", "favourites"):
        driver.set("grid-of", what)
        sheet = np.asarray(Image.open(save(driver, "save-grid")))
        assert is_of_squares(sheet[8:136, 8:136], 4) == squares


@pytest.mark.parametrize("squares", [True, False])
def test_so_has_a_film_of_the_timeline(driver, squares):
    driver.click("add-keyframe", "next", "add-keyframe")
    driver.set("squares", squares)
    driver.set("timeline-kind", "")
    driver.set("timeline-width", 256)
    driver.set("keyframe-seconds", 0.2)
    folder = save(driver, "save-timeline-film")
    assert is_of_squares(np.asarray(Image.open(f"{folder}/frame-00002.png")), 8) == squares


def test_a_grid_is_enlarged_as_a_picture_is_up_to_4096_px(driver):
    for chosen, scale in ((1, 1), (4, 4), (32, 12)):
        driver["scale"].options = [(f"{chosen}", chosen)]
        with Image.open(save(driver, "save-grid")) as sheet:
            assert sheet.size == (scale * (7 * 34 + 2), scale * (10 * 34 + 2))


def shown(driver):
    """The pictures that stand side by side."""
    pictures = re.findall('base64,([^"]*)', driver["pair"].value)
    return [np.asarray(Image.open(BytesIO(b64decode(one)))) for one in pictures]


def cropped(content, *place):
    return np.asarray(to_image(read_photo(BytesIO(content), 32, place=CropPosition(*place))))


def test_a_crop_is_moved_and_zoomed_and_then_projected(driver, monkeypatch):
    monkeypatch.setattr("ganlib.studio.files._SEARCH", (1, 3))
    assert driver["crop"].layout.display == "none"
    content = photo(300, 170)
    before = driver.picture
    upload(driver["upload"], "photo.png", content)
    assert driver["crop"].layout.display == ""
    assert "move the crop if you like, then press Project" in driver.message
    assert np.array_equal(shown(driver), [cropped(content)])
    driver.set("crop-across", 0.0)
    assert np.array_equal(shown(driver), [cropped(content, 0.0)])
    driver.set("crop-zoom", 3.0)
    driver.set("crop-down", 1.0)
    wanted = cropped(content, 0.0, 1.0, 3.0)
    assert np.array_equal(shown(driver), [wanted])
    assert driver.picture == before
    driver.click("project")
    assert np.array_equal(shown(driver)[0], wanted)
    assert np.array_equal(shown(driver)[1], Image.open(BytesIO(driver.picture)))
    assert "A pixel is off by" in driver["pair"].value
    driver.set("crop-zoom", 1.0)
    assert np.array_equal(shown(driver), [cropped(content, 0.0, 1.0)])


def test_the_next_photo_begins_in_its_middle_and_a_mistake_changes_nothing(driver):
    upload(driver["upload"], "one.png", photo(100, 40))
    driver.set("crop-across", 1.0)
    before = driver["pair"].value
    upload(driver["upload"], "two.png", b"no photo")
    assert driver.is_warned
    assert "no picture to work with" in driver.message
    assert (driver["pair"].value, driver["crop-across"].value) == (before, 1.0)
    upload(driver["upload"], "three.png", photo(40, 100))
    assert np.array_equal(shown(driver), [cropped(photo(40, 100))])
    driver.open("Open")
    assert driver["crop-across"].value == 0.5

"""The panel for a timeline, as a person uses it."""

import json
from io import BytesIO

import imageio.v3 as imageio
import pytest
import torch
from PIL import Image

from ganlib.latent.sampling import sample_latent, slerp
from ganlib.latent.timeline import read_timeline
from ganlib.studio.app import LatentStudio
from tests.latent.sounds import clicks
from tests.studio.driver import RECIPE, Driver, save_weights


@pytest.fixture
def driver(tmp_path):
    studio = LatentStudio(save_weights(tmp_path / "tiny.safetensors"), folder=tmp_path / "saved")
    driver = Driver(studio)
    driver.open("Timeline")
    return driver


def add(driver, *seeds):
    for seed in seeds:
        driver.set("seed", str(seed))
        driver.click("add-keyframe")


def frames_of(driver):
    return driver.studio._state.keyframes


def seeded(seed):
    return sample_latent(1, RECIPE.latent_dim, seed)[0]


def test_pictures_become_keyframes_that_can_be_put_in_another_order(driver):
    add(driver, 1, 2, 3)
    assert [frame.z.tolist() for frame in frames_of(driver)] == [seeded(k).tolist() for k in (1, 2, 3)]
    assert Image.open(BytesIO(driver["keyframe-image"].value)).size == (6 * 32, 32)
    driver.click("earlier", "earlier", "earlier")
    assert torch.equal(frames_of(driver)[0].z, seeded(3))
    driver.click("later")
    assert [torch.equal(frame.z, seeded(3)) for frame in frames_of(driver)] == [False, True, False]
    driver.click("remove-keyframe")
    assert len(frames_of(driver)) == 2


def test_favourites_are_added_in_turn(driver):
    driver.click("add-favourites")
    assert driver.is_warned
    for seed in (4, 5):
        driver.set("seed", str(seed))
        driver.click("pin")
    driver.click("add-favourites")
    assert [torch.equal(frame.z, seeded(k)) for frame, k in zip(frames_of(driver), (4, 5), strict=True)] == [
        True
    ] * 2


def test_a_click_goes_to_a_keyframe_whose_seconds_and_easing_can_be_set(driver):
    add(driver, 1, 2)
    driver.click("keyframe-1")
    assert torch.equal(driver.studio.z, seeded(1))
    assert driver.status.endswith("keyframe 1</p>")
    driver.set("keyframe-seconds", 5.5)
    driver.set("easing", "hold")
    driver.click("keyframe-2")
    assert (driver["keyframe-seconds"].value, driver["easing"].value) == (2.0, "linear")
    driver.click("keyframe-1")
    assert (driver["keyframe-seconds"].value, driver["easing"].value) == (5.5, "hold")


def test_the_preview_scrubs_through_it_as_one_step_of_the_history(driver):
    assert driver["moment"].layout.display == "none"
    add(driver, 1, 2)
    assert driver["moment"].layout.display == ""
    driver.set("moment", 0.25)  # of a loop of two pictures, two seconds each
    half = slerp(seeded(1), seeded(2), torch.tensor([0.5]))[0]
    assert torch.allclose(driver.studio.z, half, atol=1e-5)
    assert "1.0 of 4.0 s of the timeline" in driver.status
    driver.click("remove-keyframe")  # which leaves the picture as it is
    assert (driver["moment"].value, driver["moment"].layout.display) == (0, "none")
    driver.set("moment", 0.3)
    assert "two keyframes or more" in driver.message
    driver.click("back")
    assert torch.equal(driver.studio.z, seeded(2))
    assert driver["moment"].value == 0


@pytest.mark.parametrize(
    ("kind", "rate", "shape"), [(".mp4", 25, (256, 256)), (".gif", 20, (256, 256)), ("", 24, (256, 256))]
)
def test_films_are_saved_in_every_way(kind, rate, shape, driver, tmp_path):
    add(driver, 1, 2)
    for number in (1, 2):
        driver.click(f"keyframe-{number}")
        driver.set("keyframe-seconds", 0.2)
    driver.set("timeline-kind", kind)
    driver.set("timeline-rate", 25 if kind == ".mp4" else 24)
    driver.set("timeline-width", 256)
    driver.click("save-timeline-film")
    assert not driver.is_warned, driver.message
    (path,) = (tmp_path / "saved").glob("timeline*")
    shown = [imageio.imread(one) for one in sorted(path.iterdir())] if path.is_dir() else imageio.imread(path)
    assert len(shown) == round(0.4 * rate)
    assert shown[0].shape[:2] == (256, 256)
    assert ("Download" in driver["timeline-link"].value) == bool(kind)


def test_a_sound_drives_the_film_and_is_heard(driver, tmp_path):
    add(driver, 1, 2)
    driver.set("timeline-audio", str(clicks(tmp_path / "a.wav", 1.5, (0.25, 0.75))))
    driver.set("timeline-rate", 24)
    driver.set("timeline-width", 256)
    driver.click("save-timeline-film")
    assert not driver.is_warned, driver.message
    facts = imageio.immeta(tmp_path / "saved" / "timeline.mp4", plugin="FFMPEG")
    assert facts["duration"] == pytest.approx(1.5, abs=0.1)
    assert facts["audio_codec"] == "aac"
    driver.set("timeline-audio", str(tmp_path / "none.wav"))
    driver.click("save-timeline-film")
    assert "There is no sound" in driver.message


def test_a_timeline_is_saved_and_opens_in_the_terminal(driver, tmp_path):
    driver.click("save-timeline")
    assert "two keyframes or more" in driver.message
    add(driver, 1, 2)
    driver.set("timeline-loop", False)
    driver.click("save-timeline")
    path = tmp_path / "saved" / "timeline.json"
    assert json.loads(path.read_text())["loop"] is False
    found = read_timeline(path, driver.studio._renderer.generator)
    assert torch.equal(found.keyframes[1].z, seeded(2))

"""The widgets, as a person uses them; no browser, and with either version of ipywidgets."""

import json
import math
import os
import re
from base64 import b64decode
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from PIL import Image

from ganlib.errors import GanlibError
from ganlib.latent.sampling import fingerprint, sample_latent
from ganlib.run import Run
from ganlib.runtime.files import cache_folder
from ganlib.studio.app import LatentStudio
from ganlib.studio.widgets import described, uploaded
from tests.studio.driver import RECIPE, Driver, save_weights


def seeded(seed):
    return sample_latent(1, RECIPE.latent_dim, seed)[0]


def test_it_opens_with_a_picture_and_a_line_that_says_what_it_is(driver):
    assert Image.open(BytesIO(driver.picture)).size == (32, 32)
    assert driver.status == '<p role="status">tiny, 32 px: seed 0</p>'
    assert repr(driver.studio) == "tiny, 32 px: seed 0"
    assert driver.message == ""


def test_a_slider_changes_the_picture_and_back_gives_the_same_pixels(driver):
    before = driver.picture
    driver.set("direction-1", 3.0)
    assert driver.picture != before
    assert "direction 1 +3.0" in driver.status
    driver.set("direction-1", 0.0)
    assert driver.picture == before


def test_seeds_go_forth_and_back(driver):
    first = driver.picture
    driver.click("next", "next")
    assert driver["seed"].value == "2"
    assert torch.equal(driver.studio.z, seeded(2))
    driver.click("previous")
    assert torch.equal(driver.studio.z, seeded(1))
    driver.set("seed", "40")
    assert torch.equal(driver.studio.z, seeded(40))
    driver.click("back", "back", "back", "back")
    assert driver["seed"].value == "0"
    assert driver.picture == first
    driver.click("back")
    assert driver.is_warned
    driver.click("previous")
    assert "out of range" in driver.message
    assert driver["seed"].value == "0"


def test_a_new_seed_is_drawn_from_a_million(driver):
    for _ in range(5):
        driver.click("new")
        seed = int(driver["seed"].value)
        assert 0 <= seed < 1_000_000
        assert torch.equal(driver.studio.z, seeded(seed))
    assert len({place.seed for place in driver.studio._state.history}) > 3


def test_the_history_is_a_list_to_choose_from(driver):
    driver.set("direction-2", 1.0)
    moved = driver.picture
    driver.click("next", "next")
    labels = [label for label, _ in driver["history"].options]
    assert labels == ["now", "seed 1", "seed 0, direction 2 +1.0"]
    driver.set("history", 2)
    assert driver.picture == moved
    assert driver["direction-2"].value == pytest.approx(1.0)
    assert driver["history"].value == 0
    assert [label for label, _ in driver["history"].options][1] == "seed 2"
    before = driver["history"].options
    driver.click("next", "previous", "next", "previous")
    driver.set("history", 2)  # the seed that is shown
    assert driver["history"].value == 0
    assert len(driver["history"].options) == len(before) + 4


def test_truncation_and_reset(driver):
    first = driver.picture
    driver.set("truncation", 0.5)
    assert torch.equal(driver.studio.z, 0.5 * seeded(0))
    driver.click("reset")
    assert driver.picture == first
    assert driver["truncation"].value == 1


def test_all_coordinates_are_there_on_pages(driver):
    driver.open("Coordinates")
    assert driver["page"].options == (("1 to 20", 0), ("21 to 25", 20))
    z = seeded(0)
    assert driver["coordinate-3"].value == pytest.approx(z[2].item(), abs=0.0051)
    assert "changed" not in driver.status
    driver.set("page", 20)
    assert driver["coordinate-5"].description == "z 25"
    assert driver["coordinate-5"].value == pytest.approx(z[24].item(), abs=0.0051)
    hidden = [driver[f"coordinate-{k}"].layout.display for k in (5, 6, 20)]
    assert hidden == ["", "none", "none"] or hidden == [None, "none", "none"]
    driver.set("coordinate-5", 2.5)
    assert driver.studio.z[24].item() == pytest.approx(2.5, abs=1e-6)
    assert torch.equal(driver.studio.z[:24], z[:24])
    driver.set("page", 0)
    driver.click("reset-coordinates")
    assert torch.equal(driver.studio.z, z)


def test_what_a_browser_only_rounds_is_no_change(driver):
    driver.open("Coordinates")
    slider = driver["coordinate-1"]
    slider.value = slider.value + 1e-9
    assert torch.equal(driver.studio.z, seeded(0))
    assert "changed" not in driver.status


def test_a_slider_widens_for_a_point_beyond_it(driver):
    driver.open("Coordinates")
    driver.studio._state.go_to(torch.full((25,), 7.5), "far away")
    driver.set("page", 20)
    assert driver["coordinate-1"].value == pytest.approx(7.5)
    assert driver["coordinate-1"].max == pytest.approx(7.5)


def test_from_a_to_b(driver):
    driver.open("A to B")
    driver.set("between", 0.5)
    assert "Keep one picture as A" in driver.message
    assert driver["between"].value == 0
    grey = driver["slot-a"].value
    start = driver.picture
    driver.click("keep-a", "next", "keep-b")
    end = driver.picture
    assert driver["slot-a"].value != grey
    assert driver["slot-b"].value != driver["slot-a"].value
    for share, picture in ((1.0, end), (0.0, start), (1.0, end)):
        driver.set("between", share)
        assert driver.picture == picture
        assert f"{share:.0%} of the way from A to B" in driver.status
        assert driver["seed"].value == ""
    driver.set("between", 0.5)
    assert driver.picture not in {start, end}
    driver.click("next")
    assert driver["between"].value == 0  # away from the way


def test_neighbours_are_painted_when_their_panel_is_open(driver):
    driver.open("Coordinates")
    painted = []
    generate = driver.studio._renderer.generate
    driver.studio._renderer.generate = lambda z: (painted.append(len(z)), generate(z))[1]
    driver.click("next")
    assert painted == [1]
    driver.open("Neighbours")
    assert painted == [1, 1, 9]
    driver.click("neighbour-5")
    assert painted == [1, 1, 9]  # that is where one is
    driver.click("unpin")
    assert painted == [1, 1, 9, 1]  # and nothing has changed
    sheet = driver["neighbour-image"].value
    wanted = driver.studio._panels[4]._points[0]
    driver.click("neighbour-1")
    assert torch.equal(driver.studio.z, wanted)
    assert "near seed 1" in driver.status
    assert driver["neighbour-image"].value != sheet
    driver.click("neighbour-9")
    assert driver.status.count("near") == 1
    sheet = driver["neighbour-image"].value
    driver.click("more")
    assert driver["neighbour-image"].value != sheet
    sheet = driver["neighbour-image"].value
    driver.set("distance", 1.0)
    assert driver["neighbour-image"].value != sheet


def test_favourites_are_kept_for_the_next_time(driver, weights):
    driver.click("next", "pin")
    assert "Pinned" in driver.message
    driver.click("pin")
    assert driver.is_warned
    driver.click("next", "pin")
    again = Driver(LatentStudio(weights))
    assert [z.tolist() for z in again.studio.favourites] == [seeded(1).tolist(), seeded(2).tolist()]
    again.open("Favourites")
    sheet = again["favourite-image"].value
    again.studio._renderer.thumbnails = None  # not needed again
    again.click("favourite-2")
    assert again["favourite-image"].value == sheet
    assert torch.equal(again.studio.z, seeded(2))
    del again.studio._renderer.thumbnails
    again.click("unpin")
    assert again["favourite-image"].value != sheet
    assert len(Driver(LatentStudio(weights)).studio.favourites) == 1
    again.click("unpin")
    assert again.is_warned


def test_they_lie_beside_the_weights_or_with_what_is_saved(driver, weights, tmp_path, monkeypatch):
    driver.click("pin")
    assert str(weights.with_name("tiny.studio.json")) in driver.message
    monkeypatch.setattr(os, "access", lambda path, mode: path != weights.parent)
    driver.click("next", "pin")
    assert str(tmp_path / "saved" / "tiny.studio.json") in driver.message
    bundled = Driver(LatentStudio("portraits", folder=tmp_path / "mine"))
    bundled.click("pin")
    assert str(tmp_path / "mine" / "portraits.studio.json") in bundled.message


def test_those_in_the_cache_where_they_once_were_are_read_until_they_are_written(driver, weights):
    driver.click("pin")
    kept = weights.with_name("tiny.studio.json")
    old = cache_folder() / "studio" / f"{fingerprint(driver.studio._renderer.generator)[:16]}.json"
    old.parent.mkdir(parents=True)
    kept.rename(old)
    again = Driver(LatentStudio(weights))
    assert len(again.studio.favourites) == 1
    again.click("next", "pin")
    assert [len(json.loads(path.read_text())["favourites"]) for path in (kept, old)] == [2, 1]


def test_a_file_of_names_and_favourites_opens_elsewhere_and_adds_its_own(driver, weights, tmp_path):
    driver.click("pin")
    driver.set("direction-name", "hair")
    driver.click("name-it")
    kept = weights.with_name("tiny.studio.json")
    elsewhere = Driver(LatentStudio(save_weights(tmp_path / "b" / "tiny.safetensors")))
    elsewhere.click("next", "pin")
    elsewhere.set("direction-choice", 1)
    elsewhere.set("direction-name", "smile")
    elsewhere.click("name-it")
    for _ in range(2):
        upload(elsewhere["upload"], "tiny.studio (1).json", kept.read_bytes())
        assert "Opened the names and favourites in tiny.studio (1).json; kept in" in elsewhere.message
        assert elsewhere.studio._state.names[:3] == ["hair", "smile", "direction 3"]
        assert [z.tolist() for z in elsewhere.studio.favourites] == [seeded(1).tolist(), seeded(0).tolist()]
    upload(elsewhere["upload"], "a.json", kept.read_bytes().replace(b"hair", b'ha"ir'))
    assert "The names and favourites in" in elsewhere.message
    assert elsewhere.is_warned


@pytest.mark.parametrize("typed", ["", " ", "seven", "-1", "1.5", "9" * 5000])
def test_a_seed_that_is_none_is_one_sentence_and_the_box_shows_what_is(driver, typed):
    driver.click("next")
    driver.set("seed", typed)
    assert "A seed is a whole number" in driver.message
    assert driver["seed"].value == "1"


def test_names_of_directions_are_kept_with_the_run(tmp_path):
    run = Run(tmp_path / "run")
    run.start(RECIPE)
    save_weights(run.generator_file)
    driver = Driver(LatentStudio(run))
    driver.set("direction-choice", 1)
    driver.set("direction-name", "<b>hair</b>")
    driver.click("name-it")
    assert str(run.folder / "studio.json") in driver.message
    driver.set("direction-2", 2.0)
    assert "&lt;b&gt;hair&lt;/b&gt; +2.0" in driver.status
    again = Driver(LatentStudio(str(run.folder)))
    assert again["direction-2"].description == described("<b>hair</b>")
    assert again["direction-choice"].options[1] == ("<b>hair</b>", 1)
    driver.click("name-it")
    assert "1 to 20 letters" in driver.message


def test_damaged_notes_are_said_and_left_as_they_are(tmp_path):
    run = Run(tmp_path / "run")
    run.start(RECIPE)
    save_weights(run.generator_file)
    (run.folder / "studio.json").write_text("{")
    driver = Driver(LatentStudio(run))
    assert "mend or remove it" in driver.message
    driver.click("pin")
    assert "mend or remove it" in driver.message
    assert (run.folder / "studio.json").read_text() == "{"
    driver.click("next")
    assert not driver.is_warned


def test_only_the_open_panel_is_seen(driver):
    titles = [title for title, _ in driver["views"].options]
    assert titles[:3] == ["Directions", "Wall", "Coordinates"]
    for title in titles:
        driver.open(title)
        handles = [f"panel-{name.lower().replace(' ', '-')}" for name in titles]
        seen = [name for name, handle in zip(titles, handles, strict=True) if _is_seen(driver[handle])]
        assert seen == [title]


def _is_seen(widget):
    return widget.layout.display != "none"


def test_a_run_folder_without_weights_is_a_sentence(tmp_path):
    run = Run(tmp_path / "run")
    run.start(RECIPE)
    with pytest.raises(GanlibError, match="train there first"):
        LatentStudio(run)


def test_an_interrupted_search_is_said(driver, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganlib.studio.files.project", interrupted)
    upload(driver["upload"], "photo.png", photo(40, 40))
    driver.click("project")
    assert "Interrupted" in driver.message
    assert driver["progress"].layout.display == "none"
    assert torch.equal(driver.studio.z, seeded(0))


def photo(width, height):
    buffer = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(32, 32), (300, 170), (9, 5)])
def test_a_photo_of_any_size_is_projected(driver, monkeypatch, size):
    monkeypatch.setattr("ganlib.studio.files._SEARCH", (2, 5))
    before = driver.picture
    upload(driver["upload"], "me & you.png", photo(*size))
    assert re.findall('alt="([^"]*)"', driver["pair"].value) == ["The photo"]
    assert driver.picture == before
    driver.click("project")
    assert "projection of me &amp; you.png" in driver.status
    assert "A pixel is off by" in driver.message
    assert driver.picture != before
    assert "of 255 steps, where random pictures are off by" in driver["pair"].value
    assert re.findall('alt="([^"]*)"', driver["pair"].value) == ["The photo", "The nearest picture"]
    pictures = re.findall('base64,([^"]*)', driver["pair"].value)
    assert [Image.open(BytesIO(b64decode(one))).size for one in pictures] == [(32, 32)] * 2
    assert driver["seed"].value == ""
    assert re.fullmatch("[0-9]+ s left", driver["progress"].description)
    assert driver["progress"].layout.display == "none"
    assert driver["progress"].value == 5
    driver.click("back")
    assert driver.picture == before


def upload(widget, name, content):
    """Send what the browser's half of either version of ipywidgets does when a file was chosen."""
    file = {"name": name, "type": "", "size": len(content)}
    if isinstance(widget.value, dict):
        counted = {"metadata": [file], "data": [memoryview(content)], "_counter": widget._counter + 1}
        widget.set_state(counted)
    else:
        widget.set_state({"value": [file | {"last_modified": 0, "content": memoryview(content)}]})


def test_what_is_uploaded_is_read_from_both_versions_of_ipywidgets():
    assert uploaded({"a.json": {"metadata": {}, "content": b"x"}}) == [("a.json", b"x")]
    assert uploaded(({"name": "a.json", "content": memoryview(b"x")},)) == [("a.json", b"x")]
    assert uploaded({}) == uploaded(()) == []


def test_a_z_is_saved_and_opens_the_same_picture_again_and_again(driver, tmp_path):
    driver.set("direction-1", 1.7)
    driver.set("truncation", 0.65)
    picture, z = driver.picture, driver.studio.z
    driver.click("save-z")
    (path,) = (tmp_path / "saved").iterdir()
    assert str(path) in driver.message
    assert f'download="{path.name}"' in driver["link"].value
    for _ in range(2):
        driver.click("new")
        upload(driver["upload"], "<i>.json", path.read_bytes())
        assert driver.message == '<p role="status">Opened &lt;i&gt;.json.</p>'
        assert torch.equal(driver.studio.z, z)
        assert driver.picture == picture
        assert driver["truncation"].value == 1
    driver.click("new")
    driver.set("path", str(path))
    driver.click("open")
    assert driver.picture == picture


def test_files_that_cannot_be_opened_are_said_and_change_nothing(driver, tmp_path):
    driver.click("save-z")
    (path,) = (tmp_path / "saved").iterdir()
    good = json.loads(path.read_text())
    other = save_weights(tmp_path / "other.safetensors", replace(RECIPE, width=3))
    stranger = Driver(LatentStudio(other, folder=tmp_path / "others"))
    stranger.click("save-z")
    (foreign,) = (tmp_path / "others").iterdir()
    driver.click("next")
    before = driver.picture
    for name, content, sentence in (
        ("a.json", foreign.read_bytes(), "belongs to other weights"),
        ("a.json", json.dumps(good | {"z": good["z"][:-1]}).encode(), "no list of 25 numbers"),
        ("a.json", json.dumps(good | {"z": [math.nan] * 25}).encode(), "is damaged"),
        ("a.json", b"\xff\xfe{", "damaged"),
        ("a.json", b"", "damaged"),
        ("photo.jpg", b"not a picture at all", "no picture"),
        ("photo.jpg", b"", "no picture"),
        ("photo.png", photo(64, 64)[:90], "no picture"),
    ):
        upload(driver["upload"], name, content)
        assert sentence in driver.message, name
        assert driver.is_warned
        assert driver.picture == before
    upload(driver["upload"], "<b>.json", b"")
    assert "&lt;b&gt;.json" in driver.message
    for typed, sentence in (("", "no file"), ("nowhere.json", "cannot be read"), (str(tmp_path), "no file")):
        driver.set("path", typed)
        driver.click("open")
        assert sentence in driver.message
    driver.click("back")
    assert not driver.is_warned
    assert torch.equal(driver.studio.z, seeded(0))


def test_pictures_grids_and_films_are_saved_and_nothing_is_replaced(driver, tmp_path):
    driver.click("keep-a", "pin", "next", "keep-b", "pin")
    driver.set("seconds", 0.5)
    for handle, name, size in (
        ("save-picture", "seed-1.png", (128, 128)),
        ("save-picture", "seed-1-2.png", (128, 128)),
        ("save-grid", "directions-seed-1.png", (4 * (7 * 34 + 2), 4 * (10 * 34 + 2))),
        ("save-gif", "a-to-b.gif", (128, 128)),
    ):
        driver.click(handle)
        path = tmp_path / "saved" / name
        assert str(path) in driver.message
        assert Image.open(path).size == size
        assert f"Download {name}" in driver["link"].value
    with Image.open(tmp_path / "saved" / "a-to-b.gif") as film:
        assert film.n_frames == 10
    driver.set("grid-of", "favourites")
    driver.set("stops", "favourites")
    driver.click("save-grid", "save-mp4")
    assert (tmp_path / "saved" / "favourites.mp4").stat().st_size > 500
    assert Image.open(tmp_path / "saved" / "favourites.png").size == (4 * (2 * 34 + 2), 4 * (34 + 2))
    assert driver["progress"].layout.display == "none"


def test_a_folder_that_may_not_be_written_is_said(driver, tmp_path):
    (tmp_path / "file").write_text("")
    driver.set("folder", str(tmp_path / "file" / "sub"))
    for handle in ("save-picture", "save-z", "save-grid"):
        driver.click(handle)
        assert driver.is_warned, handle
    driver.click("save-gif")
    assert "as A" in driver.message


def test_every_control_can_be_reached_and_says_what_it_is(driver):
    buttons = [widget for widget in driver.widgets() if type(widget).__name__ == "Button"]
    assert len(buttons) > 15
    assert all(button.description.strip() for button in buttons)
    assert all(not button.icon for button in buttons)
    sliders = [widget for widget in driver.widgets() if type(widget).__name__ == "FloatSlider"]
    assert all(slider.description.strip() for slider in sliders)

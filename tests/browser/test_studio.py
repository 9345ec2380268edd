"""The studio of lesson 07 in JupyterLab, driven as a person does, in Chromium."""

import json
import math
import re
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import Browser

from ganlib.run import Run
from tests.browser.accessibility import barriers
from tests.browser.lesson import NAME, write_lesson
from tests.browser.serving import Server, serve_lab
from tests.browser.studio_page import LabPage
from tests.studio.driver import RECIPE, save_weights

VIEWS = (
    "Wall",
    "Coordinates",
    "A to B",
    "Neighbours",
    "Favourites",
    "Cross",
    "Timeline",
    "Save",
    "Open",
    "Directions",
)
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
SEARCH = 120_000  # milliseconds; on one busy core
WIDE = {"width": 1250, "height": 1000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the lesson."""
    return write_lesson(tmp_path_factory.mktemp("notebooks")).parent


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_lab(folder, tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    return f"{server.address}/lab/tree/{NAME}"


@pytest.fixture(scope="module")
def lab(address: str, browser: Browser) -> LabPage:
    """The lesson, opened and run."""
    page = LabPage(browser.new_page(viewport=WIDE))
    page.visit(f"{address}?reset")
    page.command("application:toggle-left-area")
    page.run_all()
    return page


@pytest.fixture
def studio(lab: LabPage, server: Server) -> Iterator[LabPage]:
    """The studio at seed 0 with its sliders; when the test is over, nothing went wrong, and there is one."""
    lab.errors.clear()
    lab.page.set_viewport_size(WIDE)
    lab.wear("Light")
    lab.open("Directions")
    lab.part("direction-set").locator("select").select_option("SeFa")
    lab.click("reset")
    lab.go_to_seed(0)
    lab.until_shown(": seed 0")
    yield lab
    assert lab.part("studio").count() == 1
    assert lab.errors == []
    assert server.failures() == []


def test_the_lesson_shows_a_studio(studio, artefacts):
    assert studio.status() == "modern64-cpu, 64 px: seed 0"
    sides = studio.part("picture").evaluate("picture => [picture.naturalWidth, picture.naturalHeight]")
    assert sides == [64, 64]
    assert studio.part("picture").bounding_box()["width"] > 250
    studio.screenshot(artefacts / "studio.png")


def test_a_drag_changes_the_pixels_and_the_way_back_brings_them_back(studio):
    before = studio.pixels()
    studio.drag("direction-5", 90)
    studio.until(lambda: studio.status().endswith(studio.value("direction-5")), bool)
    assert float(studio.value("direction-5")) > 1
    assert studio.until_shown(f"SeFa 1 {studio.value('direction-5')}") != before
    studio.press("direction-5", "End")
    assert studio.until_shown(": seed 0, SeFa 1 +5.0") != before
    studio.click("reset-directions")
    assert studio.until_shown(": seed 0") == before


def test_keys_move_a_slider_there_and_back(studio):
    before = studio.pixels()
    for _ in range(5):
        studio.press("direction-6", "ArrowRight")
    assert studio.until_shown("SeFa 2 +0.5") != before
    for _ in range(5):
        studio.press("direction-6", "ArrowLeft")
    assert studio.until_shown(": seed 0") == before


def test_a_new_seed_is_another_picture_and_back_brings_the_first(studio):
    before = studio.pixels()
    studio.click("new")
    studio.until(studio.status, lambda status: not status.endswith(": seed 0"))
    seed = studio.part("seed").locator("input").input_value()
    assert studio.until_shown(f": seed {seed}") != before
    studio.click("back")
    assert studio.until_shown(": seed 0") == before


def test_next_and_previous_count(studio):
    before = studio.pixels()
    studio.click("next")
    assert studio.until_shown(": seed 1") != before
    studio.click("previous")
    assert studio.until_shown(": seed 0") == before


def test_interpolation_goes_from_end_to_end(studio, artefacts):
    start = studio.pixels()
    studio.open("A to B")
    studio.click("keep-a")
    studio.click("next")
    end = studio.until_shown(": seed 1")
    studio.click("keep-b")
    studio.press("between", "End")
    assert studio.until_shown("100% of the way from A to B") == end
    studio.press("between", "Home")
    assert studio.until_shown(" 0% of the way from A to B") == start
    for _ in range(10):
        studio.press("between", "PageUp")
    assert studio.until_shown("50% of the way from A to B") not in (start, end)
    studio.screenshot(artefacts / "a-to-b.png")
    studio.drag("between", 2000)
    assert studio.until_shown("100% of the way from A to B") == end


def test_labelled_directions_stand_between_pictures_of_what_their_ends_do(studio, artefacts):
    studio.part("direction-set").locator("select").select_option("labelled")
    studio.part("direction-1").wait_for()
    ends = studio.page.locator(".ganlib-direction:visible .ganlib-end")
    studio.until(ends.count, lambda count: count == 8)
    widths = "images => images.map(image => image.naturalWidth)"
    studio.until(lambda: ends.evaluate_all(widths), lambda found: found == [64] * 8)
    studio.screenshot(artefacts / "labelled.png")
    sources = "images => images.map(image => image.src)"
    before = ends.evaluate_all(sources)
    studio.press("direction-2", "End")
    studio.until_shown(": seed 0, hair +5.0")
    after = studio.until(lambda: ends.evaluate_all(sources), lambda now: now[0] != before[0])
    assert after[2:4] == before[2:4]  # its own ends are where they were
    studio.part("direction-choice").locator("select").select_option("skin")
    studio.click("direction-hide")
    studio.until(ends.count, lambda count: count == 6)
    studio.click("direction-show")
    studio.until(ends.count, lambda count: count == 8)
    studio.click("reset-directions")
    studio.until_shown(": seed 0")


def test_a_neighbour_is_a_click_away(studio):
    before = studio.pixels()
    studio.open("Neighbours")
    studio.part("neighbour-2").click()
    assert studio.until_shown(": near seed 0") != before


def test_two_hundred_moves_of_the_mouse_end_at_the_last(studio):
    x, y = studio.grab("direction-5")
    for move in range(200):
        studio.page.mouse.move(x + 80 * math.sin(move / 15), y)
    studio.page.mouse.move(x + 100, y)  # where none of the others was
    studio.page.mouse.up()
    last = studio.value("direction-5")
    picture = studio.until_shown(f"SeFa 1 {last}")
    assert_nothing_waits(studio)
    studio.click("back")
    assert studio.until_shown(f"SeFa 1 {last}") == picture


def test_moves_that_were_overtaken_are_not_painted(studio):
    studio.count_pictures()
    studio.ask("direction-5", "burst", 200)
    studio.until_shown("SeFa 1 +5.0")
    assert 1 <= studio.pictures() <= 3
    assert_nothing_waits(studio)


def assert_nothing_waits(studio: LabPage) -> None:
    """What is asked for now is the next that is painted."""
    studio.count_pictures()
    studio.click("next")
    studio.until_shown(": seed 1")
    assert studio.pictures() == 1


def test_tab_reaches_every_control(studio):
    studio.part("seed").locator("input").focus()
    reached = ["seed"]
    while handle := studio.ask("studio", "focused"):
        reached.append(handle)
        studio.page.keyboard.press("Tab")
    always = ["seed", "previous", "next", "new", "history", "back", "reset", "truncation", "views"]
    sliders = [f"direction-{k}" for k in range(5, 15)]
    names = ["direction-choice", "direction-name", "name-it"]
    names += [f"direction-{change}" for change in ("up", "down", "hide", "show")]
    assert list(dict.fromkeys(reached)) == [*always, "direction-set", "reset-directions", *sliders, *names]


def test_buttons_answer_to_the_keyboard(studio):
    studio.part("next").press("Enter")
    studio.until_shown(": seed 1")
    studio.part("views").get_by_role("button", name="Save", exact=True).press("Enter")
    studio.part("save-picture").wait_for()


@pytest.mark.parametrize("width", [1400, 900, 700, 400, 360])
def test_nothing_is_cut_off_however_wide_the_window(studio, artefacts, width):
    studio.page.set_viewport_size({"width": width, "height": 1000})
    for view in VIEWS:
        studio.open(view)
        studio.screenshot(artefacts / f"{width}-{view.lower().replace(' ', '-')}.png")
        assert studio.ask("studio", "misplaced") == [], view


def test_on_a_narrow_screen_the_picture_stays_above_sliders_that_fill_the_width(studio, artefacts):
    studio.page.set_viewport_size({"width": 400, "height": 800})
    for view in VIEWS[::-1]:
        studio.open(view)
        assert studio.ask("studio", "short_targets") == [], view
    studio.open("Directions")
    studio.part("direction-14").scroll_into_view_if_needed()
    studio.page.screenshot(path=artefacts / "narrow-sliders.png")
    boxes = [studio.part(f"direction-14 {part}").bounding_box() for part in (".widget-label", ".noUi-target")]
    label, track = boxes
    picture = studio.part("picture").bounding_box()
    ends = 2 * 44 + 2 * 6 + 2 * 14  # the pictures beside the slider, gaps, and room for its handle
    assert track["width"] > studio.part("studio").bounding_box()["width"] - ends - 20
    assert label["y"] + label["height"] <= track["y"] + 1
    assert 0 < picture["y"] < picture["y"] + picture["height"] < label["y"]
    assert picture["height"] < 300
    before = studio.pixels()
    studio.press("direction-14", "End")
    assert studio.until_shown("SeFa 10 +5.0") != before
    assert studio.part("picture").bounding_box()["y"] == pytest.approx(picture["y"], abs=20)


def test_all_that_is_operated_or_seen_has_a_name(studio):
    studio.press("direction-5", "End")
    studio.until_shown("SeFa 1 +5.0")
    knob = studio.page.get_by_role("slider", name="SeFa 1", exact=True)
    assert knob.get_attribute("aria-valuetext") == "+5.0"
    assert studio.part("picture").get_attribute("alt") == studio.status()
    studio.open("A to B")
    pressed = studio.part("views").get_by_role("button", pressed=True)
    studio.until(pressed.all_inner_texts, lambda texts: texts == ["A to B"])


def test_a_wall_a_crossing_and_a_timeline_as_a_person_uses_them(studio, artefacts):
    studio.open("Wall")
    studio.click("wall-5")
    studio.until_shown(": seed 4")
    studio.screenshot(artefacts / "wall.png")
    for seed in (4, 9):
        studio.go_to_seed(seed)
        studio.open("Favourites")
        studio.click("pin")
        studio.until_said("Pinned")
    studio.open("Cross")
    studio.click("child-3")
    studio.until_shown("child of seed 4 and 50% of seed 9")
    studio.screenshot(artefacts / "cross.png")
    studio.open("Timeline")
    studio.click("add-favourites")
    studio.part("keyframe-2").wait_for()
    studio.press("moment", "PageUp")
    studio.until_shown("s of the timeline")
    studio.screenshot(artefacts / "timeline.png")


RENDERING = "image => getComputedStyle(image).imageRendering"


def test_a_switch_shows_pixels_as_squares_on_screen_and_in_what_is_saved(studio, folder, artefacts):
    box = studio.page.get_by_role("checkbox", name="pixels as squares")
    studio.open("Wall")
    studio.part("wall-1").wait_for()
    images = [studio.part(handle) for handle in ("picture", "wall-image")]
    assert [image.evaluate(RENDERING) for image in images] == ["auto", "auto"]
    box.check()
    assert [image.evaluate(RENDERING) for image in images] == ["pixelated", "pixelated"]
    studio.screenshot(artefacts / "squares.png")
    studio.open("Save")
    studio.click("save-picture")
    path = folder / studio.until_said("Saved as ").removeprefix("Saved as ").removesuffix(".")
    saved = np.asarray(Image.open(path))
    assert np.array_equal(saved[::4, ::4].repeat(4, 0).repeat(4, 1), saved)
    box.focus()
    studio.page.keyboard.press("Space")
    assert images[0].evaluate(RENDERING) == "auto"


def test_a_crop_is_moved_before_a_photo_is_projected(studio, tmp_path, artefacts):
    photo = tmp_path / "wide.png"
    Image.linear_gradient("L").rotate(90).resize((300, 100)).convert("RGB").save(photo)
    studio.open("Open")
    assert not studio.part("project").is_visible()
    studio.upload(photo)
    studio.until_said("Opened wide.png")
    image = studio.part("pair").get_by_role("img", name="The photo")
    middle = image.get_attribute("src")
    studio.screenshot(artefacts / "crop-middle.png")
    studio.press("crop-across", "Home")
    studio.until(lambda: image.get_attribute("src"), lambda src: src != middle)
    left = image.get_attribute("src")
    studio.drag("crop-zoom", 2000)
    studio.until(lambda: image.get_attribute("src"), lambda src: src != left)
    assert studio.value("crop-zoom") == "3.00"
    studio.screenshot(artefacts / "crop-moved.png")
    studio.click("project")
    studio.part("pair").get_by_role("img", name="The nearest picture").wait_for(timeout=SEARCH)
    studio.until_shown("projection of wide.png")
    assert studio.part("pair").get_by_role("img").count() == 2
    assert studio.message().startswith("A pixel is off by")
    studio.screenshot(artefacts / "crop-projected.png")
    studio.page.set_viewport_size({"width": 400, "height": 1000})
    assert studio.ask("studio", "misplaced") == []
    assert studio.ask("studio", "short_targets") == []
    assert barriers(studio) == []
    studio.part("crop-across").scroll_into_view_if_needed()
    studio.page.screenshot(path=artefacts / "crop-narrow.png")


def test_shift_pins_on_the_wall_and_unpins_among_the_favourites(studio, artefacts):
    studio.open("Wall")
    studio.part("wall-9").click(modifiers=["Shift"])
    studio.until_said("Pinned seed 8;")
    studio.part("wall-11").focus()
    studio.page.keyboard.press("Shift+Enter")
    studio.until_said("Pinned seed 10;")
    studio.part("wall-12").focus()
    studio.page.keyboard.press("Shift+Space")
    studio.until_said("Pinned seed 11;")
    assert studio.status().endswith(": seed 0")
    for tile in (14, 15, 16, 17):  # as quickly as a mouse can
        studio.part(f"wall-{tile}").click(modifiers=["Shift"])
    studio.until_said("Pinned seed 16;")
    assert studio.status().endswith(": seed 0")
    studio.part("wall-3").click()
    studio.until_shown(": seed 2")
    studio.open("Favourites")
    tiles = studio.page.get_by_role("button", name=re.compile(r"^favourite \d+$"))
    studio.part("favourite-7").wait_for()
    studio.screenshot(artefacts / "favourites-wall.png")
    for left in range(tiles.count() - 1, -1, -1):
        studio.part("favourite-1").click(modifiers=["Shift"])
        studio.until(tiles.count, lambda count, left=left: count == left)
    assert studio.status().endswith(": seed 2")


def test_another_model_is_opened_in_the_same_studio(server, folder, browser, artefacts):
    for name, latent_dim in (("mine", 25), ("other", 9)):
        run = Run(folder / "runs" / name)
        recipe = replace(RECIPE, name=name, latent_dim=latent_dim)
        run.start(recipe)
        save_weights(run.generator_file, recipe)
    save_weights(run.folder.parent / "mine" / "best.safetensors")
    (folder / "runs" / "mine" / "generator-000100.safetensors").write_bytes(b"torn")
    cells = [nbformat.v4.new_code_cell("import ganlib\n\nganlib.LatentStudio('runs/mine')")]
    page = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    nbformat.write(page, folder / "switch.ipynb")
    studio = LabPage(browser.new_page(viewport=WIDE))
    studio.visit(f"{server.address}/lab/tree/switch.ipynb?reset")
    studio.command("application:toggle-left-area")
    studio.run_all()
    models = studio.page.get_by_label("Model")
    bundled = [f"{name} (bundled)" for name in ("patchwork", "portraits")]
    listed = ["mine: latest", "mine: best", "mine: generator-000100", "other: latest", *bundled]
    assert [text.replace("\xa0", " ") for text in models.locator("option").all_inner_texts()] == listed
    before = studio.pixels()
    for label, words in ((listed[3], "other, 32 px: seed 0"), (listed[1], "tiny, 32 px: seed 0")):
        models.select_option(label)
        studio.part("switch").press("Enter")
        studio.until_said(f"Opened {label}")
        shown = studio.until_shown(words)
        assert studio.page.evaluate("document.activeElement.textContent") == "Switch"
    assert shown == before  # the same weights, here
    studio.screenshot(artefacts / "models.png")
    models.select_option(listed[2])
    studio.click("switch")
    studio.part("message").get_by_role("alert").wait_for()
    assert "damaged" in studio.message()
    chosen = models.locator("option:checked")
    studio.until(chosen.inner_text, lambda label: label.replace("\xa0", " ") == listed[1])
    studio.screenshot(artefacts / "models-damaged.png")
    models.select_option(listed[-1])
    studio.click("switch")
    studio.until_shown("64 px: seed 0")
    studio.press("direction-2", "End")
    studio.until_shown("hair +5.0")
    studio.page.set_viewport_size({"width": 400, "height": 1000})
    assert [studio.ask("studio", script) for script in ("misplaced", "short_targets")] == [[], []]
    assert barriers(studio) == []
    studio.screenshot(artefacts / "models-narrow.png")
    assert studio.part("studio").count() == 1
    assert studio.errors == []
    assert server.failures() == []
    studio.page.close()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("width", [1250, 400])
def test_axe_finds_no_serious_barrier(studio, artefacts, theme, width):
    studio.page.set_viewport_size({"width": width, "height": 1000})
    studio.wear(theme)
    for view in VIEWS:
        studio.open(view)
        studio.screenshot(artefacts / f"{theme.lower()}-{width}-{view.lower().replace(' ', '-')}.png")
        assert barriers(studio) == [], view


def test_the_seed_box_is_empty_away_from_a_seed(studio):
    seed = studio.part("seed").locator("input")
    studio.open("A to B")
    studio.click("keep-a")
    studio.click("next")
    studio.until_shown(": seed 1")
    studio.click("keep-b")
    assert seed.input_value() == "1"
    for _ in range(3):
        studio.press("between", "PageUp")
    studio.until_shown("% of the way from A to B")
    assert seed.input_value() == ""
    studio.click("back")
    studio.until_shown(": seed 1")
    assert seed.input_value() == "1"


def test_a_dark_theme_is_legible(studio, artefacts):
    for theme in ("Light", "Dark"):
        studio.wear(theme)
        for handle in ("status p", "next", "direction-5 .widget-label", "direction-5 .widget-readout"):
            assert studio.ask(handle, "contrast") > 4.5, (theme, handle)
    studio.screenshot(artefacts / "dark.png")


def test_a_saved_z_opens_again(studio, folder):
    studio.press("direction-7", "End")
    before = studio.until_shown("SeFa 3 +5.0")
    studio.open("Save")
    studio.click("save-z")
    path = folder / studio.until_said("Saved as ").removeprefix("Saved as ").removesuffix(".")
    assert json.loads(path.read_text())
    with studio.page.expect_download() as download:
        studio.part("link").get_by_role("link").click()
    assert Path(download.value.path()).read_bytes() == path.read_bytes()
    studio.click("new")
    studio.open("Open")
    studio.upload(path)
    assert studio.until_shown(f": {path.name}") == before


def test_a_mistake_is_a_sentence_and_the_studio_lives(studio, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"no photo at all")
    studio.open("Open")
    studio.upload(photo)
    studio.part("message").get_by_role("alert").wait_for()
    assert len(studio.message()) > 20
    studio.click("next")
    studio.until_shown(": seed 1")
    assert studio.message() == ""


def test_favourites_are_there_when_the_cell_is_run_again(studio, folder):
    before = studio.pixels()
    studio.open("Favourites")
    studio.click("pin")
    studio.until_said("Pinned")
    kept = json.loads((folder / "studio" / "portraits.studio.json").read_text())
    newest = len(kept["favourites"])
    studio.click("next")
    studio.until_shown(": seed 1")
    studio.run_all()
    studio.open("Favourites")
    studio.click(f"favourite-{newest}")
    assert studio.until_shown(f": favourite {newest} (seed 0)") == before
    studio.click("unpin")
    studio.until_said("Unpinned")


def test_a_saved_notebook_opens_with_the_picture_it_had(studio, address, folder):
    studio.press("direction-5", "Home")
    before = studio.until_shown("SeFa 1 -5.0")
    studio.save()
    studio.visit(address)
    assert studio.until_shown("SeFa 1 -5.0") == before
    studio.press("direction-5", "End")
    studio.until_shown("SeFa 1 +5.0")


def outputs_in(path: Path) -> list[nbformat.NotebookNode]:
    page = nbformat.read(path, as_version=4)
    return [output for cell in page.cells if cell.id == "studio" for output in cell.outputs]


def test_without_a_kernel_there_is_a_still(studio, browser, folder, tmp_path, artefacts):
    studio.save()
    (output,) = outputs_in(folder / NAME)
    assert "modern64-cpu" in output.data["text/html"]
    page = tmp_path / "page.html"
    page.write_text(HTMLExporter().from_filename(folder / NAME)[0])
    sheet = browser.new_page()
    sheet.route("http*://**", lambda route: route.abort())
    sheet.goto(page.as_uri())
    still = sheet.get_by_alt_text("modern64-cpu, 64 px: seed 0")
    assert still.evaluate("picture => picture.naturalWidth") == 64
    assert still.is_visible()
    still.scroll_into_view_if_needed()
    sheet.screenshot(path=artefacts / "still.png")
    sheet.close()


def test_the_time_from_a_move_to_its_picture_is_noted(studio, artefacts):
    seconds = studio.seconds_to_picture("direction-5", moves=40)
    assert len(seconds) == 40
    assert min(seconds) > 0
    noted = {"moves": len(seconds), "median_ms": round(1000 * statistics.median(seconds), 1)}
    (artefacts / "move-to-picture.json").write_text(json.dumps(noted) + "\n")

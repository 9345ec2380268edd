"""The studio of lesson 07 as a page without code, which Voilà makes of it."""

from dataclasses import replace

from PIL import Image

from ganlib.studio.app import studio_notebook
from tests.browser.accessibility import barriers
from tests.browser.lesson import write_lesson
from tests.browser.serving import serve_voila
from tests.browser.studio_page import StudioPage
from tests.studio.driver import RECIPE, save_weights


def test_voila_serves_the_studio_as_a_page_without_code(browser, artefacts, tmp_path):
    notebook = write_lesson(tmp_path)
    with serve_voila(notebook, tmp_path) as server:
        page = StudioPage(browser.new_page(viewport={"width": 1250, "height": 1000}))
        page.page.goto(server.address, wait_until="domcontentloaded")
        before = page.until_shown(": seed 0")
        assert page.page.get_by_text("ganlib.LatentStudio").count() == 0
        page.press("direction-1", "End")
        assert page.until_shown("background +5.0") != before
        page.screenshot(artefacts / "voila.png")
        page.page.close()


def test_a_photo_and_its_projection_stand_side_by_side_on_a_narrow_page(browser, artefacts, tmp_path):
    weights = save_weights(tmp_path / "tiny.safetensors")
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "photo.png")
    with serve_voila(studio_notebook(weights), tmp_path) as server:
        page = StudioPage(browser.new_page(viewport={"width": 400, "height": 800}))
        page.page.goto(server.address, wait_until="domcontentloaded")
        page.until_shown(": seed 0")
        assert page.page.get_by_text("Shift+Enter").count() == 0
        page.open("Open")
        page.upload(tmp_path / "photo.png")
        page.until_said("Opened photo.png")
        page.click("project")
        page.until_shown(": projection of photo.png")
        assert page.part("seed").locator("input").input_value() == ""
        photo, found = (
            page.page.get_by_alt_text(name).bounding_box() for name in ("The photo", "The nearest picture")
        )
        assert (photo["y"], photo["width"], photo["height"]) == (found["y"], found["width"], found["height"])
        assert 150 < photo["width"] == photo["height"]
        assert "of 255 steps, where random pictures are off by" in page.part("pair").inner_text()
        page.page.screenshot(path=artefacts / "projection.png")
        assert barriers(page) == []
        page.open("Directions")
        page.part("direction-4").scroll_into_view_if_needed()
        assert page.part("picture").bounding_box()["y"] >= 0
        page.page.screenshot(path=artefacts / "voila-narrow.png")
        not_ours = ("Failed to load resource", "/voila/static/")  # what Voilà itself fetches
        assert [error for error in page.errors if not any(one in error for one in not_ours)] == []
        page.page.close()


def test_a_class_is_chosen_and_blended_with_another(browser, artefacts, tmp_path):
    weights = save_weights(tmp_path / "kinds.safetensors", replace(RECIPE, classes=("portraits", "busts")))
    with serve_voila(studio_notebook(weights), tmp_path) as server:
        page = StudioPage(browser.new_page(viewport={"width": 1250, "height": 700}))
        page.page.goto(server.address, wait_until="domcontentloaded")
        before = page.until_shown(": seed 0")
        assert not page.part("class-blend").is_visible()
        page.part("class").locator("select").select_option("portraits")
        chosen = page.until_shown(": seed 0, portraits")
        page.press("class-blend", "End")
        other = page.until_shown(": seed 0, busts")
        for _ in range(10):
            page.press("class-blend", "ArrowLeft")
        assert len({before, chosen, other, page.until_shown(": seed 0, portraits 50%, busts 50%")}) > 2
        page.screenshot(artefacts / "classes.png")
        page.page.close()

"""The studio of lesson 07 as a page without code, which Voilà makes of it."""

from dataclasses import replace

from ganlib.studio.app import studio_notebook
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
        assert page.until_shown("direction 1 +5.0") != before
        page.screenshot(artefacts / "voila.png")
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

"""The studio of lesson 07 as a page without code, which Voilà makes of it."""

from tests.browser.lesson import write_lesson
from tests.browser.serving import serve_voila
from tests.browser.studio_page import StudioPage


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

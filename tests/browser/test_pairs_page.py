"""The test for people of lesson 08 in JupyterLab, taken by mouse and by keyboard, in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser

import ganlib
from ganlib.course.real_or_fake import draw_pairs
from tests.browser.serving import serve_lab
from tests.browser.studio_page import LabPage
from tests.notebooks.lesson import NOTEBOOKS

NAME = "08_evaluation.ipynb"
KEPT = ("setup", "tools", "human")
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def truths() -> list[str]:
    """The sides on which the real pictures are, in their order."""
    pairs = draw_pairs(ganlib.load_generator("portraits")[0], ganlib.load_art("portraits"))
    return [SIDES[next(pairs).real] for _ in range(3)]


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """The lesson as short as can be, opened and run; nothing went wrong when it is over."""
    folder = tmp_path_factory.mktemp("notebooks")
    write_lesson(folder / NAME)
    with serve_lab(folder, tmp_path_factory.mktemp("lab")) as server:
        lab = LabPage(browser.new_page(viewport={"width": 1000, "height": 900}))
        lab.visit(f"{server.address}/lab/tree/{NAME}?reset")
        lab.command("application:toggle-left-area")
        lab.command("notebook:run-all-cells")
        lab.part("verdict").wait_for()
        yield lab
        assert lab.errors == []
        assert server.failures() == []


def write_lesson(path: Path) -> None:
    page = nbformat.read(NOTEBOOKS / path.name, as_version=4)
    page.cells = [cell for cell in page.cells if cell.id in KEPT]
    assert [cell.id for cell in page.cells] == list(KEPT)
    nbformat.write(page, path)


def until_verdict(lab: LabPage, words: str) -> str:
    return lab.until(lab.part("verdict").inner_text, lambda said: words in said)


def test_a_person_takes_the_test(lab, truths, artefacts):
    wrong = [SIDES[truth == "left"] for truth in truths]
    assert until_verdict(lab, "Which") == "Which one is real?"
    before = shown(lab)
    lab.click("pick-next")
    until_verdict(lab, "Say first")

    lab.click(f"pick-{truths[0]}")
    said = until_verdict(lab, "of 1 right")
    assert said.startswith(f"Right: the {truths[0]} one is real. 1 of 1 right; of 100")
    lab.page.get_by_text(f"{truths[0]}: real", exact=True).wait_for()
    lab.page.get_by_text(f"{wrong[0]}: painted", exact=True).wait_for()
    lab.page.screenshot(path=artefacts / "pairs.png")

    lab.click("pick-next")
    until_verdict(lab, "1 of 1 right; of 100 people who toss a coin, 50 do as well.")
    lab.until(lambda: shown(lab), lambda now: now != before)
    lab.page.get_by_text("left: ?", exact=True).wait_for()

    lab.part(f"pick-{wrong[1]}").press("Enter")
    assert until_verdict(lab, "of 2 right").startswith(f"Wrong: the {truths[1]} one is real. 1 of 2 right")
    lab.part("pick-next").press("Space")
    until_verdict(lab, "1 of 2 right; of 100 people who toss a coin, 75 do as well.")


def shown(lab: LabPage) -> list[str]:
    return lab.page.locator(".ganlib-column img").evaluate_all("pictures => pictures.map(one => one.src)")


def test_tab_goes_from_button_to_button(lab):
    lab.part("pick-left").focus()
    words = []
    for _ in range(3):
        words.append(lab.page.evaluate("document.activeElement.textContent"))
        lab.page.keyboard.press("Tab")
    assert words == ["the left one is real", "the right one is real", "next pair"]


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_it_is_legible_in_either_theme(lab, artefacts, theme):
    lab.wear(theme)
    for handle in ("verdict p", "pick-left", "pick-next"):
        assert lab.ask(handle, "contrast") > 4.5, handle
    lab.page.screenshot(path=artefacts / f"pairs-{theme.lower()}.png")


@pytest.mark.parametrize("width", [1000, 400])
def test_nothing_is_cut_off_however_wide_the_window(lab, artefacts, width):
    lab.page.set_viewport_size({"width": width, "height": 900})
    lab.part("verdict").scroll_into_view_if_needed()
    for handle in ("pick-left", "pick-right", "pick-next", "verdict"):
        box = lab.part(handle).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    lab.page.screenshot(path=artefacts / f"pairs-{width}.png")

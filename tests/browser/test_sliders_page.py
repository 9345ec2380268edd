"""The sliders of lessons 02, 03 and 06 in JupyterLab, moved by keyboard and mouse, in Chromium."""

from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from playwright.sync_api import Browser

from tests.browser.serving import serve_lab
from tests.browser.studio_page import LabPage
from tests.notebooks.exercises import exercises_of
from tests.notebooks.lesson import NOTEBOOKS, cells_of

NAME = "sliders.ipynb"
KEPT = {
    "02_gan_theory": ("setup", "sizes", "sliders"),
    "03_generator": ("calculator",),
    "06_inference": ("load-generator", "lerp-and-slerp", "sliders", "png-of"),
}
WRITTEN = next(one.answer for one in exercises_of("06_inference") if one.name == "exercise-sliders")


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """The cells with sliders on one page, run; nothing went wrong when it is over."""
    folder = tmp_path_factory.mktemp("notebooks")
    page = nbformat.read(NOTEBOOKS / "02_gan_theory.ipynb", as_version=4)  # for the kernel it names
    kept = [(lesson, name) for lesson, names in KEPT.items() for name in names]
    page.cells = [cells_of(lesson)[name] for lesson, name in kept]
    for cell, (lesson, name) in zip(page.cells, kept, strict=True):
        cell.id = f"{lesson[:2]}-{name}"
    page.cells.append(new_code_cell(f"{WRITTEN}\nsliders_between(a, b)", id="written"))
    nbformat.write(page, folder / NAME)
    with serve_lab(folder, tmp_path_factory.mktemp("lab")) as server:
        lab = LabPage(browser.new_page(viewport={"width": 1000, "height": 2600}))
        lab.visit(f"{server.address}/lab/tree/{NAME}?reset")
        lab.command("notebook:run-all-cells")
        lab.part("overlap").wait_for()
        yield lab
        assert lab.errors == []
        assert server.failures() == []


def picture_beside(lab: LabPage, words: str) -> str:
    """The source of the picture in the same widget as these words."""
    box = lab.page.locator(".jp-OutputArea-output", has_text=words).locator("img").first
    return str(box.get_attribute("src"))


def told(lab: LabPage) -> str:
    return str(lab.part("told").inner_text())


def overlap(lab: LabPage) -> str:
    return str(lab.part("overlap").inner_text())


def test_a_training_of_points_is_seen_while_it_runs_and_can_be_looked_back_at(lab, artefacts):
    assert lab.until(lambda: told(lab), lambda said: "steps" in said).startswith("0 steps: 0 of 8 modes")
    before = picture_beside(lab, "Look back")
    lab.click("train")
    steps = float(str(lab.knob("look-back").get_attribute("aria-valuemax")))  # of the whole training
    ended = lab.until(lambda: told(lab), lambda said: said.startswith(f"{steps:.0f} steps"))
    assert "of the eight Gaussians found" in ended
    after = lab.until(lambda: picture_beside(lab, "Look back"), lambda now: now != before)
    lab.press("look-back", "Home")
    lab.until(lambda: told(lab), lambda said: said.startswith("0 steps"))
    lab.until(lambda: picture_beside(lab, "Look back"), lambda now: now != after)
    lab.page.screenshot(path=artefacts / "sliders.png")


def test_another_distribution_is_taken_when_training_begins_anew(lab):
    lab.part("distribution").locator("select").select_option("spiral")
    lab.click("train")
    lab.until(lambda: told(lab), lambda said: "of 32 modes of the spiral" in said)


def test_the_calculator_counts_and_draws_anew(lab):
    assert overlap(lab).startswith("(4 - 1) x 2 - 2 x 1 + 4 = 8. Away")
    before = picture_beside(lab, "= 8. Away")
    lab.press("overlap-kernel", "ArrowLeft")
    said = lab.until(lambda: overlap(lab), lambda said: "+ 3 = 7" in said)
    assert "a checkerboard" in said
    lab.until(lambda: picture_beside(lab, "a checkerboard"), lambda now: now != before)


def test_the_sliders_that_a_learner_writes_change_the_picture(lab, artefacts):
    image = lab.page.locator("img.widget-image")
    written = lab.page.locator(".jp-OutputArea-output", has=image).last
    picture, knobs = written.locator("img"), written.locator(".noUi-handle")
    picture.wait_for()
    assert knobs.count() == 2
    for number, key in ((0, "ArrowRight"), (1, "ArrowLeft")):
        before = picture.get_attribute("src")
        knobs.nth(number).press(key)
        lab.until(lambda: picture.get_attribute("src"), lambda now, before=before: now != before)
    lab.page.screenshot(path=artefacts / "written.png")


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_what_is_told_is_legible_in_either_theme(lab, artefacts, theme):
    lab.wear(theme)
    for handle in ("told p", "overlap p", "train"):
        lab.until(lambda handle=handle: lab.ask(handle, "contrast"), lambda contrast: contrast > 4.5)
    lab.page.screenshot(path=artefacts / f"sliders-{theme.lower()}.png")

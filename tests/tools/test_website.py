"""The website: outputs find their cells, widgets leave stills, every notebook is a page."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import ganlib
from ganlib.errors import GanlibError
from ganlib.show.figure import Figure
from tests.notebooks.lesson import NOTEBOOKS
from tools import website
from tools.minutes import LEDGER, read_ledger
from tools.website import is_current, with_outputs

ROOT = NOTEBOOKS.parent
VIEW = "application/vnd.jupyter.widget-view+json"
PICTURE = b"a picture, as far as this test is concerned"


def page_of(*sources):
    return new_notebook(cells=[new_code_cell(source, id=f"cell-{k}") for k, source in enumerate(sources)])


def executed(*sources):
    page = page_of(*sources)
    for k, cell in enumerate(page.cells):
        cell.outputs = [new_output("stream", text=f"{k} be"), new_output("stream", text="gins\n")]
        data = {VIEW: {"model_id": "a"}, "text/html": Figure(PICTURE, "words").html(), "text/plain": "words"}
        cell.outputs.append(new_output("display_data", data))
    return page


def test_each_cell_gets_what_it_gave_and_texts_are_those_of_now(tmp_path):
    page = page_of("a = 1", "a + 1")
    page.cells.insert(1, new_markdown_cell("written since", id="new"))
    whole = with_outputs(page, executed("a = 1", "a + 1"), tmp_path)
    assert [cell.source for cell in whole.cells] == ["a = 1", "written since", "a + 1"]
    assert [whole.cells[k].outputs[0].text for k in (0, 2)] == ["0 begins\n", "1 begins\n"]
    assert not any(cell.outputs for cell in page.cells if cell.cell_type == "code")  # ours is left as it was


def test_of_widgets_the_still_remains_and_its_picture_becomes_a_file(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    whole = with_outputs(page_of("1", "2"), executed("1", "2"), pictures)
    shown = [cell.outputs[1].data for cell in whole.cells]
    assert all(set(data) == {"text/html", "text/plain"} for data in shown)
    (picture,) = pictures.iterdir()  # the same bytes, once
    assert picture.suffix == ".png"
    assert picture.read_bytes() == PICTURE
    expected = f'<img src="../pictures/{picture.name}" alt="words" style="max-width: 100%">'
    assert [data["text/html"] for data in shown] == [expected, expected]


@pytest.mark.parametrize("changed", [("a = 2", "a"), ("a", "a = 1"), ("a = 1",), ("a = 1", "a", "b")])
def test_other_code_than_was_executed_is_not_shown_with_its_outputs(changed, tmp_path):
    assert is_current(page_of("a = 1", "a"), executed("a = 1", "a"))
    assert not is_current(page_of(*changed), executed("a = 1", "a"))
    with pytest.raises(GanlibError, match="execute it once more"):
        with_outputs(page_of(*changed), executed("a = 1", "a"), tmp_path)


def test_a_cell_of_another_name_is_another_cell():
    renamed = page_of("a = 1")
    renamed.cells[0].id = "renamed"
    assert not is_current(renamed, executed("a = 1"))


def test_every_notebook_and_text_is_laid_out_and_named_in_the_contents(tmp_path):
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    website.gather(paths, NOTEBOOKS, tmp_path / "source", tmp_path / "pictures")
    start = (tmp_path / "source" / "index.md").read_text(encoding="utf-8")
    assert start.startswith((ROOT / "README.md").read_text(encoding="utf-8"))
    named = re.findall(
        r"^([\w/\[\]*-]+)$", "\n".join(re.findall(r"{toctree}(.*?)```", start, re.DOTALL)), re.M
    )
    pages = {page for name in named for page in (tmp_path / "source").glob(f"{name}.*") if _is_page(page)}
    laid_out = {page for page in (tmp_path / "source").rglob("*") if _is_page(page)}
    assert pages == laid_out - {tmp_path / "source" / "index.md"}
    assert {page.name for page in pages} >= {path.name for path in paths}
    for text in (tmp_path / "source").rglob("*.md"):
        words = re.sub(r"```.*?```|`[^`\n]*`", "", text.read_text(encoding="utf-8"), flags=re.DOTALL)
        links = re.findall(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)", words)
        assert [link for link in links if not (text.parent / link).exists()] == [], text


def test_the_results_show_pictures(tmp_path):
    website.gather([], NOTEBOOKS, tmp_path / "source", tmp_path / "pictures")
    page = (tmp_path / "source" / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert page.count("![") >= 3


def test_every_public_name_has_its_place_on_the_page_of_the_library():
    classes, _, functions = website.library().partition("\nFunctions\n")
    assert ".. autoclass:: Trainer\n   :members:" in classes
    assert ".. autofunction:: load_art\n" in functions
    named = re.findall(r"^\.\. auto(?:class|function):: (\w+)$", classes + functions, re.MULTILINE)
    assert sorted(named) == sorted(ganlib.__all__)


@pytest.mark.parametrize("name", ["photos", "photos/one.jpg"])
def test_nothing_but_a_website_is_written_over(tmp_path, capsys, name):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    assert website.main(["--out", str(tmp_path / name)]) == 2
    assert "holds something else than the website" in capsys.readouterr().err
    assert (tmp_path / "photos" / "one.jpg").exists()


def _is_page(path: Path) -> bool:
    return path.suffix in {".md", ".ipynb"}


def test_what_is_to_be_executed_is_said_with_its_minutes():
    measured = read_ledger(LEDGER)
    told = website.announcement([NOTEBOOKS / f"{name}.ipynb" for name in ("03_generator", "05_training")])
    assert "03_generator, 05_training." in told
    assert f"{measured['03_generator'].cpu + measured['05_training'].cpu:.1f} minutes" in told


def test_only_what_has_changed_is_executed(tmp_path, monkeypatch, capsys):
    course = tmp_path / "notebooks"
    ran = tmp_path / "ran"
    course.mkdir()
    for name, sources in {"01_a": ("1",), "02_b": ("2",), "03_c": ("3",)}.items():
        nbformat.write(page_of(*sources), course / f"{name}.ipynb")
    ran.mkdir()
    nbformat.write(executed("1"), ran / "01_a.ipynb")
    nbformat.write(executed("another"), ran / "02_b.ipynb")

    def run(page, path, cache):
        page.cells = executed(path.stem[1:2]).cells

    monkeypatch.setattr(website, "_ROOT", tmp_path)
    monkeypatch.setattr(website, "execute", run)
    monkeypatch.setattr(website, "write", lambda *_: 0)
    assert website.main(["--executed", str(ran)]) == 0
    assert "never were: 02_b, 03_c." in capsys.readouterr().out
    assert website.main(["--executed", str(ran)]) == 0
    assert capsys.readouterr().out == ""


def test_the_still_of_a_box_of_ones_own_says_what_it_shows():
    widgets = pytest.importorskip("ipywidgets")
    from ganlib.show.figure import Interactive

    slider = widgets.IntSlider(3)
    shown = Interactive(slider, lambda: Figure(PICTURE, f"<{slider.value}> on the slider"))
    slider.value = 5
    bundle = shown._repr_mimebundle_(include=None, exclude=None)
    assert bundle[VIEW]["model_id"] == slider.model_id
    assert base64.b64encode(PICTURE).decode() in bundle["text/html"]
    assert 'alt="&lt;5&gt; on the slider"' in bundle["text/html"]
    assert "<figcaption>&lt;5&gt; on the slider. Run this cell" in bundle["text/html"]
    assert bundle["text/plain"] == repr(shown) == "<5> on the slider"

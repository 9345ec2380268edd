"""The studio where nobody moves a slider: a page made from a notebook, a terminal, a saved file."""

import base64
from html.parser import HTMLParser
from io import BytesIO

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image
from traitlets.config import Config

from ganlib.studio.app import LatentStudio
from tools.refresh import refresh

VIEW = "application/vnd.jupyter.widget-view+json"


class Pictures(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.found = []
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes))


def test_it_shows_widgets_or_a_still_or_a_line(weights):
    studio = LatentStudio(weights)
    shown = studio._repr_mimebundle_(include=None, exclude=None)
    assert shown[VIEW]["model_id"] == studio.box.model_id
    assert shown["text/plain"] == "tiny, 32 px: seed 0"
    (picture,) = Pictures(shown["text/html"]).found
    assert picture["alt"] == "tiny, 32 px: seed 0"
    data = base64.b64decode(picture["src"].removeprefix("data:image/webp;base64,"))
    assert data == studio._picture.value
    assert Image.open(BytesIO(data)).size == (32, 32)


def executed(weights, tmp_path, **options):
    page = nbformat.v4.new_notebook()
    code = f"import ganlib\n\nganlib.LatentStudio({str(weights)!r})"
    page.cells = [nbformat.v4.new_code_cell(code)]
    NotebookClient(page, timeout=120, resources={"metadata": {"path": str(tmp_path)}}, **options).execute()
    return page


def test_a_page_made_without_the_widgets_state_shows_the_still(weights, tmp_path):
    page = executed(weights, tmp_path, store_widget_state=False)
    source, _ = HTMLExporter().from_notebook_node(page)
    (picture,) = [img for img in Pictures(source).found if img.get("alt", "").startswith("tiny")]
    assert picture["src"].startswith("data:image/webp;base64,")
    assert "Traceback" not in source


def test_a_page_made_with_the_widgets_state_holds_the_widgets_and_no_error(weights, tmp_path):
    page = executed(weights, tmp_path)
    (output,) = page.cells[0].outputs
    source, _ = HTMLExporter(config=Config()).from_notebook_node(page)
    assert f'"model_id": "{output.data[VIEW]["model_id"]}"' in source
    assert "ganlib-picture" in source
    assert "Traceback" not in source


def test_nothing_of_it_is_kept_in_the_notebooks_of_the_course(weights, tmp_path):
    path = tmp_path / "page.ipynb"
    page = executed(weights, tmp_path)
    assert "widgets" in page.metadata
    nbformat.write(page, path)
    refresh(path)
    kept = nbformat.read(path, as_version=4)
    assert "widgets" not in kept.metadata
    assert kept.cells[0].outputs == []

from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from ganlib.show.report import report
from tests.data.pictures import fill, noise

NASTY = "<script>alert(1)</script>.txt"


class Page(HTMLParser):
    """Text, and the pictures with their descriptions."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.images = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def folder(tmp_path):
    folder = fill(tmp_path / "art", 120)
    noise(3, 480, 400).save(folder / "1-near.jpg", quality=80)
    (folder / "2-copy.png").write_bytes((folder / "002.png").read_bytes())
    noise(4, 20, 30).save(folder / "small.png")
    data = (folder / "1-near.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    (folder / NASTY.replace("/", "_")).write_text("no picture")
    (folder / "צלם 😀.txt").write_text("no picture")
    return folder


def page_of(folder, settings=None):
    out = prepare(folder, settings or Settings(32))
    path = report(out)
    assert path == out / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_everything_there_is_to_say_is_on_the_page(folder):
    page = page_of(folder)
    text = " ".join(" ".join(page.words).split())
    assert "122 pictures of 32 px from 126 files" in text
    assert "100 of them, evenly picked" in text
    assert "short sides: 20 to 400 px, median 40 ·" in text
    for words in ("smaller than 32 px", "truncated: the file ends too early", "not a picture", "צלם 😀.txt"):
        assert words in text
    assert "the same as 002.png" in text or "the same as 2-copy.png" in text
    assert "nearly 003.png" in text or "nearly 1-near.jpg" in text
    assert NASTY.replace("/", "_") in text
    assert "script" not in page.tags


def test_pictures_are_whole_described_and_within_the_page(folder):
    page = page_of(folder)
    sheet, *rows = page.images
    assert sheet["alt"] == "Contact sheet of 100 prepared pictures."
    assert len(rows) == 2  # pairs
    assert all(image["src"].startswith("data:image/") for image in page.images)


def test_the_contact_sheet_shows_the_pictures_in_order(folder):
    from base64 import b64decode
    from io import BytesIO

    page = page_of(folder)
    sheet = np.asarray(Image.open(BytesIO(b64decode(page.images[0]["src"].partition(",")[2]))).convert("RGB"))
    images = np.load(prepare(folder, Settings(32)) / "images.npy")
    last = np.asarray(Image.fromarray(sheet[-96:, -96:]).resize((32, 32)))
    assert np.abs(last.astype(int) - images[-1]).mean() < 3
    first = np.asarray(Image.fromarray(sheet[:96, :96]).resize((32, 32)))
    assert np.abs(first.astype(int) - images[0]).mean() < 3


def test_a_set_without_a_picture_has_a_page_too(tmp_path):
    folder = fill(tmp_path / "art", 0)
    (folder / "a.txt").write_text("no picture")
    page = page_of(folder, settings=Settings(32, at_least=0))
    assert "0 pictures of 32 px from 1 files" in " ".join(page.words)
    assert not page.images


def test_a_missing_set_is_a_sentence(tmp_path):
    with pytest.raises(GanlibError, match="damaged"):
        report(tmp_path)


def test_odd_pictures_are_shown_with_what_is_odd(tmp_path):
    folder = fill(tmp_path / "art", 3)
    Image.new("RGB", (40, 40), (5, 5, 5)).save(folder / "night.png")
    page = page_of(folder, settings=Settings(32, at_least=1))
    text = " ".join(" ".join(page.words).split())
    assert "Pictures to look at picture file what is odd night.png nearly black" in text
    assert len(page.images) == 2

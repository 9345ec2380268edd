"""Text and files of strangers in the studio, and values that only Python can set."""

import json
import math
import os
import resource
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import ipywidgets
import pytest
import torch
from traitlets import TraitError

from ganlib.latent.directions import sefa_directions
from ganlib.latent.sampling import sample_latent
from ganlib.run import Run
from ganlib.studio.app import LatentStudio
from ganlib.studio.state import MOST_NOTED
from ganlib.weights import load_generator
from tests.studio.driver import RECIPE, Driver, save_weights, widgets_of
from tests.studio.test_app import photo, upload

SHORT = "<b onload=f()>&amp;$"  # 20 letters, as many as a name may have
LONG = "<img src=x onerror=alert(1)>" * 4000
EVIL = ["<script>alert(1)</script>", SHORT, LONG, "a\x1b[31m\x07b\nc", "a\u202eb", "a\udcffb", "</p><p>"]
ARE_HTML = ipywidgets.__version__.startswith("7.")


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attributes):
        self.found.add((tag, *sorted(name for name, _ in attributes)))


OURS = {("p",), ("p", "role"), ("style",), ("a", "download", "href"), ("i", "onanimationstart", "style")}
OURS |= {("div",), ("figure",), ("figcaption",), ("img", "alt", "src", "style")}


def check_what_is_sent(box):
    """What a browser is sent is text but for the tags of the studio, and can be written as UTF-8."""
    for widget in widgets_of(box):
        state = widget.get_state()
        texts = [text for text in state.values() if isinstance(text, str)]
        texts += state.get("_options_labels", ())
        "".join(texts).encode()
        html = {"HTML": "value"}.get(type(widget).__name__) or (ARE_HTML and "description")
        parser = _Tags()
        parser.feed(state.get(html) or "")
        assert parser.found <= OURS, state
        assert not any(ord(letter) < 32 for letter in state.get("description") or ""), state


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    run.start(RECIPE)
    save_weights(run.generator_file)
    return run


def notes(run, *names, favourites=()):
    vectors = sefa_directions(load_generator(run.folder)[0], 10).vectors.tolist()
    named = [{"name": name, "vector": vector} for name, vector in zip(names, vectors, strict=False)]
    return {"schema": 1, "directions": named, "favourites": list(favourites)}


def opened(run, saved):
    (run.folder / "studio.json").write_text(saved if isinstance(saved, str) else json.dumps(saved))
    return Driver(LatentStudio(run))


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_a_name_in_a_file_is_plain_text_of_20_letters(run, name):
    driver = opened(run, notes(run, name))
    for moved in (0.0, 2.0):
        driver.set("direction-1", moved)
        check_what_is_sent(driver.studio.box)
    shown = driver["direction-1"].description
    shown = unescape(shown) if ARE_HTML else shown
    assert len(shown) <= 20
    assert shown == driver["direction-choice"].options[0][0] == driver.studio._state.names[0]
    assert f"{shown} +2.0" in unescape(driver.status)


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_so_is_one_that_is_typed(run, name):
    driver = Driver(LatentStudio(run))
    driver.set("direction-name", name)
    driver.click("name-it")
    driver.set("direction-1", 2.0)
    check_what_is_sent(driver.studio.box)
    assert max(map(len, driver.studio._state.names)) <= 20
    assert ("1 to 20 letters" in driver.message) == (name in {LONG, EVIL[0]}) or driver.message == ""


def test_a_name_of_20_letters_is_shown_to_the_letter(run):
    driver = opened(run, notes(run, SHORT))
    shown = driver["direction-1"].description
    assert (unescape(shown) if ARE_HTML else shown) == SHORT


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_names_of_files_and_recipes_are_text(tmp_path, monkeypatch, name):
    monkeypatch.setattr("ganlib.studio.files._SEARCH", (1, 2))
    weights = save_weights(tmp_path / "tiny.safetensors")
    driver = Driver(LatentStudio(weights, folder=tmp_path / "saved"))
    driver.studio._renderer.recipe = replace(RECIPE)
    object.__setattr__(driver.studio._renderer.recipe, "name", name)  # whatever recipes allow
    driver.click("save-z", "next")
    (saved,) = (tmp_path / "saved").iterdir()
    for content, kind in (
        (saved.read_bytes(), ".json"),
        (b"{", ".json"),
        (photo(9, 9), ".png"),
        (b"", ".png"),
    ):
        upload(driver["upload"], name + kind, content)
        check_what_is_sent(driver.studio.box)
        driver.click("project", "next")
        check_what_is_sent(driver.studio.box)
        assert max(len(label) for label, _ in driver["history"].options) <= 100
    assert "\x1b" not in repr(driver.studio)
    driver.studio._repr_mimebundle_()["text/plain"].encode()


def test_a_folder_whose_name_is_no_text_is_no_trouble(tmp_path):
    folder = tmp_path / os.fsdecode(b"<i>\xff&")
    driver = Driver(LatentStudio(save_weights(tmp_path / "tiny.safetensors"), folder=folder))
    check_what_is_sent(driver.studio.box)
    driver.click("save-picture")
    check_what_is_sent(driver.studio.box)
    assert [path.suffix for path in folder.iterdir()] == [".png"]


HUGE = "1" + "0" * 400
GOOD = [0.0] * 25
BROKEN = {
    "deep list": "[" * 100_000,
    "deep object": '{"a":' * 100_000,
    "huge schema": f'{{"schema": {HUGE}, "directions": [], "favourites": []}}',
    "huge number": f'{{"schema": 1, "directions": [], "favourites": [[{HUGE}]]}}',
    "huge numbers": f'{{"schema": 1, "directions": [], "favourites": [[{",".join([HUGE] * 25)}]]}}',
    "beyond float32": json.dumps({"schema": 1, "directions": [], "favourites": [[1e300] * 25]}),
    "a list": "[1]",
    "null": '{"schema": 1, "directions": null, "favourites": []}',
    "names": '{"schema": 1, "directions": [{"name": 7, "vector": []}], "favourites": []}',
    "texts": json.dumps({"schema": 1, "directions": [], "favourites": [["1"] * 25]}),
    "true": json.dumps({"schema": 1, "directions": [], "favourites": [[True] * 25]}),
    "many": json.dumps({"schema": 1, "directions": [], "favourites": [GOOD] * (MOST_NOTED + 1)}),
    "named": json.dumps(
        {"schema": 1, "directions": [{"name": "a", "vector": GOOD}] * (MOST_NOTED + 1), "favourites": []}
    ),
    "wide": f'{{"schema": 1, "directions": [], "favourites": [[{"0," * 4_000_000}0]]}}',
    "long": " " * (17 * 2**20) + '{"schema": 1, "directions": [], "favourites": []}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_notes_are_one_sentence_and_stay_as_they_are(run, text):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    driver = opened(run, text)
    assert "mend or remove it" in driver.message
    assert driver.message.count("<p") == 1
    driver.click("pin")
    assert "mend or remove it" in driver.message
    assert (run.folder / "studio.json").read_text() == text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # KiB


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_notes_that_are_no_file_are_one_sentence(run, kind):
    place = run.folder / "studio.json"
    {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: path.symlink_to("/dev/zero")}[kind](place)
    assert "no file but a folder, a pipe or a device" in Driver(LatentStudio(run)).message


def test_there_is_an_end_to_favourites(run):
    driver = opened(run, notes(run, favourites=sample_latent(MOST_NOTED, 25).tolist()))
    assert driver.message == ""
    driver.click("next", "back")
    driver.set("seed", "7000")
    driver.click("pin")
    assert "unpin one first" in driver.message
    assert len(driver.studio.favourites) == MOST_NOTED


@pytest.fixture
def driver(run):
    return Driver(LatentStudio(run))


ODD_PATHS = {
    "pipe": "no file but a folder, a pipe or a device",
    "/dev/zero": "no file but a folder, a pipe or a device",
    "/dev/stdin": "no file but a folder, a pipe or a device",
    ".": "no file but a folder, a pipe or a device",
    "a\0b.json": "cannot be read",
    "\udcff.json": "cannot be read",
    "x" * 5000: "cannot be read",
    "d/" * 2500 + "z.json": "cannot be read",
    "~nobody-of-this-name/z.json": "cannot be read",
    "loop.json": "cannot be read",
    "large.json": "too large",
    "sparse.png": "too large",
}


@pytest.mark.parametrize(("path", "said"), ODD_PATHS.items(), ids=[repr(path)[:20] for path in ODD_PATHS])
def test_open_says_at_once_what_no_file_is(driver, tmp_path, monkeypatch, path, said):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop.json").symlink_to("loop.json")
    for name, size in (("large.json", 1_000_001), ("sparse.png", 10**12)):
        Path(name).touch()
        os.truncate(name, size)
    before = driver.picture
    driver.set("path", path)
    driver.click("open")
    assert said in driver.message
    assert len(driver.message) < 1000
    assert driver.is_warned
    assert driver.picture == before


@pytest.mark.parametrize("name", ["z.json", "photo.png"])
def test_uploads_are_bounded(driver, monkeypatch, name):
    monkeypatch.setattr("ganlib.studio.files._LARGEST_FILE", 2_000_000)
    upload(driver["upload"], name, bytes(2_000_001))
    assert "too large" in driver.message


@pytest.mark.parametrize(
    "text", ["[" * 100_000, f"[{HUGE}]", '{"z": ' * 100_000, "[" + "0," * 400_000 + "0]"]
)
def test_a_z_that_is_none_is_one_sentence(driver, text):
    upload(driver["upload"], "z.json", text.encode())
    assert driver.is_warned
    assert "z.json" in driver.message


@pytest.mark.parametrize("value", [HUGE, f"-{HUGE}", "1e999", "[]", "{}", "true", '"1"', "null"])
def test_a_z_with_odd_numbers_is_one_sentence(driver, value):
    driver.click("save-z")
    (path,) = driver.studio._renderer.folder.iterdir()
    saved = json.loads(path.read_text())
    text = json.dumps(saved | {"z": ["here"] + [0] * 24}).replace('"here"', value)
    upload(driver["upload"], "z.json", text.encode())
    assert "is damaged" in driver.message


@pytest.mark.parametrize("folder", ["a\0b", "x" * 5000])
def test_a_folder_to_save_in_that_cannot_be_is_one_sentence(driver, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    driver.set("folder", folder)
    for handle in ("save-picture", "save-z", "save-grid"):
        driver.click("next", handle)
        assert driver.is_warned or "Saved as ab/" in driver.message


def selections(box):
    return [widget for widget in widgets_of(box) if hasattr(widget, "options")]


def test_a_choice_that_python_takes_away_is_put_back(driver):
    found = selections(driver.studio.box)
    assert len(found) == 17  # models, views, history, and fourteen lists
    for widget in found:
        before = widget.value
        for name in ("value", "index", "label"):
            setattr(widget, name, None)
            assert widget.value == before is not None
            with pytest.raises((TraitError, ValueError, KeyError)):
                setattr(widget, name, "no such thing")
            assert widget.value == before
    for title in dict(driver["views"].options):
        driver.open(title)
        driver.set("views", None)
        driver.click("next")
        assert driver["views"].label == title
    assert driver["seed"].value == str(len(driver["views"].options))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_put_back(driver, value):
    sliders = [widget for widget in driver.widgets() if type(widget).__name__ == "FloatSlider"]
    assert len(sliders) == 38
    for slider in sliders:
        slider.value = value
        assert math.isfinite(slider.value)
        with pytest.raises(TraitError):
            slider.value = None
    driver.click("reset")
    driver.set("direction-1", 2.0)
    assert driver.studio.z.isfinite().all()
    assert "direction 1 +2.0" in driver.status
    assert torch.equal(driver.studio._state.current.edits, torch.zeros(25))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_film_of_no_length_is_one_sentence(driver, value):
    driver.click("keep-a", "next", "keep-b")
    driver.set("seconds", value)
    driver.click("save-gif")
    assert driver.is_warned == math.isnan(driver["seconds"].value)

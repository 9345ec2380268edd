"""What notebook 01 builds by hand is what ganlib holds; a hint fits its mistake; it cleans up.

What it downloads is compared by nbval, where Kaggle says yes; here it says no, or there is no network.
"""

import json
import os
import subprocess
import sys
import tempfile
import types

import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from PIL import Image

from ganlib.data.dataset import ImageDataset, to_bytes, to_float
from ganlib.data.duplicates import look_at, near_duplicates
from tests.data import kaggle_stand_in as made
from tests.data.kaggle_stand_in import no_network
from tests.notebooks.lesson import cells_of, names_of, said_of

PAGE = cells_of("01_dataset")
CELLS = {name: cell.source for name, cell in PAGE.items()}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    from matplotlib import font_manager  # noqa: F401  (its cache is none of the lesson's)

    return tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def lesson(places):
    """The names that the notebook defines, after all its cells have run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(places[0]))
        for name, value in {**no_network(places[1]), "XDG_CACHE_HOME": str(places[1])}.items():
            patch.setenv(name, value)
        return names_of(cell.source for cell in PAGE.values() if cell.cell_type == "code")


CODE = [name for name, cell in PAGE.items() if cell.cell_type == "code"]
SECTION = CODE[CODE.index("kaggle-names") : CODE.index("bytes-to-floats")]
KAGGLE = "\n".join(CELLS[name] for name in SECTION)
START = "from importlib.util import find_spec\nfrom pathlib import Path\nimport ganlib\n"
ART = "art = ganlib.load_art('portraits')\n"
WITHOUT = """kagglehub brought nothing ({0}): {1}, or go on without it.
Found a token in none of these places, so the next cell leaves kaggle out.
opendatasets would have to ask you: set ASK = True and run this cell again, or go on without it.
Nothing has come from Kaggle. What follows needs nothing but the bundled pictures.
Nothing from Kaggle was prepared.
"""
CONNECTION = "check the connection (on Kaggle: Settings > Internet)"


@pytest.fixture
def said_about_kaggle(tmp_path, monkeypatch):
    """What the cells about Kaggle print in an environment, which must be no secret; the last says "done"."""
    (tmp_path / "home").mkdir()
    for name in [name for name in os.environ if name.startswith("KAGGLE")]:
        monkeypatch.delenv(name)

    def run(environment, source=ART + KAGGLE):
        home = {"HOME": str(tmp_path / "home"), "USERPROFILE": str(tmp_path / "home"), "GANLIB_TINY": "1"}
        command = [sys.executable, "-c", f"{START}{source}\nprint('done')"]
        environment = {**os.environ, **environment, **home}
        ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert not [secret for secret in made.SECRETS if secret in ran.stdout + ran.stderr]
        assert ran.stdout.endswith("done\n")
        return ran.stdout.removesuffix("done\n")

    return run


def test_without_a_network_or_a_token_every_cell_says_so_and_the_lesson_goes_on(said_about_kaggle, tmp_path):
    assert said_about_kaggle(no_network(tmp_path)) == WITHOUT.format("ProxyError", CONNECTION)


def test_without_a_network_a_token_does_not_help(said_about_kaggle, tmp_path):
    (tmp_path / "kaggle.json").write_text(json.dumps({"username": made.USER, "key": made.KEY}))
    said = said_about_kaggle({**no_network(tmp_path), "KAGGLE_API_TOKEN": made.TOKEN})
    for client in ("kagglehub", "kaggle", "opendatasets"):
        assert f"\n{client} brought nothing (ProxyError): {CONNECTION}" in f"\n{said}"
    assert "Found a token in the environment variable KAGGLE_API_TOKEN\n" in said
    assert "Nothing has come from Kaggle." in said


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "get a token"),
        (403, "accept its terms"),
        (404, "the name"),
        (429, "minutes"),
        (503, "connection"),
    ],
)
def test_a_refusal_is_a_sentence_from_every_client(said_about_kaggle, tmp_path, status, advice):
    clients = SECTION[: SECTION.index("prepare-them")]
    with made.two_small_sets(tmp_path, status) as environment:
        said = said_about_kaggle(environment, "\n".join(CELLS[name] for name in clients))
    for client in ("kagglehub", "kaggle", "opendatasets"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{client} brought nothing")]
        assert f"({status})" in line
        assert advice in line
    assert "Nothing has come from Kaggle." in said


def test_opendatasets_asks_below_its_cell_and_takes_the_answers(tmp_path):
    """In a kernel whose frontend lets a person answer, as Colab's and Jupyter's do."""
    asked, printed = [], []

    def hear(message):
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    def answer(message):
        asked.append(message["content"])
        client.input(made.KEY if asked[-1]["password"] else made.USER)

    with made.two_small_sets(tmp_path) as environment:
        (tmp_path / "kaggle.json").unlink()
        manager, client = start_new_kernel(env={**os.environ, **environment}, cwd=str(tmp_path))
        source = KAGGLE.replace("ASK = False", "ASK = True")
        try:
            ended = client.execute_interactive(
                START + ART + source, timeout=120, output_hook=hear, stdin_hook=answer, allow_stdin=True
            )
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    assert ended["content"]["status"] == "ok"
    hidden = {question["prompt"].strip(": "): question["password"] for question in asked}
    assert hidden == {"Your Kaggle username": False, "Your Kaggle Key": True}
    said = "".join(printed)
    assert "opendatasets a folder   with 14 .png, 1 .txt" in said
    assert "100%|" in said  # of every client, whose progress is shown
    assert made.KEY not in said


@pytest.fixture
def find_token(lesson, tmp_path, monkeypatch):
    """The function of the lesson, on a machine without any token."""
    for name in [name for name in os.environ if name.startswith("KAGGLE")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield lesson["find_token"]
    os.environ.pop("KAGGLE_API_TOKEN", None)
    os.environ.pop("KAGGLE_CONFIG_DIR", None)


def test_a_token_is_found_wherever_it_may_be_put(find_token, tmp_path, monkeypatch):
    assert find_token() is None
    package = types.ModuleType("google.colab")
    package.userdata = types.SimpleNamespace(get={"KAGGLE_API_TOKEN": made.TOKEN}.__getitem__)
    with monkeypatch.context() as colab:
        colab.setitem(sys.modules, "google.colab", package)
        assert find_token() == "the Colab secret KAGGLE_API_TOKEN"
    assert os.environ.pop("KAGGLE_API_TOKEN") == made.TOKEN
    beside = tmp_path / "kaggle.json"
    beside.write_text("{}")
    assert find_token() == f"the file {beside}"
    monkeypatch.setenv("KAGGLE_API_TOKEN", made.TOKEN)
    assert find_token() == "the environment variable KAGGLE_API_TOKEN"


@pytest.mark.parametrize(
    ("page", "cell"),
    [
        ("04_discriminator", "tools"),
        ("05_training", "pieces"),
        ("06_inference", "reals"),
        ("08_evaluation", "tools"),
    ],
)
def test_what_is_chosen_here_is_what_the_others_train_on(page, cell, tmp_path, full_length, monkeypatch):
    monkeypatch.setenv("GANLIB_WORKSPACE", str(tmp_path))
    for number, picture in enumerate(soft_pictures(20)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    chosen = CELLS["choose-the-pictures"].replace('"portraits"', repr(str(tmp_path)))
    names_of(["import ganlib", chosen])
    assert len(names_of(["import ganlib", cells_of(page)[cell].source])["art"]) == 20


def soft_pictures(count=80):
    """Random pictures; every second is like the one before, less and less so: all over, or in one place."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 130, (count, 4, 4, 3)).repeat(16, 1).repeat(16, 2)
    change = np.arange(count // 4)[:, None, None, None]
    pictures[1 : count // 2 : 2] = pictures[0 : count // 2 : 2] + change * random.integers(0, 6, (64, 64, 1))
    pictures[count // 2 + 1 :: 2] = pictures[count // 2 :: 2]
    pictures[count // 2 + 1 :: 2, 24:28, 40:44] += 4 * change
    return pictures.astype(np.uint8)


def test_the_lesson_leaves_nothing_behind(lesson, places):
    assert lesson["still_open"]
    assert not list(places[0].glob("ganlib*"))
    assert not (places[1] / "ganlib").exists()


def test_bytes_and_floats_are_those_of_the_library(lesson):
    pictures = torch.from_numpy(soft_pictures())
    assert torch.equal(lesson["back_to_bytes"](to_float(pictures)), pictures)
    floats = torch.rand(4, 3, 8, 8) * 2 - 1
    assert torch.equal(lesson["back_to_bytes"](floats), to_bytes(floats))


def test_the_fingerprint_is_that_of_the_library(lesson):
    for picture in soft_pictures():
        look = look_at(picture)
        assert np.packbits(lesson["bits_of"](picture)).view(np.uint64)[0] == look.shapes
        assert np.array_equal(lesson["colours_of"](picture), look.colours)


def test_near_duplicates_are_those_of_the_library(lesson):
    pictures = soft_pictures()
    looks = [look_at(picture) for picture in pictures]
    theirs = near_duplicates(np.array([x.shapes for x in looks]), np.stack([x.colours for x in looks]))
    pairs = lesson["pairs_alike"](pictures)
    ours = lesson["first_alike"](len(pictures), pairs)
    assert ours.tolist() == theirs.tolist()
    assert 0 < (ours >= 0).sum() < len(pairs[0])  # the colours decide, too


def test_the_held_out_rule_is_that_of_the_library(lesson):
    art = ImageDataset(soft_pictures(), "soft")
    by_hand = [index for index, picture in enumerate(art.images) if lesson["is_held_out"](picture)]
    assert 0 < len(by_hand) < len(art)
    assert by_hand == art.held_out.tolist()


def test_the_effective_number_counts_kinds(lesson):
    count = lesson["effective_number"]
    assert count(np.array([5, 5, 5, 5])) == pytest.approx(4)
    assert count(np.array([7, 0, 0])) == pytest.approx(1)
    assert 1 < count(np.array([90, 5, 5])) < 2


def test_a_missing_answer_is_asked_for(lesson):
    assert lesson["still_open"]({"who?": "I", "what?": " ", "where?": ""}) == ["what?", "where?"]


@pytest.fixture(scope="module")
def said(lesson):
    """What the check of an exercise prints about an answer."""

    return lambda name, answer: said_of(dict(lesson), CELLS, name, answer)


SIZE = "def largest_size(sides, share=0.9):\n    return max(s for s in SIZES if "
ALIKE = "def is_alike(first, second):\n    away = lambda other: (bits_of(first) != bits_of(other)).sum()\n"
CROP = "def centre_crop(pixels):\n    side = min(pixels.shape[:2])\n"
BLURRED = "def is_blurred(images, least=0.3):\n    grey = images.mean(1, keepdim=True)\n"
RATIO = "conv2d(grey, LAPLACE).var(dim=(1, 2, 3)) / grey.var(dim=(1, 2, 3))"


@pytest.mark.parametrize(
    ("name", "answer", "hint"),
    [
        ("size", SIZE + "np.sort(sides.min(1))[round((1 - share) * len(sides))] >= s)", "Right"),
        ("size", SIZE + "(sides[:, 0] >= s).mean() >= share)", "shorter side decides"),
        ("size", SIZE + "(sides.min(1) > s).mean() >= share)", "nothing needs enlarging"),
        ("size", SIZE + "sides.min() >= s)", "the share asked for"),
        ("size", SIZE + "sides.min(1).mean() >= s)", "the share asked for"),
        ("size", SIZE + "(sides.min(1) >= s).mean() > 1)", "always a size"),
        ("mirrored", ALIKE + "    return away(second) <= 4 or away(np.fliplr(second)) <= 4", "Right"),
        ("mirrored", ALIKE + "    return away(second[:, ::-1]) <= 4", "no bit differs"),
        ("mirrored", ALIKE + "    return True", "how many do you allow"),
        ("mirrored", ALIKE + "    return min(away(second), away(second[::-1])) <= 4", "mirror the columns"),
        ("mirrored", ALIKE + "    return away(second[:, :, ::-1]) + None", "stopped with TypeError"),
        ("is-blurred", BLURRED + f"    return [one < least for one in {RATIO}]", "Right"),
        ("is-blurred", BLURRED + f"    return {RATIO} > least", "wrong way up"),
        ("is-blurred", BLURRED + f"    return ({RATIO} < least).all()", "one answer for each"),
        ("is-blurred", BLURRED + "    return None", "stopped with"),
        ("centre-crop", CROP + "    a, b = (n - side + 1 for n in pixels.shape[:2])\n"
         "    return pixels[a // 2 :, b // 2 :][:side, :side]", "Right"),
        ("centre-crop", CROP + "    return pixels[-side:, -side:]", "goes on each side"),
        ("centre-crop", CROP + "    return pixels", "the shape should be"),
        ("centre-crop", CROP + "    return None", "Not yet"),
    ],
)  # fmt: skip
def test_an_answer_gets_the_hint_that_it_needs(said, name, answer, hint):
    told = said(name, answer)
    assert hint in told
    assert told.startswith("Right" if hint == "Right" else "Not yet: ")


def test_a_fairer_measure_of_blur_is_not_fair(lesson):
    """More than half of the lowest tenth, as the solution says."""
    images, names = lesson["art"].tensor(), dict(lesson)
    exec(BLURRED + f"    return {RATIO}", names)
    lowest = names["is_blurred"](images).argsort()[: len(images) // 10].numpy()
    assert 0.5 < lesson["darkest"][lowest].mean() < 0.65

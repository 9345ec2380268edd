"""What notebook 01 builds by hand is what ganlib holds, its claims hold, its checks are fair; it cleans up.

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

from ganlib.augment import AUGMENTATIONS
from ganlib.data.dataset import to_bytes, to_float
from tests.data import kaggle_stand_in as made
from tests.data.kaggle_stand_in import no_network
from tests.notebooks.exercises import exercises_of
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
SECTION = CODE[CODE.index("kaggle-names") : CODE.index("choose-the-pictures") + 1]
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
    assert lesson["own"] is None
    assert not list(places[0].glob("ganlib*"))


@pytest.fixture(scope="module")
def solved(lesson):
    """The same names, with all exercises solved."""
    names = dict(lesson)
    for exercise in exercises_of("01_dataset"):
        exec(exercise.answer, names)
    return names


def test_bytes_and_floats_are_those_of_the_library(solved):
    pictures, floats = torch.from_numpy(soft_pictures()), torch.rand(4, 3, 8, 8) * 2 - 1
    for ways in (("to_tensor", "to_pictures"), ("solved_to_tensor", "solved_to_pictures")):
        there, back = (solved[way] for way in ways)
        assert torch.equal(there(pictures), to_float(pictures))
        assert torch.equal(back(to_float(pictures)), pictures)
        assert torch.equal(back(floats), to_bytes(floats))


def test_the_held_out_rule_is_that_of_the_library(lesson):
    assert np.flatnonzero(lesson["held"]).tolist() == lesson["art"].held_out.tolist()


def test_there_are_four_augmentations_and_the_page_shows_all(lesson):
    source = CELLS["augment-one-picture"]
    assert len(AUGMENTATIONS) == 4
    assert all(f"{name}(one)" in source for name in AUGMENTATIONS)
    assert "has four such functions" in CELLS["augmentation"]


def test_about_a_hundred_near_duplicates_and_about_thirty_pairs_torn_apart(lesson):
    later, first, held = lesson["later"], lesson["first"], lesson["held"]
    assert 90 <= len(later) <= 120
    assert 25 <= (held[later] != held[first[later]]).sum() <= 40


def test_only_antialiasing_takes_the_fine_rings_away(lesson):
    corner = {name: pair[1, :, :12, :12].std() for name, pair in lesson["reduced"].items()}
    assert corner.pop("bilinear, antialiased") < 0.1
    assert all(spread > 0.3 for spread in corner.values())


def test_the_colours_are_bright_and_warm(lesson):
    red, _, blue = lesson["images"].mean((0, 2, 3))
    assert red > blue + 0.1 > 0.1


def test_two_rules_for_warm_disagree_on_three_colours(lesson):
    assert len(lesson["disputed"]) == 3
    assert lesson["kappa"] == pytest.approx(0.63, abs=0.01)


def test_the_lowest_tenth_is_unfair_and_a_fairer_measure_is_not_fair(lesson, solved):
    lowest, darkest = lesson["lowest"], lesson["darkest"]
    assert darkest[lowest].mean() > 2 * darkest.mean()
    lowest = lesson["ratios"](lesson["art"].tensor()).argsort()[: len(darkest) // 10].numpy()
    assert 0.5 < darkest[lowest].mean() < 0.65


def test_the_messy_folder_is_put_upright_and_told_of(lesson):
    assert "24 pictures from 27 files" in str(PAGE["read-the-manifest"].outputs)


@pytest.fixture(scope="module")
def said(lesson):
    """What the check of an exercise prints about an answer."""

    return lambda name, answer: said_of(dict(lesson), CELLS, name, answer)


def tensors(there="pictures.permute(0, 3, 1, 2).float() / 127.5 - 1", back=None):
    back = back or "((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1)"
    return f"def to_tensor(pictures):\n    return {there}\ndef to_pictures(images):\n    return {back}\n"


LABELS = "def labels_of(coco):\n"
LOOK_UP = """    files = {one['id']: one['file_name'] for one in coco['images']}
    names = {one['id']: one['name'] for one in coco['categories']}
    labels = {name: LIST for name in files.values()}
"""
SETS, LISTS = LABELS + LOOK_UP.replace("LIST", "set()"), LABELS + LOOK_UP.replace("LIST", "[]")
NOTES = "    for note in coco['annotations']:\n        image, kind = note['image_id'], note['category_id']\n"
CROP = "def centre_crop(pixels):\n    side = min(pixels.shape[:2])\n"
BLURRED = "def is_blurred(images, least=0.3):\n    grey = images.mean(1, keepdim=True)\n"
LAPLACIAN = "conv2d(grey, LAPLACE).var(dim=(1, 2, 3))"
RATIO = f"{LAPLACIAN} / grey.var(dim=(1, 2, 3))"

RIGHT = [
    ("tensors", tensors()),
    ("tensors", tensors("pictures.float().sub(127.5).div(127.5).movedim(3, 1)")),
    ("tensors", tensors("(pictures / 255 * 2 - 1).transpose(2, 3).transpose(1, 2)",
                        "images.add(1).mul(127.5).add(0.5).floor().to(torch.uint8).movedim(1, 3)")),
    ("tensors", tensors("torch.stack([p.permute(2, 0, 1) / 127.5 - 1 for p in pictures])",
                        "np.rint((images.numpy().transpose(0, 2, 3, 1) + 1) * 127.5).astype('uint8')")),
    ("centre-crop", CROP + "    a, b = (n - side + 1 for n in pixels.shape[:2])\n"
     "    return pixels[a // 2 :, b // 2 :][:side, :side]"),
    ("centre-crop", CROP + "    return torch.from_numpy(pixels[(len(pixels) - side) // 2 :][:side, "
     "(pixels.shape[1] - side) // 2 :][:, :side].copy())"),
    ("centre-crop", "def centre_crop(pixels):\n    while len(pixels) > pixels.shape[1]:\n"
     "        pixels = pixels[1:] if len(pixels) % 2 else pixels[:-1]\n"
     "    while len(pixels) < pixels.shape[1]:\n"
     "        pixels = pixels[:, 1:] if pixels.shape[1] % 2 else pixels[:, :-1]\n    return pixels"),
    ("labels", SETS + NOTES + "        labels[files[image]] |= {names[kind]}\n    return labels"),
    ("labels", LISTS + NOTES + "        if names[kind] not in labels[files[image]]:\n"
     "            labels[files[image]].append(names[kind])\n    return labels"),
    ("labels", LABELS + "    names = {one['id']: one['name'] for one in coco['categories']}\n"
     "    return {one['file_name']: {names[note['category_id']] for note in coco['annotations']"
     " if note['image_id'] == one['id']} for one in coco['images']}"),
    ("is-blurred", BLURRED + f"    return [bool(one < least) for one in {RATIO}]"),
    ("is-blurred", BLURRED + f"    return {LAPLACIAN} < least * grey.flatten(1).var(1, correction=0)"),
    ("is-blurred", BLURRED.replace("images.", "127.5 * images.") + f"    return ({RATIO} < least).int()"),
    ("is-blurred", "def is_blurred(images, least=0.3):\n    images *= 2\n    grey = images.mean(1, True)\n"
     f"    return ({RATIO}).numpy() < least"),
]  # fmt: skip
WRONG = [
    ("tensors", tensors("pictures.float() / 127.5 - 1"), "into (2, 6, 4, 3)"),
    ("tensors", tensors("pictures.permute(0, 3, 1, 2).float() / 255"), "from 0.00 to 1.00"),
    ("tensors", tensors("pictures.reshape(2, 3, 6, 4).float() / 127.5 - 1"), "changed places"),
    ("tensors", tensors("pictures.permute(0, 3, 2, 1).float() / 127.5 - 1"), "into (2, 3, 4, 6)"),
    ("tensors", tensors("pictures.permute(0, 3, 1, 2) // 127 - 1"), "no decimals"),
    ("tensors", tensors("pictures.permute(0, 3, 1, 2).float() / 128 - 1"), "not every number"),
    ("tensors", tensors("pictures.permute(0, 3, 1) / 127.5"), "stops with RuntimeError"),
    ("tensors", tensors(back="((images + 1) * 127.5).byte().permute(0, 2, 3, 1)"), "cut off"),
    ("tensors", tensors(back="((images + 1) * 127.5).round().permute(0, 2, 3, 1)"), "torch.float32"),
    ("tensors", tensors(back="((images + 1) * 127.5).round().byte()"), "into (2, 3, 6, 4)"),
    ("centre-crop", CROP + "    return pixels[-side:, -side:]", "goes on each side"),
    ("centre-crop", CROP + "    return pixels[:side, :side]", "goes on each side"),
    ("centre-crop", CROP + "    return pixels", "the shape should be"),
    ("centre-crop", CROP + "    top = (len(pixels) - side) / 2\n    return pixels[top:, :side]", "TypeError"),
    ("centre-crop", CROP.replace("min", "max") + "    return pixels[:side, :side]", "the shape should be"),
    ("centre-crop", CROP + "    a, b = ((n - side) // 2 for n in pixels.shape[:2])\n"
     "    return pixels[a : a + side, b : b + side].swapaxes(0, 1)[::-1]", "Not yet"),
    ("labels", LABELS + "    return coco['annotations']", "list instead of a dictionary"),
    ("labels", SETS + NOTES + "        labels[files[image]].add(kind)\n    return labels", "their names"),
    ("labels", LISTS + NOTES + "        labels[files[image]].append(names[kind])\n    return labels",
     "twice"),
    ("labels", SETS + NOTES + "        labels[files[image]] = names[kind]\n    return labels", "several"),
    ("labels", LABELS + LOOK_UP.replace("{name: LIST for name in files.values()}", "{}") + NOTES
     + "        labels.setdefault(files[image], set()).add(names[kind])\n    return labels",
     "without annotations"),
    ("labels", SETS + NOTES + "        labels[image].add(names[kind])\n    return labels", "KeyError"),
    ("labels", SETS + NOTES + "        labels[files[image]].add(coco['categories'][kind - 1]['name'])\n"
     "    return labels", "Not yet"),
    ("is-blurred", BLURRED + f"    return {RATIO} > least", "exchanged"),
    ("is-blurred", BLURRED + f"    return ({RATIO} < least).all()", "100 answers"),
    ("is-blurred", BLURRED + f"    return {RATIO}", "these are numbers"),
    ("is-blurred", BLURRED + f"    return 127.5 ** 2 * {RATIO} < least", "in the same unit"),
    ("is-blurred", BLURRED + f"    return {RATIO} / 127.5 ** 2 < least", "in the same unit"),
    ("is-blurred", BLURRED + f"    return ({RATIO}).sqrt() < least", "standard deviations"),
    ("is-blurred", BLURRED + f"    return {LAPLACIAN} < 0.1", "pale"),
    ("is-blurred", BLURRED + f"    return {RATIO} < 0.3", "`least` is not used"),
    ("is-blurred", BLURRED + "    return conv2d(images, LAPLACE).var(1) < least", "stops with RuntimeError"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_an_answer_written_differently_is_right(said, name, answer):
    assert said(name, answer).startswith("Right")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_an_answer_gets_the_hint_that_it_needs(said, name, answer, hint):
    told = said(name, answer)
    assert told.startswith("Not yet: ")
    assert hint in told


@pytest.mark.parametrize(
    "exercise", [one.name.removeprefix("exercise-") for one in exercises_of("01_dataset")]
)
def test_what_was_not_begun_is_your_turn(said, exercise):
    assert said(exercise, "").startswith("Your turn")

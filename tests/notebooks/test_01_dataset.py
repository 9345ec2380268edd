"""What notebook 01 builds by hand is what ganlib holds; a hint fits its mistake; it cleans up."""

import tempfile

import numpy as np
import pytest
import torch

from ganlib.data.duplicates import look_at, near_duplicates
from ganlib.data.dataset import ImageDataset, to_bytes, to_float
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
        patch.setenv("XDG_CACHE_HOME", str(places[1]))
        return names_of(cell.source for cell in PAGE.values() if cell.cell_type == "code")


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

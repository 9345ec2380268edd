"""The test for people: fair, counted once, and with a note on guessing; with either version of ipywidgets."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from ganlib.course.real_or_fake import RealOrFake, draw_pairs, p_value
from ganlib.data.dataset import ImageDataset, to_bytes
from ganlib.errors import GanlibError
from tests.studio.driver import part


@pytest.fixture
def generator(recipe):
    torch.manual_seed(3)
    return recipe.generator().eval()


@pytest.fixture
def test(generator, art):
    return RealOrFake(generator, art, seed=5)


def truth(test):
    return ("pick-left", "pick-right")[test._pair.real]


def falsehood(test):
    return ("pick-right", "pick-left")[test._pair.real]


def test_the_p_value_is_that_of_a_coin():
    assert p_value(0, 0) == 1
    assert p_value(2, 2) == 0.25
    assert p_value(8, 10) == pytest.approx(56 / 1024)
    assert p_value(15, 20) == pytest.approx(0.0206947, rel=1e-5)
    with pytest.raises(GanlibError, match="3 right"):
        p_value(3, 2)


def test_a_pair_is_a_held_out_picture_and_a_painted_one(generator, art):
    held_out = {picture.tobytes() for picture in art.images[art.held_out]}
    pairs = draw_pairs(generator, art)
    for _ in range(20):
        pair = next(pairs)
        shown = [picture.tobytes() for picture in to_bytes(pair.pictures).numpy()]
        assert shown[pair.real] in held_out
        assert shown[1 - pair.real] not in held_out


def test_sides_are_fair_and_a_seed_gives_the_same_pairs(generator, art):
    pairs, again, others = (draw_pairs(generator, art, seed) for seed in (1, 1, 2))
    drawn, same, different = ([next(them) for _ in range(60)] for them in (pairs, again, others))
    assert 20 < sum(pair.real for pair in drawn) < 40
    both = zip(drawn, same, strict=True)
    assert all(torch.equal(one.pictures, other.pictures) and one.real == other.real for one, other in both)
    assert [pair.real for pair in drawn] != [pair.real for pair in different]


def test_the_score_counts_what_was_right(test):
    assert repr(test) == "Which one is real?"
    for answer in (truth, truth, falsehood, truth):
        part(test.box, answer(test)).click()
        part(test.box, "pick-next").click()
    assert (test.right, test.asked) == (3, 4)
    assert repr(test) == "3 of 4 right; of 100 people who toss a coin, 31 do as well."


def test_guessing_is_never_said_to_be_hopeless(test):
    test.right = test.asked = 20
    assert "fewer than 1 do" in test.score()


def test_an_answer_is_shown_in_words_and_counted_once(test):
    side = ("left", "right")[test._pair.real]
    part(test.box, falsehood(test)).click()
    assert repr(test).startswith(f"Wrong: the {side} one is real. 0 of 1 right")
    captions = [caption.value for caption in test._captions]
    assert captions[test._pair.real] == f"<p>{side}: real</p>"
    assert "painted" in captions[1 - test._pair.real]
    part(test.box, truth(test)).click()
    assert (test.right, test.asked) == (0, 1)
    assert "next" in repr(test)


def test_nothing_is_given_away_before_the_answer(test):
    shown = [image.value for image in test._images]
    part(test.box, "pick-next").click()
    assert [image.value for image in test._images] == shown
    assert test.asked == 0
    assert [caption.value for caption in test._captions] == ["<p>left: ?</p>", "<p>right: ?</p>"]
    part(test.box, truth(test)).click()
    part(test.box, "pick-next").click()
    assert [image.value for image in test._images] != shown
    assert [caption.value for caption in test._captions] == ["<p>left: ?</p>", "<p>right: ?</p>"]


def test_what_is_shown_is_the_pair(test):
    for image, picture in zip(test._images, test._pair.pictures, strict=True):
        shown = np.array(Image.open(BytesIO(image.value)))
        assert shown.shape == (256, 256, 3)
        assert np.array_equal(shown[::8, ::8], to_bytes(picture[None])[0].numpy())


def test_buttons_say_what_they_do_and_the_verdict_is_announced(test):
    words = [part(test.box, f"pick-{handle}").description for handle in ("left", "right", "next")]
    assert words == ["the left one is real", "the right one is real", "next pair"]
    assert not any(part(test.box, f"pick-{handle}").disabled for handle in ("left", "right", "next"))
    assert part(test.box, "verdict").value.startswith('<p role="status">')


def test_a_page_without_a_kernel_shows_a_still_pair(test):
    bundle = test._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == test.box.model_id
    assert 'alt="Two pictures side by side' in bundle["text/html"]
    assert bundle["text/plain"] == "Which one is real?"


def test_what_would_give_it_away_or_is_missing_is_refused(generator, art):
    with pytest.raises(GanlibError, match="size=32"):
        RealOrFake(generator, ImageDataset(art.images.repeat(2, 1).repeat(2, 2), "large"))
    with pytest.raises(GanlibError, match="held out"):
        RealOrFake(generator, ImageDataset(art.images[art.train], "all of them shown"))

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from ganlib.data.dataset import load_art
from ganlib.data.duplicates import look_at, near_duplicates
from tests.data.pictures import noise


def drawing(seed, width=240, height=200):
    return noise(seed, width, height)


def first_alike(pictures):
    looks = [look_at(np.asarray(picture)) for picture in pictures]
    return near_duplicates(
        np.array([look.shapes for look in looks]), np.stack([look.colours for look in looks])
    ).tolist()


def test_different_pictures_are_not_alike():
    assert first_alike([drawing(seed) for seed in range(60)]) == [-1] * 60


def compressed(picture):
    from io import BytesIO

    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        compressed,
        lambda picture: picture.resize((480, 400)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.05),
        lambda picture: picture.resize((60, 50)),
    ],
)
def test_a_picture_saved_again_is_nearly_the_same(change):
    assert first_alike([drawing(1), drawing(2), change(drawing(1)), drawing(3)]) == [-1, -1, 0, -1]


@pytest.mark.parametrize("change", [ImageOps.mirror, ImageOps.flip, ImageOps.invert, lambda p: p.rotate(90)])
def test_a_picture_turned_round_is_another(change):
    assert first_alike([drawing(1, 240, 240), change(drawing(1, 240, 240))]) == [-1, -1]


def test_the_same_shapes_in_other_colours_are_another_picture():
    red, blue, green, yellow = drawing(1).convert("L"), drawing(1).convert("L"), (200, 40, 40), (40, 40, 200)
    pictures = [ImageOps.colorize(red, "black", green), ImageOps.colorize(blue, "black", yellow)]
    assert first_alike(pictures) == [-1, -1]


def test_the_first_of_several_is_named():
    assert first_alike([drawing(5), drawing(1), compressed(drawing(1)), drawing(1), drawing(5)]) == [
        -1,
        -1,
        1,
        1,
        0,
    ]


def test_the_first_is_named_whichever_band_finds_it():
    last = np.uint64(0)
    first = np.uint64(sum(1 << bit for bit in (13, 26, 39, 52)))  # equal to the last in the first band alone
    second = np.uint64(sum(1 << bit for bit in (0, 14, 27, 40)))  # and this one in the last band alone
    shapes = np.array([first, second, last])
    assert near_duplicates(shapes, np.zeros((3, 16, 16, 3), np.uint8)).tolist() == [-1, -1, 0]


def test_the_bits_of_a_look_are_of_use():
    ones = [int(np.bitwise_count(look_at(np.asarray(drawing(seed))).shapes)) for seed in range(40)]
    assert 18 <= np.mean(ones) <= 36


def test_bands_find_what_comparing_all_pairs_finds():
    random = np.random.default_rng(0)
    shapes = random.integers(0, 2**64, 400, dtype=np.uint64)
    flips = np.array(
        [
            np.bitwise_or.reduce(np.uint64(1) << random.choice(64, k, False).astype(np.uint64))
            for k in [1, 2, 3, 4, 5] * 40
        ]
    )
    shapes[200:] = shapes[:200] ^ flips
    colours = np.zeros((400, 16, 16, 3), np.uint8)
    distance = np.bitwise_count(shapes[:, None] ^ shapes[None])
    expected = [next((j for j in range(i) if distance[i, j] <= 4), -1) for i in range(400)]
    assert near_duplicates(shapes, colours).tolist() == expected
    assert sum(first >= 0 for first in expected) == 160


def test_few_of_the_portraits_are_taken_for_another():
    portraits = load_art("portraits").images[:1000]
    assert 1 <= sum(first >= 0 for first in first_alike(portraits)) <= 20
    patchwork = load_art("patchwork", 64).images
    assert sum(first >= 0 for first in first_alike(patchwork)) == 0


def test_a_thousand_pictures_of_nothing_do_not_take_for_ever():
    white = [Image.new("RGB", (32, 32), "white")] * 3000
    assert first_alike(white)[1:] == [0] * 2999

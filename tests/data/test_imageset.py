import zlib

import numpy as np
import torch

from ganlib.data.imageset import ImageSet, to_bytes, to_float
from ganlib.data.sources import load_art


def test_the_split_follows_the_rule_and_nothing_else(art):
    held_out = [i for i, image in enumerate(art.images) if zlib.crc32(image.tobytes()) % 20 < 3]
    assert art.held_out.tolist() == held_out
    assert sorted([*art.train, *art.held_out]) == list(range(len(art)))
    backwards = ImageSet(art.images[::-1], "backwards")
    assert sorted(len(art) - 1 - backwards.held_out) == held_out


def test_about_fifteen_per_cent_of_the_portraits_are_held_out():
    portraits = load_art("portraits")
    assert 0.14 <= len(portraits.held_out) / len(portraits) <= 0.16


def test_bytes_to_floats_and_back_loses_nothing():
    pictures = torch.arange(256, dtype=torch.uint8).repeat(12)[: 2 * 8 * 8 * 3 * 8].reshape(-1, 8, 8, 3)
    images = to_float(pictures)
    assert images.shape[1:] == (3, 8, 8)
    assert (images.min().item(), images.max().item()) == (-1.0, 1.0)
    assert torch.equal(to_bytes(images), pictures)


def test_a_set_says_what_it_is(art):
    assert repr(art) == "ImageSet 'blocks': 60 pictures of 32 px, 51 to train on, 9 held out"
    assert art.tensor(np.array([3])).shape == (1, 3, 32, 32)

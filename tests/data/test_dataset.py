import zlib

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from ganlib.data.dataset import ImageDataset, as_image_dataset, load_art, to_bytes, to_float
from ganlib.data.manifest import Settings
from ganlib.data.prepare import prepare
from ganlib.errors import GanlibError
from tests.data.pictures import fill


def test_the_split_follows_the_rule_and_nothing_else(art):
    held_out = [i for i, image in enumerate(art.images) if zlib.crc32(image.tobytes()) % 20 < 3]
    assert art.held_out.tolist() == held_out
    assert sorted([*art.train, *art.held_out]) == list(range(len(art)))
    backwards = ImageDataset(art.images[::-1], "backwards")
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
    assert repr(art) == "ImageDataset 'blocks': 60 pictures of 32 px, 51 to train on, 9 held out"
    assert art.tensor(np.array([3])).shape == (1, 3, 32, 32)


def test_a_set_opens_from_its_folder_without_reading_the_pictures(tmp_path):
    out = prepare(fill(tmp_path / "art", 3), Settings(32, at_least=1))
    art = ImageDataset.open(out, "three")
    assert isinstance(art.images, np.memmap)
    assert (art.name, len(art), art.folder) == ("three", 3, out)
    assert [entry.index for entry in art.manifest.used()] == [0, 1, 2]
    assert art.tensor(slice(1, 3)).shape == (2, 3, 32, 32)


def test_a_damaged_set_is_a_sentence(tmp_path):
    out = prepare(fill(tmp_path / "art", 3), Settings(32, at_least=1))
    (out / "images.npy").write_bytes((out / "images.npy").read_bytes()[:-1])
    with pytest.raises(GanlibError, match="damaged: remove it"):
        ImageDataset.open(out)


def test_the_content_hash_sees_every_bit_and_the_order(art):
    changed = art.images.copy()
    changed[7, 3, 2, 1] ^= 1
    hashes = {ImageDataset(images, "x").content_hash for images in (art.images, changed, art.images[::-1])}
    assert len(hashes) == 3
    assert art.content_hash == ImageDataset(art.images.copy(), "other name").content_hash


def test_a_set_is_a_dataset_of_tensors(art):
    assert art[0].shape == (3, 32, 32)
    assert torch.equal(art[7], art.tensor(np.array([7]))[0])
    assert torch.equal(torch.stack(list(art)), art.tensor())
    assert len(list(art)) == len(art)
    with pytest.raises(IndexError):
        _ = art[60]
    batches = list(DataLoader(art, batch_size=16, shuffle=True))
    assert [batch.shape[0] for batch in batches] == [16, 16, 16, 12]
    small = ImageDataset(art.images, "small", transform=lambda picture: picture[:, ::2, ::2])
    assert next(iter(DataLoader(small, batch_size=5))).shape == (5, 3, 16, 16)


def test_an_image_folder_becomes_bytes_once(tmp_path):
    fill(tmp_path / "all" / "some", 30)
    shape = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32)])
    plain = as_image_dataset(ImageFolder(tmp_path / "all", shape), 32)
    assert plain.images.shape == (30, 32, 32, 3)
    normal = transforms.Compose([shape, transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    assert np.array_equal(as_image_dataset(ImageFolder(tmp_path / "all", normal), 32).images, plain.images)
    assert as_image_dataset(plain, 32) is plain

"""KID by class, and copies of few pictures: what is measured is said with how many pictures it rests on."""

import numpy as np
import pytest
import torch
from torch import nn

from ganlib.data.dataset import ImageDataset
from ganlib.evaluation.quality import ClassFigures, Quality, measure_quality
from ganlib.show.quality import quality_page
from tests.evaluation.test_quality import Colours

pytestmark = pytest.mark.usefixtures("full_length")
NAMES = ("dark", "light", "rare")


def shades(counts, seed=0):
    """Pictures of 32 px, so many of each class, each class lighter than the one before."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    blocks = random.integers(0, 60, (len(labels), 8, 8, 3)) + 90 * labels[:, None, None, None]
    return ImageDataset(
        blocks.astype(np.uint8).repeat(4, 1).repeat(4, 2),
        "shades",
        labels=labels,
        classes=NAMES[: len(counts)],
    )


class Copier(nn.Module):
    """A generator that gives back pictures of its set; with classes, those of the class that z holds."""

    latent_dim = 4

    def __init__(self, art, classes=0, order=None):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.pictures = art.tensor(art.train)
        self.labels = None if art.labels is None else torch.from_numpy(art.labels[art.train])
        self.classes, self.order = classes, order or list(range(classes))

    def forward(self, z):
        places = (1e4 * z[:, 0].abs()).long()
        if z.shape[1] == self.latent_dim:
            return self.pictures[places % len(self.pictures)]
        chosen = [self.order[k] for k in z[:, self.latent_dim :].argmax(1).tolist()]
        of_class = [self.pictures[self.labels == k] for k in chosen]
        return torch.stack([one[place % len(one)] for one, place in zip(of_class, places, strict=True)])


def test_each_class_is_compared_with_its_own_pictures():
    art = shades((300, 300, 30))
    right = measure_quality(Copier(art, 3), art, extractor=Colours(), progress=False)
    swapped = measure_quality(Copier(art, 3, [1, 0, 2]), art, extractor=Colours(), progress=False)
    held_out = np.bincount(art.labels[art.held_out]).tolist()
    assert [(one.name, one.count) for one in right.by_class] == [*zip(NAMES, held_out, strict=True)]
    for k in range(2):
        assert right.by_class[k].kid == pytest.approx(right.by_class[k].baseline, abs=20)
        assert swapped.by_class[k].kid > 200
    assert right.by_class[2] == ClassFigures("rare", held_out[2], None, None)


def test_the_page_has_a_row_for_each_class_and_json_keeps_it():
    art = shades((300, 300, 30))
    quality = measure_quality(Copier(art, 3), art, extractor=Colours(), progress=False)
    assert Quality.from_json(quality.to_json()) == quality
    rows = [line.split() for line in quality_page(quality).split("\n")]
    assert ["class", "real", "pictures", "KID", "x", "1000", "at", "16", "px", "real"] in rows
    dark, _, rare = quality.by_class
    assert ["dark", str(dark.count), f"{dark.kid:.1f}", f"{dark.baseline:.1f}"] in rows
    assert ["rare", str(rare.count), "too", "few", "-"] in rows


def test_where_few_are_held_out_a_class_is_measured_by_halves():
    art = shades((60, 60))
    quality = measure_quality(Copier(art, 2), art, extractor=Colours(), progress=False)
    assert [one.count for one in quality.by_class] == [60, 60]
    assert all(one.kid is not None and one.baseline is not None for one in quality.by_class)


@pytest.mark.parametrize("classes", [0, 3])
def test_without_the_classes_of_the_pictures_there_are_no_rows(classes):
    art = shades((100, 100))
    quality = measure_quality(Copier(art, classes), art, extractor=Colours(), progress=False)
    assert quality.by_class == ()
    assert "class" not in quality_page(quality)


@pytest.mark.parametrize("count", [24, 60, 200])
def test_copies_of_few_pictures_are_warned_of(count):
    art = shades((count,))
    quality = measure_quality(Copier(art), art, extractor=Colours(), progress=False)
    assert quality.copies
    assert "It comes close to copying" in quality_page(quality)

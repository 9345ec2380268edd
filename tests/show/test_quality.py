import numpy as np
import pytest
import torch

import ganlib
from ganlib.data.dataset import ImageDataset
from ganlib.evaluation.metrics import Manifold, MeanStd
from ganlib.evaluation.quality import BySize, Figures, Pair, Quality
from ganlib.show.quality import quality_figure, quality_page

REAL = Figures(
    count=30,
    kid=BySize(MeanStd(-1.0, 2.0), MeanStd(0.4, 3.0), MeanStd(5.0, 6.0)),
    manifold=BySize(*[Manifold(0.95, 0.94, 1.02, 0.97)] * 3),
    distinct=29,
    neighbour_ratio=1.0,
    fid=None,
)
KID = BySize(MeanStd(1234.56, 7.89), MeanStd(500.0, 40.0), MeanStd(99.0, 8.0))
SHARES = BySize(Manifold(0.1, 0.2, 0.3, 0.4), Manifold(0.5, 0.6, 0.7, 0.8), Manifold(0.9, 0.91, 1.5, 0.93))


def quality(**changes):
    values = {
        "count": 30,
        "kid": KID,
        "manifold": SHARES,
        "distinct": 28,
        "neighbour_ratio": 1.25,
        "fid": None,
        "baseline": REAL,
        "pictures": "blocks",
        "extractor": "lite0",
        "side": 96,
        "resolution": 32,
        "real": 9,
        "real_are": "held-out pictures",
        "train": 51,
        "subset_size": 4,
        "seed": 100,
        "closest": (Pair(3, 7, 0.5), Pair(1, 40, 0.75)),
    }
    return Quality(**values | changes)


@pytest.fixture
def generator():
    return ganlib.Recipe("test", size=32, latent_dim=8, width=4).generator()


def pixels(figure):
    return np.asarray(figure.image().convert("RGB")).astype(int)


def test_the_page_shows_every_figure_beside_that_of_real_pictures():
    lines = [line.split() for line in quality_page(quality()).split("\n")]
    assert " ".join(lines[0]) == (
        "30 generated pictures (seeds 100 to 129) next to 9 held-out pictures of 'blocks' at 32 px, "
        "as lite0 sees them at 96 px."
    )
    table = [" ".join(line) for line in lines[2:11]]
    assert table == [
        "better at 32 px real at 16 px real at 8 px real",
        "KID x 1000 lower 1234.6 ± 7.9 -1.0 ± 2.0 500.0 ± 40.0 0.4 ± 3.0 99.0 ± 8.0 5.0 ± 6.0",
        "precision higher 0.100 0.950 0.500 0.950 0.900 0.950",
        "recall higher 0.200 0.940 0.600 0.940 0.910 0.940",
        "density higher 0.300 1.020 0.700 1.020 1.500 1.020",
        "coverage higher 0.400 0.970 0.800 0.970 0.930 0.970",
        "FID lower - -",
        "distinct higher 28 of 30 29 of 30",
        "neighbours near 1 1.25 1.00",
    ]
    assert "nearest of 51 training pictures" in quality_page(quality())
    assert "FID is not computed with fewer than 2,048 pictures" in quality_page(quality())


def test_fid_stands_in_the_page_where_it_is_known():
    page = quality_page(quality(fid=12.345))
    assert [line.split() for line in page.split("\n") if line.startswith("FID")] == [
        ["FID", "lower", "12.3", "-"]
    ]
    assert "not computed" not in page


def test_the_figure_says_in_words_what_it_shows(generator, art):
    figure = quality_figure(quality(), generator, art, "runs/first")
    assert figure.alt.startswith("runs/first: generated pictures beside real ones")
    for words in (
        "the samples nearest to a training picture",
        "1234.6 ± 7.9 -1.0 ± 2.0 500.0 ± 40.0 0.4 ± 3.0 99.0 ± 8.0 5.0 ± 6.0",
        "precision higher 0.100 0.950",
        "30 generated pictures (seeds 100 to 129)",
    ):
        assert words in figure.alt
    assert figure.image().size == (1200, 1320)


def test_the_figure_draws_the_pairs_that_it_is_told(generator, art):
    """Each pair is generated from its seed, and its training picture taken from the set."""
    drawn = pixels(quality_figure(quality(), generator, art, "x"))
    other = pixels(quality_figure(quality(closest=(Pair(3, 8, 0.5), Pair(1, 40, 0.75))), generator, art, "x"))
    changed = np.argwhere((drawn != other).any(2))  # (N, 2) rows and columns
    assert len(changed) > 2000
    assert changed[:, 0].min() > 1080  # the lower row of pairs alone
    assert changed[:, 1].max() < 600  # and its first column alone
    another = quality(closest=(Pair(4, 7, 0.5), Pair(1, 40, 0.75)))
    changed = np.argwhere((drawn != pixels(quality_figure(another, generator, art, "x"))).any(2))
    assert len(changed) > 500
    assert 900 < changed[:, 0].min() < changed[:, 0].max() < 1150


def test_a_sample_is_generated_from_the_seed_of_the_first_and_its_index(generator, art):
    first = quality(seed=100, closest=(Pair(3, 7, 0.5), Pair(1, 40, 0.75)))
    same = quality(seed=99, closest=(Pair(4, 7, 0.5), Pair(2, 40, 0.75)))
    drawn, again = (pixels(quality_figure(one, generator, art, "x")) for one in (first, same))
    assert np.array_equal(drawn[950:1270], again[950:1270])  # the pairs
    assert not np.array_equal(drawn[50:450], again[50:450])  # the grid of the first samples


def test_bars_grow_with_what_they_show(generator, art):
    blue = np.array([0, 114, 178])

    def area(precision):
        shares = BySize(Manifold(precision, 0.2, 0.3, 0.4), *SHARES[1:])
        shown = pixels(quality_figure(quality(manifold=shares), generator, art, "x"))
        return (abs(shown[500:900, 540:] - blue).sum(2) < 10).sum()

    low, middle, high = area(0.2), area(0.5), area(0.8)
    assert middle - low == pytest.approx(high - middle, rel=0.05)
    assert middle - low > 1000


def test_real_pictures_in_the_place_of_generated_ones_can_be_drawn(generator, art):
    below = BySize(MeanStd(-20.0, 1.0), MeanStd(-10.0, 1.0), MeanStd(-5.0, 1.0))
    assert "lower -20.0 ± 1.0" in quality_figure(quality(kid=below), generator, art, "x").alt


def test_few_pictures_can_be_drawn(generator):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    art = ImageDataset(pictures, "few")
    few = quality(count=11, closest=(Pair(0, 0, 0.2),))
    assert quality_figure(few, generator, art, "x").image().size == (1200, 1320)
    assert torch.get_default_dtype() == torch.float32

"""What is wrong with pictures shows in the right figures, on real portraits and with a real extractor."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import ganlib
from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.evaluation import metrics
from ganlib.evaluation.features import get_extractor
from ganlib.evaluation.metrics import MeanStd
from ganlib.evaluation.quality import Quality, Reference, measure_quality
from tests.evaluation.faults import COUNT, faulty, some_portraits


class Colours:
    """An extractor of an instant: the mean colour of each of 16 squares."""

    name, side = "colours", 4

    def __init__(self):
        self.looked_at = 0

    def __call__(self, pictures, watch=None):
        self.looked_at += len(pictures)
        if watch:
            watch(len(pictures))
        return torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1) + 1


class Made:
    """A set of given pictures, of which the last ones are held out."""

    name, size, shape = "made", 16, (16, 16)

    def __init__(self, pictures, held_out):
        self.pictures = pictures
        self.train = np.arange(len(pictures) - held_out)
        self.held_out = np.arange(len(pictures) - held_out, len(pictures))

    def tensor(self, indices):
        return self.pictures[indices]


@pytest.fixture(scope="module")
def reference():
    """With all training pictures, as where a run is not tiny."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GANLIB_TINY", raising=False)
        return Reference.of(some_portraits(), get_extractor("lite0", "cpu"), COUNT)


@pytest.fixture(scope="module")
def found(reference):
    """The quality of each faulty set, and `baseline`, that of real pictures."""
    qualities = {fault: reference.quality(pictures) for fault, pictures in faulty().items()}
    return qualities | {"baseline": qualities["nothing"].baseline}


def random_art(count, held_out):
    """Pictures of 32 px, `held_out` of them held out."""
    random = np.random.default_rng(0)
    art = ImageDataset(
        random.integers(0, 256, (20 * count, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2), "art"
    )
    chosen = np.concatenate([art.train[: count - held_out], art.held_out[:held_out]])
    return ImageDataset(art.images[np.sort(chosen)], "art")


def test_real_pictures_are_as_good_as_real_pictures(found):
    for real in (found["nothing"], found["baseline"]):
        assert all(abs(spread.mean) < 1.5 * spread.std for spread in real.kid)
        assert all(5 < spread.std < 90 for spread in real.kid)
        assert min(real.precision, real.recall, real.coverage) > 0.8
        assert 0.8 < real.density < 1.15
        assert real.distinct >= 115
    assert found["baseline"].neighbour_ratio == 1


def test_the_held_out_pictures_themselves_are_at_no_distance(reference):
    art = some_portraits()
    quality = reference.quality(art.tensor(art.held_out))
    assert all(-110 < spread.mean < -20 for spread in quality.kid)  # the same on both sides: below chance
    assert (quality.precision, quality.recall, quality.coverage) == (1, 1, 1)
    assert quality.neighbour_ratio == pytest.approx(1)


def test_half_size_kid_puts_faults_in_their_order(found):
    names = ["baseline", "collapse", "swapped halves", "noise", "blur", "noise alone"]
    scores = [found[name].kid.half.mean for name in names]
    assert scores == sorted(scores)
    bounds = [(-20, 60), (120, 350), (300, 500), (550, 800), (1500, 2000), (2400, 3000)]
    assert all(least < score < most for score, (least, most) in zip(scores, bounds, strict=True))


def test_full_size_alone_cannot_tell_blur_from_noise_alone(found):
    blur, noise = found["blur"].kid, found["noise alone"].kid
    assert noise.full.mean < 1.25 * blur.full.mean
    assert noise.half.mean > 1.4 * blur.half.mean
    assert noise.quarter.mean > 10 * blur.quarter.mean


def test_noise_and_blur_fade_when_pictures_shrink_and_a_wrong_build_does_not(found):
    for fault in ("noise", "blur"):
        full, half, quarter = (spread.mean for spread in found[fault].kid)
        assert full > 1.4 * half > 1.4 * 1.4 * quarter > 250
    full, half, quarter = (spread.mean for spread in found["swapped halves"].kid)
    assert 0.75 * full < half < 1.25 * full
    assert 0.75 * full < quarter < 1.25 * full


def test_a_collapse_shows_in_recall_coverage_and_distinct_pictures_alone(found):
    collapse = found["collapse"]
    assert collapse.precision > 0.85
    assert collapse.recall < 0.05
    assert 0.2 < collapse.coverage < 0.6
    assert collapse.distinct == 20
    assert min(found[name].distinct for name in ("noise", "blur", "swapped halves")) > 110


def test_swapped_halves_leave_precision_lower_at_every_size(found):
    for manifold in found["swapped halves"].manifold:
        assert 0.4 < manifold.precision < 0.8
        assert manifold.density < 0.6
    assert found["noise alone"].precision == found["noise alone"].coverage == 0


def test_noise_is_not_among_real_pictures_until_they_shrink(found):
    full, half, quarter = (manifold.precision for manifold in found["noise"].manifold)
    assert full < 0.25 < 0.3 < half < 0.6 < quarter < 0.95


def test_pictures_learnt_by_heart_are_found(found):
    assert found["nothing"].neighbour_ratio == pytest.approx(0, abs=1e-4)  # these are training pictures
    assert found["collapse"].neighbour_ratio == pytest.approx(0, abs=1e-4)
    assert all(1.2 < found[name].neighbour_ratio < 2.5 for name in ("noise", "blur", "swapped halves"))


def test_the_closest_pairs_are_a_sample_and_its_training_picture(found):
    art = some_portraits()
    closest = found["nothing"].closest
    assert len(closest) == len({pair.sample for pair in closest}) == 8
    for pair in closest:
        assert pair.picture == art.train[-2 * COUNT + pair.sample]
        assert pair.distance == pytest.approx(0, abs=1e-4)
    distances = [pair.distance for pair in found["noise"].closest]
    assert distances == sorted(distances)
    assert 0.8 < distances[0] < found["noise"].neighbour_ratio


def test_a_quality_says_what_it_was_computed_with(found):
    quality = found["noise"]
    assert (quality.extractor, quality.side, quality.resolution) == ("lite0", 96, 64)
    assert (quality.count, quality.real, quality.real_are) == (120, 119, "held-out pictures")
    assert (quality.pictures, quality.train, quality.subset_size) == ("portraits", 761, 59)
    assert (quality.baseline.count, quality.seed, quality.fid) == (119, 0, None)


def test_a_quality_survives_json(found):
    for quality in (found["noise"], found["collapse"]):
        assert Quality.from_json(json.loads(json.dumps(quality.to_json()))) == quality


def test_figures_of_version_0_1_still_open():
    file = Path(__file__).parents[1] / "old" / "version-0.1" / "quality.json"
    quality = Quality.from_json(json.loads(file.read_text()))
    assert quality.kid.half == pytest.approx((3734.3986658361123, 283.9944230418402))
    assert quality.baseline.kid.full == pytest.approx((3.16394205126425, 108.61544097425109))
    assert quality.baseline.manifold.half.recall == 1
    assert "floor" not in quality.to_json()


@pytest.mark.parametrize(
    "change",
    [
        {"kid": None},
        {"real": "x"},
        {"fid": [1]},
        {"seed": None},
        {"closest": [{"sample": 1}]},
        {"baseline": {}},
    ],
)
def test_a_damaged_json_is_refused(found, change):
    with pytest.raises(GanlibError, match="These figures are not from this version of ganlib"):
        Quality.from_json(found["noise"].to_json() | change)


def test_the_figures_are_those_of_the_metrics(full_length):
    art, look = random_art(400, 70), Colours()
    samples = 0.3 * art.tensor(art.train[:90])
    quality = Reference.of(art, look).quality(samples, seed=4)
    real, fake = look(art.tensor(art.held_out)), look(samples)
    train = look(art.tensor(art.train))
    assert quality.real == 70
    assert quality.manifold.full == pytest.approx(metrics.prdc(real, fake))
    assert quality.distinct == metrics.distinct(fake, real)
    assert quality.neighbour_ratio == pytest.approx(metrics.neighbour_ratio(fake, train, real))
    whole = metrics.kid(real, fake, subsets=1, subset_size=70)
    assert quality.kid.full.mean == pytest.approx(whole.mean, rel=0.2)


def test_kid_alone_looks_at_one_size_and_at_real_pictures_once():
    art, look = random_art(400, 100), Colours()
    samples = art.tensor(art.train[:50])
    reference = Reference.of(art, look, 100)
    assert look.looked_at == 0
    first = reference.kid(samples)
    assert look.looked_at == 100 + 50
    assert reference.kid(samples) == first
    assert look.looked_at == 100 + 50 + 50
    quality = reference.quality(samples)
    assert first == quality.kid.half
    assert reference.kid(samples, scale=4) == quality.kid.quarter
    assert reference.baseline_kid(4) == quality.baseline.kid.quarter


def test_whoever_watches_is_told_of_every_look():
    art, look = random_art(400, 100), Colours()
    for reference in (Reference.of(art, look, 100), Reference.of(random_art(90, 12), look, 50)):
        told = []
        reference.watch = told.append
        reference.quality(art.tensor(art.train[:30]))
        assert sum(told) == reference.looks(30) > 0


def test_where_few_are_held_out_the_whole_set_is_the_measure(full_length):
    art = random_art(90, 12)
    reference = Reference.of(art, Colours())
    quality = reference.quality(art.tensor(art.train[:40]))
    assert (quality.real, quality.real_are) == (90, "training and held-out pictures")
    assert quality.baseline.count == 45
    assert abs(quality.baseline.kid.full.mean) < 3 * quality.baseline.kid.full.std
    assert quality.neighbour_ratio == pytest.approx(0, abs=1e-5)


def test_a_tiny_run_measures_with_few_pictures(monkeypatch):
    monkeypatch.setenv("GANLIB_TINY", "1")
    art = random_art(800, 100)
    quality = Reference.of(art, Colours()).quality(art.tensor(art.train[:25]))
    assert (quality.real, quality.train, quality.count) == (40, 80, 25)


def test_fid_is_computed_from_2048_pictures_on(monkeypatch):
    nothing = {"kid": MeanStd(0.0, 0.0), "prdc": metrics.Manifold(0, 0, 0, 0), "distinct": 0}
    for name, value in nothing.items():  # these take their time with so many pictures
        monkeypatch.setattr(metrics, name, lambda *_, value=value, **__: value)
    look = Colours()
    art = Made(torch.rand(4200, 3, 16, 16) * 2 - 1, held_out=2060)
    reference = Reference.of(art, look, 2100)
    few, enough = (reference.quality(art.tensor(art.train[:count])) for count in (2047, 2048))
    assert few.fid is None
    expected = metrics.fid(look(art.tensor(art.held_out)), look(art.tensor(art.train[:2048])))
    assert enough.fid == pytest.approx(expected, rel=1e-3)
    assert 0 < enough.fid < 0.1
    assert 0 < few.baseline.fid < 0.1


@pytest.fixture
def generator():
    return ganlib.Recipe("test", size=32, latent_dim=8, width=4).generator()


def test_a_generator_is_measured_and_left_as_it_was(generator, full_length, capsys):
    art, look = random_art(400, 70), Colours()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    assert generator.training
    quality = measure_quality(generator, art, extractor=look, seed=3)
    assert generator.training
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    samples = ganlib.generate(generator, ganlib.sample_latent(70, 8, 3))
    assert quality == Reference.of(art, look).quality(samples, seed=3)
    assert measure_quality(generator, art, extractor=look, seed=3, progress=False) == quality
    assert measure_quality(generator, art, extractor=look, count=33, seed=3).count == 33
    assert capsys.readouterr().out == ""


def test_a_broken_generator_is_named(generator):
    with torch.no_grad():
        next(generator.parameters()).fill_(math.nan)
    with pytest.raises(GanlibError, match=r"pictures contain a NaN or an infinity.*earlier generator"):
        measure_quality(generator, random_art(400, 70), extractor=get_extractor("lite0", "cpu"))


@pytest.mark.parametrize(
    ("art", "count", "message"),
    [
        (random_art(1, 0), None, "takes at least 20 pictures.*'art' has 1, 0 of them held out"),
        (random_art(1, 1), None, "'art' has 1, 1 of them held out"),
        (random_art(19, 3), None, "'art' has 19, 3 of them held out"),
        (random_art(40, 0), None, "'art' has 40, 0 of them held out"),
        (random_art(400, 70), 19, "and you ask for 19. Give it more"),
        (random_art(400, 70), -1, "and you ask for -1"),
    ],
)
def test_too_few_pictures_are_named(generator, art, count, message):
    with pytest.raises(GanlibError, match=message):
        measure_quality(generator, art, extractor=Colours(), count=count)


def test_samples_of_another_size_too_few_or_with_a_nan_are_named(reference):
    with pytest.raises(GanlibError, match="samples are 32 px wide and the pictures of 'portraits' 64: load"):
        reference.kid(torch.zeros(20, 3, 32, 32))
    with pytest.raises(GanlibError, match="takes at least 10 generated pictures, and there are 9"):
        reference.quality(torch.zeros(9, 3, 64, 64))
    with pytest.raises(GanlibError, match="1 of 20 pictures contain a NaN"):
        reference.kid(torch.zeros(20, 3, 64, 64).index_fill(0, torch.tensor([3]), math.nan))


def test_an_extractor_is_named_before_anything_is_generated(generator):
    with pytest.raises(GanlibError, match="no extractor 'vgg'"):
        measure_quality(generator, random_art(400, 70), extractor="vgg")

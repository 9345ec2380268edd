"""Every metric against another implementation of it."""

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from torch_fidelity.metric_kid import kid_features_to_metric

from ganlib.errors import GanlibError
from ganlib.evaluation import metrics
from ganlib.evaluation.metrics import distinct, fid, kid, nearest, neighbour_ratio, prdc


def cloud(count, shift=0.0, spread=1.0, seed=0, width=24):
    """Features as a net makes them, none below zero, (count, width)."""
    random = torch.Generator().manual_seed(seed)
    return (shift + spread * torch.randn(count, width, generator=random)).relu()


PAIRS = {
    "alike": (cloud(90), cloud(90, seed=1)),
    "apart": (cloud(90), cloud(70, shift=0.5, seed=1)),
    "narrow": (cloud(60), cloud(90, spread=0.4, seed=1)),
    "copies": (cloud(90), cloud(15, seed=1).repeat(6, 1)),
    "the same": (cloud(90), cloud(90)),
}
pairs = pytest.mark.parametrize(("real", "fake"), PAIRS.values(), ids=PAIRS)


def plain_mmd(x, y):
    """The unbiased squared distance of the kernel (x.y / d + 1)^3 (Gretton et al. 2012, equation 3)."""
    n, m = len(x), len(y)

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    inside_x = (kernel(x, x).sum() - np.trace(kernel(x, x))) / (n * (n - 1))
    inside_y = (kernel(y, y).sum() - np.trace(kernel(y, y))) / (m * (m - 1))
    return inside_x + inside_y - 2 * kernel(x, y).mean()


@pytest.mark.parametrize("seed", [0, 3, 2**40])
def test_kid_is_the_unbiased_mmd(seed):
    real, fake = cloud(90), cloud(90, shift=0.5, seed=1)
    expected = 1000 * plain_mmd(real.double().numpy(), fake.double().numpy())
    found = kid(real, fake, subsets=3, subset_size=90, seed=seed)
    assert found.mean == pytest.approx(expected, rel=1e-6)
    assert found.std == pytest.approx(0, abs=1e-6)  # each subset is the whole
    assert expected > 100


@pairs
def test_kid_over_subsets_is_that_of_torch_fidelity(real, fake):
    size = min(len(real), len(fake)) // 2
    found = kid(real, fake, seed=5)
    theirs = kid_features_to_metric(
        fake, real, kid_subsets=100, kid_subset_size=size, rng_seed=5, verbose=False
    )
    assert found.mean / 1000 == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
    assert found.std / 1000 == pytest.approx(theirs["kernel_inception_distance_std"], abs=1e-6)


@pairs
def test_large_sets_are_measured_in_another_way_that_agrees(real, fake, monkeypatch):
    by_one_kernel = kid(real, fake)
    monkeypatch.setattr(metrics, "_MOST_IN_ONE_KERNEL", 50)
    assert kid(real, fake) == pytest.approx(by_one_kernel, abs=1e-3)


def test_the_seed_draws_the_subsets():
    real, fake = PAIRS["apart"]
    assert kid(real, fake, seed=1) == kid(real, fake, seed=1)
    assert kid(real, fake, seed=1) != kid(real, fake, seed=2)
    assert kid(real, fake, seed=1).mean == pytest.approx(kid(real, fake, seed=2).mean, rel=0.1)


def test_kid_is_unbiased_in_the_mean():
    found = [kid(cloud(40, seed=2 * k), cloud(40, seed=2 * k + 1), subsets=5).mean for k in range(200)]
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < -3 * error
    assert 0.5 < error < 20


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.0, 0.3), (0.5, 1.5, 6.0)])
def test_fid_is_that_of_scipy(shift, least, most):
    real, fake = cloud(2048, width=16), cloud(2100, shift=shift, seed=1, width=16)
    means = real.double().mean(0).numpy(), fake.double().mean(0).numpy()
    spreads = np.cov(real.double().numpy().T), np.cov(fake.double().numpy().T)
    mixed = sqrtm(spreads[0] @ spreads[1]).real
    expected = ((means[0] - means[1]) ** 2).sum() + np.trace(spreads[0] + spreads[1] - 2 * mixed)
    assert fid(real, fake) == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert least < expected < most


def test_fid_of_a_set_and_itself_is_nothing():
    real = cloud(2048, width=16)
    assert fid(real, real) == pytest.approx(0, abs=1e-5)


@pairs
@pytest.mark.parametrize("k", [3, 5])
def test_precision_recall_density_and_coverage_are_those_of_prdc(real, fake, k):
    found = prdc(real, fake, k)._asdict()
    expected = compute_prdc(real.double().numpy(), fake.double().numpy(), k)
    assert found == pytest.approx(expected, abs=1e-3)


def test_what_the_four_shares_see():
    alike, narrow, apart = (prdc(*PAIRS[name]) for name in ("alike", "narrow", "apart"))
    assert all(0.8 < value <= 1.1 for value in alike)
    assert narrow.precision > 0.9 > 0.5 > narrow.recall
    assert apart.precision < 0.6 < alike.precision


def test_distinct_counts_what_does_not_look_alike():
    real = torch.eye(12) * 10  # neighbours lie 14.1 apart: what is nearer than 7.07 looks alike
    samples = torch.cat([real, real + 0.5, 2 * real[:3], 1.45 * real[3:5]])
    assert distinct(samples, real) == 12 + 3
    assert distinct(real, real) == 12
    assert distinct(real[:1].repeat(30, 1), real) == 1


def test_nearest_is_found():
    pictures, others = cloud(1500), cloud(40, seed=1)
    apart = np.linalg.norm(pictures.double().numpy()[:, None] - others.double().numpy()[None], axis=2)
    found = nearest(pictures, others)
    assert np.allclose(found.distances, apart.min(1))
    assert np.array_equal(found.indices, apart.argmin(1))
    assert nearest(others, others).distances.max() < 1e-6  # a copy is at no distance


def test_copies_have_a_neighbour_ratio_of_zero_and_new_pictures_of_one():
    train, held_out, fresh = cloud(400), cloud(100, seed=1), cloud(100, seed=2)
    assert neighbour_ratio(train[:100], train, held_out) == pytest.approx(0, abs=1e-6)
    assert 0.9 < neighbour_ratio(fresh, train, held_out) < 1.1
    near_copies = train[:100] + 0.1 * cloud(100, seed=3)
    assert 0.05 < neighbour_ratio(near_copies, train, held_out) < 0.3
    assert neighbour_ratio(cloud(100, shift=3), train, held_out) > 1.5
    assert neighbour_ratio(held_out, train, held_out) == 1


FEW, SOME, BROKEN = cloud(1), cloud(2047), cloud(2048).fill_(torch.nan)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: kid(FEW, SOME), "takes at least 10 real pictures, and there are 1: give it more"),
        (lambda: kid(SOME, cloud(9)), "takes at least 10 generated pictures, and there are 9"),
        (
            lambda: kid(SOME, SOME, subset_size=3000),
            "Subsets of 3000 cannot be drawn from 2047 real and 2047",
        ),
        (lambda: kid(SOME, SOME, subset_size=1), "Subsets of 1 cannot be drawn"),
        (lambda: fid(SOME, cloud(2048)), "takes at least 2,048 real pictures, and there are 2,047"),
        (lambda: fid(cloud(2048), SOME), "takes at least 2,048 generated pictures, and there are 2,047"),
        (lambda: prdc(SOME, FEW), "takes at least 10 generated pictures, and there are 1"),
        (lambda: prdc(cloud(12), cloud(12), k=12), "takes at least 13 real pictures, and there are 12"),
        (lambda: distinct(FEW, SOME), "takes at least 10 generated pictures"),
        (lambda: nearest(SOME[:0], SOME), "takes at least 1 generated pictures, and there are 0"),
        (lambda: neighbour_ratio(SOME, SOME[:0], SOME), "takes at least 1 real pictures, and there are 0"),
        (lambda: kid(BROKEN, SOME), "Features of real pictures contain a NaN"),
        (lambda: fid(cloud(2048), BROKEN), "Features of generated pictures contain a NaN"),
        (lambda: prdc(SOME, BROKEN), "Features of generated pictures contain a NaN"),
    ],
)
def test_too_few_pictures_and_a_nan_are_named(measure, message):
    with pytest.raises(GanlibError, match=message):
        measure()

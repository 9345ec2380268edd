"""How far features of generated pictures are from those of real ones: functions of (N, D) tensors."""

from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlib.errors import GanlibError

NEIGHBOURS = 5
FEWEST = 2 * NEIGHBOURS
FEWEST_FOR_FID = 2048
_LARGEST_SUBSET = 1000
_MOST_IN_ONE_KERNEL = 4000  # three matrices of so many squared, 8 bytes each, are 384 MB
_ROWS_AT_ONCE = 1024
_SAME = 0.5  # of the usual distance between neighbours
_Rows = NDArray[np.float64]
_Value = TypeVar("_Value")


class MeanStd(NamedTuple):
    """A mean, and the standard deviation of what it is the mean of."""

    mean: float
    std: float


class Manifold(NamedTuple):
    """Four shares of pictures that lie among the others; only `density` may be above 1."""

    precision: float
    recall: float
    density: float
    coverage: float


class Nearest(NamedTuple):
    """For each picture the distance (N,) to the nearest of others, and the index (N,) of that one."""

    distances: Tensor
    indices: Tensor


class BySize(NamedTuple, Generic[_Value]):
    """The same of pictures as they are, at half and at a quarter of their size."""

    full: _Value
    half: _Value
    quarter: _Value


class Pair(NamedTuple):
    """A sample and the nearest picture of the set, by their indices, and how far they are apart.

    The distance is in units of the usual one of a held-out picture to the nearest training picture.
    """

    sample: int
    picture: int
    distance: float


def kid(
    real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int | None = None, seed: int = 0
) -> MeanStd:
    """Compute the kernel inception distance times 1,000 over random subsets; lower is better, 0 is as real.

    It is unbiased, so small sets do not raise it, and it may fall below 0 by chance. A subset holds half of
    the smaller side unless told, at most 1,000 (Binkowski et al. 2018, "Demystifying MMD GANs").

    Raises:
        GanlibError: there are fewer than 10 pictures on a side or fewer than a subset holds, or a NaN.
    """
    _check(real, fake, FEWEST)
    size = usual_subset(real, fake) if subset_size is None else subset_size
    if not 1 < size <= min(len(real), len(fake)):
        raise GanlibError(
            f"Subsets of {size} cannot be drawn from {len(real)} real and {len(fake)} generated pictures: "
            "choose a smaller subset_size, or none."
        )
    x, y, seed = fake.double(), real.double(), seed % 2**32
    if max(len(x), len(y)) <= _MOST_IN_ONE_KERNEL:
        found = _kid_of_subsets(x.numpy(), y.numpy(), subsets, size, np.random.RandomState(seed))
        return MeanStd(1000 * found.mean().item(), 1000 * found.std().item())
    from torch_fidelity.metric_kid import kid_features_to_metric

    sizes = {"kid_subsets": subsets, "kid_subset_size": size}
    theirs = kid_features_to_metric(x, y, **sizes, rng_seed=seed, verbose=False)
    return MeanStd(*(1000 * theirs[f"kernel_inception_distance_{name}"] for name in MeanStd._fields))


def usual_subset(real: Tensor, fake: Tensor) -> int:
    """Return how many pictures of each side a subset holds unless told."""
    return min(len(real) // 2, len(fake) // 2, _LARGEST_SUBSET)


def _kid_of_subsets(x: _Rows, y: _Rows, subsets: int, size: int, draw: np.random.RandomState) -> _Rows:
    """What torch-fidelity computes of each subset, (subsets,), with one kernel: a tenth of the time."""
    from torch_fidelity.metric_kid import kernel_poly, mmd2

    xx, xy, yy = kernel_poly(x, x), kernel_poly(x, y), kernel_poly(y, y)
    found = np.empty(subsets)
    for k in range(subsets):
        i, j = (draw.choice(len(features), size, replace=False) for features in (x, y))
        found[k] = mmd2(xx[np.ix_(i, i)], xy[np.ix_(i, j)], yy[np.ix_(j, j)])
    return found


def fid(real: Tensor, fake: Tensor) -> float:
    """Compute the Fréchet inception distance, by torch-fidelity; lower is better (Heusel et al. 2017).

    Raises:
        GanlibError: there are fewer than 2,048 pictures on a side, where chance alone would decide; or a NaN.
    """
    from torch_fidelity import metric_fid

    _check(real, fake, FEWEST_FOR_FID)
    statistics = map(metric_fid.fid_features_to_statistics, (fake, real))
    return metric_fid.fid_statistics_to_metric(*statistics, verbose=False)[metric_fid.KEY_METRIC_FID]


def prdc(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> Manifold:
    """Compute precision, recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

    A picture is among others if it lies in the ball around one of them that reaches its k-th neighbour.
    Precision is the share of generated pictures among real ones, recall that of real ones among generated
    ones, density how many balls of real pictures hold a generated one, in units of `k`, and coverage the
    share of such balls that hold any. Compare only what was counted alike.

    Raises:
        GanlibError: there are fewer than 10 pictures on a side, or no more than `k`; or a NaN.
    """
    from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

    _check(real, fake, max(FEWEST, k + 1))
    real, fake = real.double(), fake.double()
    found = prc_features_to_metric(fake, real, prc_neighborhood=k, verbose=False)
    radii = torch.cdist(real, real).kthvalue(k + 1).values  # (N,); each picture is its own first neighbour
    inside = torch.cdist(real, fake) < radii[:, None]  # (real, generated)
    density = inside.sum(0).double().mean().item() / k
    coverage = inside.any(1).double().mean().item()
    return Manifold(found[KEY_METRIC_PRECISION], found[KEY_METRIC_RECALL], density, coverage)


def distinct(samples: Tensor, real: Tensor) -> int:
    """Count the samples that are left if one stands for all that look like it.

    Two look alike if they are nearer to each other than half of the median distance of a real picture to
    the next one.

    Raises:
        GanlibError: there are fewer than 10 pictures on a side, or a NaN.
    """
    _check(real, samples, FEWEST)
    apart = _distances(real, real).fill_diagonal_(torch.inf)
    alike = _distances(samples, samples) < _SAME * apart.amin(1).median()  # (N, N)
    chosen: list[int] = []
    for k in range(len(samples)):
        if not alike[k, chosen].any():
            chosen.append(k)
    return len(chosen)


def nearest(pictures: Tensor, others: Tensor) -> Nearest:
    """Find the nearest of `others` to each of `pictures`.

    Raises:
        GanlibError: there are none on a side, or a NaN.
    """
    _check(others, pictures, 1)
    parts = [_distances(part, others).min(1) for part in pictures.split(_ROWS_AT_ONCE)]
    return Nearest(*map(torch.cat, zip(*parts, strict=True)))


def neighbour_ratio(samples: Tensor, train: Tensor, held_out: Tensor) -> float:
    """Compute the median distance of samples to the nearest training picture over that of held-out ones.

    It is about 1 where nothing was learnt by heart, and far below 1 where samples are copies.

    Raises:
        GanlibError: there are none on a side, or a NaN.
    """
    usual = nearest(held_out, train).distances.median().clamp(min=torch.finfo(torch.float64).tiny)
    return (nearest(samples, train).distances.median() / usual).item()


def _distances(one: Tensor, other: Tensor) -> Tensor:
    """Between all of (N, D) and (M, D), (N, M): in float64, where a copy is at no distance."""
    return torch.cdist(one.double(), other.double())


def _check(real: Tensor, fake: Tensor, fewest: int) -> None:
    for which, features in (("real", real), ("generated", fake)):
        if len(features) < fewest:
            raise GanlibError(
                f"This takes at least {fewest:,} {which} pictures, and there are {len(features):,}: "
                "give it more."
            )
        if not features.isfinite().all():
            raise GanlibError(f"Features of {which} pictures contain a NaN: check these pictures.")

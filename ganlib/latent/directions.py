"""Directions in the latent space along which a picture changes, found without labels or with them."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.latent.sampling import check_latent, sample_latent
from ganlib.nets.base import Generator, in_eval

_AFFINE = (nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.Flatten, nn.Unflatten)
_BATCH = 128
_NOTHING = 1e-6  # of a length: what rounding leaves of a vector that is none


@dataclass(frozen=True)
class Directions:
    """Unit vectors (K, latent_dim), the strongest first, and each one's share of all change, (K,)."""

    vectors: Tensor
    shares: Tensor

    def __len__(self) -> int:
        """How many there are."""
        return len(self.vectors)


def sefa_directions(generator: Generator, count: int = 10) -> Directions:
    """The directions that G's first layer feels most, in closed form and without painting anything.

    The layer takes z to z A + b; these are the eigenvectors of A A^T with the largest eigenvalues (Shen &
    Zhou 2021, "Closed-form factorization of latent semantics in GANs"). A BatchNorm that follows belongs to
    A: it decides how much of each channel goes on. No two of them have anything in common.

    Raises:
        GanlibError: `count` is not from 1 to the number of latent dimensions.
    """
    _check(count, generator.latent_dim)
    layers = takewhile(lambda layer: isinstance(layer, _AFFINE), generator.main)
    first = copy.deepcopy(nn.Sequential(*layers)).cpu().double().eval()  # the same on every device
    with torch.inference_mode():
        z = torch.eye(generator.latent_dim).double()[:, :, None, None]  # one axis each
        axes = (first(z) - first(torch.zeros_like(z))).flatten(1)  # A: (latent_dim, features)
    strengths, vectors = _strongest(axes @ axes.T, count)
    return Directions(_signed(vectors).float(), _shares(strengths, axes))


def ganspace_directions(
    generator: Generator, count: int = 10, samples: int = 1024, depth: int = 2
) -> Directions:
    """The directions of z that move G's early features along their principal components.

    The features are those after `depth` activations, for `samples` latents; z is fitted to their coordinates
    by least squares (Härkönen et al. 2020, "GANSpace"). Unlike components, these need not be at right angles.

    Raises:
        GanlibError: `count` is not from 1 to the number of latent dimensions, or `samples` are too few.
    """
    _check(count, generator.latent_dim)
    if samples <= generator.latent_dim:
        raise GanlibError(f"Ask for more than {generator.latent_dim} samples, not {samples}.")
    z = sample_latent(samples, generator.latent_dim)
    features = _early_features(generator, z, depth)
    features = features - features.mean(0)  # (samples, features)
    strengths, places = _strongest(features @ features.T, count)  # (count, samples): each picture's places
    return Directions(_signed(places.float() @ z), _shares(strengths, features))


def fitted_direction(one: Tensor, other: Tensor, ridge: float = 1.0) -> Tensor:
    """The unit vector (latent_dim,) from one group of z to another, (N, latent_dim) and (M, latent_dim).

    It is that of a line fitted to labels of -1 and 1, by least squares in which both groups count alike,
    with a `ridge` that keeps it sane where a person has picked only a few (Shen et al. 2020 fit a plane
    between two such groups).

    Raises:
        GanlibError: a group is empty, holds a NaN, or has z of another length; or both are the same.
    """
    if not len(one) or not len(other):
        raise GanlibError("A direction needs pictures in both groups: pick one or more for each.")
    one, other = (check_latent(group, one.shape[-1]).cpu().double() for group in (one, other))
    middle = (one.mean(0) + other.mean(0)) / 2
    spread = _second_moment(one - middle) + _second_moment(other - middle) + ridge * torch.eye(len(middle))
    apart = other.mean(0) - one.mean(0)
    if apart.norm() < _NOTHING:
        raise GanlibError("Both groups hold the same pictures: no direction leads from one to the other.")
    return nn.functional.normalize(torch.linalg.solve(spread, apart), dim=0).float()


def orthogonalise(direction: Tensor, others: Tensor) -> Tensor:
    """What of a direction (latent_dim,) is at right angles to all others, (K, latent_dim); a unit vector.

    Moving along it leaves alone what the others stand for, as far as that is linear (Shen et al. 2020,
    "conditional manipulation").

    Raises:
        GanlibError: nothing is left of it.
    """
    unit = nn.functional.normalize(direction.cpu().double(), dim=0)
    basis = others.cpu().double().T  # (latent_dim, K)
    left = unit - basis @ (torch.linalg.pinv(basis) @ unit)
    if left.norm() < _NOTHING:
        raise GanlibError("Nothing is left of this direction: the others hold all of it.")
    return nn.functional.normalize(left, dim=0).float()


def _early_features(generator: Generator, z: Tensor, depth: int) -> Tensor:
    """What the layers up to the activation number `depth` make of z, (N, features)."""
    early = nn.Sequential(*_up_to_activation(generator.main, depth))
    device = next(generator.parameters()).device
    with in_eval(generator), torch.inference_mode():
        parts = [early(part.to(device)[:, :, None, None]) for part in z.split(_BATCH)]
        return torch.cat([part.flatten(1).float().cpu() for part in parts])


def _up_to_activation(layers: nn.Sequential, depth: int) -> Iterator[nn.Module]:
    for layer in layers:
        yield layer
        depth -= isinstance(layer, nn.ReLU)
        if depth == 0:
            return


def _second_moment(z: Tensor) -> Tensor:
    return z.T @ z / len(z)


def _strongest(products: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of a symmetric matrix, (count,), and their vectors in rows."""
    values, vectors = torch.linalg.eigh(products.double())  # ascending
    return values.flip(0)[:count].clamp(min=0), vectors.T.flip(0)[:count]


def _shares(strengths: Tensor, axes: Tensor) -> Tensor:
    """The strengths as shares of all there is in `axes`."""
    tiny = torch.finfo(torch.float64).tiny  # nets whose weights are all 0 move nothing
    return (strengths / axes.double().square().sum().clamp(min=tiny)).float()


def _signed(vectors: Tensor) -> Tensor:
    """Unit vectors whose largest number is above zero: else the sign would be chance."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return nn.functional.normalize(vectors * largest.sign(), dim=1)


def _check(count: int, latent_dim: int) -> None:
    if not 1 <= count <= latent_dim:
        raise GanlibError(f"Ask for 1 to {latent_dim} directions, not {count}.")

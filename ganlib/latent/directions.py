"""Directions in the latent space along which a picture changes, found without labels or with them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count as counting
from itertools import takewhile
from typing import cast

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.latent.sampling import check_latent, point_dim, sample_latent
from ganlib.nets.base import Generator, in_eval

_FIRST = (nn.ConvTranspose2d, nn.Linear)
_AFFINE = (*_FIRST, nn.BatchNorm2d, nn.Flatten, nn.Unflatten)
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.PReLU, nn.GLU, nn.ELU, nn.GELU, nn.SiLU)
_BATCH = 128
_NOTHING = 1e-6  # of a length: what rounding leaves of a vector that is none


@dataclass(frozen=True)
class Directions:
    """Unit vectors (K, latent_dim), the strongest first, and each one's share of all change, (K,)."""

    vectors: Tensor
    shares: Tensor

    def __len__(self) -> int:
        return len(self.vectors)


def sefa_directions(generator: nn.Module, count: int = 10) -> Directions:
    """Find the directions that G's first layer feels most, in closed form and without a single picture.

    The layer takes z to z A + b; these are the eigenvectors of A A^T with the largest eigenvalues (Shen &
    Zhou 2021, "Closed-form factorization of latent semantics in GANs"). In ganlib's own nets a BatchNorm that
    follows belongs to A: it decides how much of each channel goes on. In any other net with a `latent_dim`,
    A is that of the first linear layer or transposed convolution that is called. The directions are at right
    angles to each other.

    Raises:
        GanlibError: `count` is not from 1 to the number of latent dimensions, or there is no such layer.
    """
    latent_dim = _checked_dim(generator, count)
    axes = _first_axes(generator, latent_dim)
    shares, vectors = _strongest(axes @ axes.T, count)
    return Directions(_signed(vectors).float(), shares)


def ganspace_directions(
    generator: nn.Module, count: int = 10, samples: int = 1024, depth: int = 2
) -> Directions:
    """Find the directions of z that move G's early features along their principal components.

    The features are those after `depth` activations, for `samples` latents; z is fitted to their coordinates
    by least squares (Härkönen et al. 2020, "GANSpace"). Unlike components, these need not be at right angles.
    In ganlib's own nets activations are those between the layers of `main`, in any other net with a
    `latent_dim` all modules of that kind; where there are fewer, the features are the pictures.

    Raises:
        GanlibError: `count` is not from 1 to the number of latent dimensions, or `samples` are too few.
    """
    latent_dim = _checked_dim(generator, count)
    if samples <= latent_dim:
        raise GanlibError(f"Ask for more than {latent_dim} samples, not {samples}.")
    z = sample_latent(samples, latent_dim)
    features = _early_features(generator, z, depth)
    features = features - features.mean(0)  # (samples, features)
    shares, places = _strongest(features @ features.T, count)  # (count, samples): each picture's places
    return Directions(_signed(places.float() @ z), shares)


def fitted_direction(one: Tensor, other: Tensor, ridge: float = 1.0) -> Tensor:
    """Fit the unit vector (latent_dim,) from one group of z, (N, latent_dim), to another, (M, latent_dim).

    It is that of a line fitted to labels of -1 and 1, by least squares in which both groups count alike,
    with a `ridge` that keeps it sane where a person has picked only a few (Shen et al. 2020 fit a plane
    between two such groups).

    Raises:
        GanlibError: a group is empty, holds a NaN, or has z of another length; or both are the same.
    """
    if not len(one) or not len(other):
        raise GanlibError("A direction needs pictures in both groups: pick one or more for each.")
    groups = [check_latent(group, one.shape[-1]).cpu().double() for group in (one, other)]
    start, end = (group.mean(0) for group in groups)
    apart = end - start
    if apart.norm() < _NOTHING:
        raise GanlibError("Both groups hold the same pictures: no direction leads from one to the other.")
    centred = [group - (start + end) / 2 for group in groups]
    spread = sum((z.T @ z / len(z) for z in centred), ridge * torch.eye(len(apart)))
    return nn.functional.normalize(torch.linalg.solve(spread, apart), dim=0).float()


def orthogonalise(direction: Tensor, others: Tensor) -> Tensor:
    """Return what of a direction (latent_dim,) is at right angles to others, (K, latent_dim), of length 1.

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


def _first_axes(generator: nn.Module, latent_dim: int) -> Tensor:
    """A, (latent_dim, features): what the first layer makes of a step along each axis of z."""
    net = copy.deepcopy(generator).cpu().double().eval()  # the same on every device
    z = torch.eye(latent_dim, point_dim(generator)).double()
    both = torch.cat([z, torch.zeros_like(z)])
    with torch.inference_mode():
        if isinstance(net, Generator):
            affine = takewhile(lambda layer: isinstance(layer, _AFFINE), net.main)
            steps, origin = nn.Sequential(*affine)(both[:, :, None, None]).chunk(2)
        else:
            layers = [layer for layer in net.modules() if isinstance(layer, _FIRST)]
            if not layers:
                raise GanlibError(
                    "This generator has no linear layer or transposed convolution that could take z: use "
                    "ganspace_directions, which looks at features."
                )
            steps, origin = _output(net, both, layers, 1).chunk(2)
    return (steps - origin).flatten(1)


def _early_features(generator: nn.Module, z: Tensor, depth: int) -> Tensor:
    """What the net has made of z after the activation number `depth`, (N, features)."""
    layers = generator.main if isinstance(generator, Generator) else generator.modules()
    activations = [layer for layer in layers if isinstance(layer, _ACTIVATIONS)]
    device = next(generator.parameters()).device
    with in_eval(generator), torch.inference_mode():
        parts = [_output(generator, part.to(device), activations, depth) for part in z.split(_BATCH)]
        return torch.cat([part.flatten(1).float().cpu() for part in parts])


class _ReachedError(Exception):
    """Brings the output of the layer that was waited for; what comes later is not computed."""


def _output(net: nn.Module, z: Tensor, layers: Sequence[nn.Module], number: int) -> Tensor:
    """What call `number` of the layers gives, or what the whole net gives if there are fewer calls."""
    calls = counting(1)

    def stop(_: nn.Module, __: object, output: Tensor) -> None:
        if next(calls) == number:
            raise _ReachedError(output)

    hooks = [layer.register_forward_hook(stop) for layer in layers]
    try:
        return net(z)
    except _ReachedError as reached:
        return reached.args[0]
    finally:
        for hook in hooks:
            hook.remove()


def _strongest(products: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of a symmetric matrix as shares of all, (count,), and their vectors in rows."""
    values, vectors = torch.linalg.eigh(products.double())  # ascending
    values = values.clamp(min=0)
    tiny = torch.finfo(torch.float64).tiny  # nets whose weights are all 0 move nothing
    return (values / values.sum().clamp(min=tiny)).flip(0)[:count].float(), vectors.T.flip(0)[:count]


def _signed(vectors: Tensor) -> Tensor:
    """Unit vectors whose largest number is above zero: else the sign would be chance."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return nn.functional.normalize(vectors * largest.sign(), dim=1)


def _checked_dim(generator: nn.Module, count: int) -> int:
    latent_dim = cast(int, generator.latent_dim)
    if not 1 <= count <= latent_dim:
        raise GanlibError(f"Ask for 1 to {latent_dim} directions, not {count}.")
    return latent_dim

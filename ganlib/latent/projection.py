"""Projection: find the z whose picture comes nearest to a given one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator, in_eval
from ganlib.runtime.progress import progress

_CANDIDATES = 256
_AT_ONCE = 32  # candidates: 256 pictures of 512 px would fill a gigabyte
_RATE = 0.1
_SHELL = 0.01  # how much a z counts that is longer or shorter than a drawn one
_COARSEST = 8
_FIRST_SEED = 2_000_000
_STEPS = 127.5  # of 255, in one unit of [-1, 1]
_SLACK = 0.01  # what a resized picture may overshoot


_Watch = Callable[[int], object]


@dataclass(frozen=True)
class Projection:
    """A z (latent_dim,), its picture (3, H, W), and how near that comes.

    `error` is the root mean square difference of a pixel, in steps of 255; `nearest_drawn` that of the best
    of 256 pictures drawn by chance, and `typical` of the middle one of them, for comparison.
    """

    z: Tensor
    picture: Tensor
    error: float
    nearest_drawn: float
    typical: float

    def __str__(self) -> str:
        return (
            f"A pixel is off by {self.error:.1f} steps of 255; of {_CANDIDATES} pictures drawn by chance the "
            f"nearest is off by {self.nearest_drawn:.1f}, a typical one by {self.typical:.1f}."
        )


def project(
    generator: Generator,
    picture: Tensor,
    *,
    starts: int = 4,
    steps: int = 200,
    shown: bool = True,
    on_step: _Watch | None = None,
) -> Projection:
    """Find a z for `picture`, (3, H, W) in [-1, 1], by Adam from the best of 256 drawn ones.

    It lowers the difference of pixels and of features, edges and areas of every coarseness, and stays where
    drawn z lie; all starts go on together, and the one that comes nearest is returned (Zhu et al. 2016,
    "Generative visual manipulation"; Abdal et al. 2019, "Image2StyleGAN"). A bar shows how far it is if it
    is `shown`, and `on_step` is told the number of steps taken.

    Raises:
        GanlibError: the picture has another size than those of the generator, or is none in [-1, 1]; or there
            are no steps, or not 1 to 256 starts.
    """
    if not 1 <= starts <= _CANDIDATES or steps < 1:
        raise GanlibError(
            f"A search takes 1 to {_CANDIDATES} starts and 1 step or more, not {starts} and {steps}."
        )
    drawn = sample_latent(_CANDIDATES, generator.latent_dim, _FIRST_SEED)
    shape = generate(generator, drawn[:1]).shape[1:]
    if picture.shape != shape or not (picture.abs() <= 1 + _SLACK).all():  # false for a NaN, too
        raise GanlibError(
            f"This generator makes pictures {tuple(shape)} of numbers from -1 to 1, and yours, "
            f"{tuple(picture.shape)}, is none: resize it first, or bring it into that range."
        )
    wanted = picture.detach().float().cpu()
    apart, errors = _compare(generator, drawn, wanted)
    nearest = drawn[apart.argsort(stable=True)[:starts]]
    turns = progress(range(steps), "projecting", "step", steps) if shown else range(steps)
    z = _descend(generator, nearest, wanted, turns, steps, on_step or (lambda _: None))
    apart, found = _compare(generator, z, wanted)
    best = apart.argmin()
    picture = generate(generator, z[best][None])[0]
    return Projection(z[best], picture, found[best].item(), errors.min().item(), errors.median().item())


def _descend(
    generator: Generator, z: Tensor, picture: Tensor, turns: Iterable[int], steps: int, on_step: _Watch
) -> Tensor:
    """Where z (N, latent_dim) come to; the generator is left as it is, its gradients as well."""
    device = next(generator.parameters()).device
    with in_eval(generator), torch.inference_mode(False), torch.enable_grad():
        wanted = picture.to(device).clone()  # a clone may be differentiated, wherever the picture is from
        places = z.to(device).clone().requires_grad_()
        adam = torch.optim.Adam([places], _RATE)
        rates = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for turn in turns:
            lengths = places.square().mean(1)  # 1 for a z of the usual length
            cost = _difference(generator(places).float(), wanted) + _SHELL * (lengths - 1).square()
            (places.grad,) = torch.autograd.grad(cost.sum(), [places])
            adam.step()
            rates.step()
            on_step(turn + 1)
    return places.detach().cpu()


def _compare(generator: Generator, z: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """How far pictures of z (N, latent_dim) are from one: by all that counts, and a pixel in steps of 255."""
    apart, errors = [], []
    for part in z.split(_AT_ONCE):
        pictures = generate(generator, part)
        apart.append(_difference(pictures, picture))
        errors.append((pictures - picture).square().mean((1, 2, 3)).sqrt())
    return torch.cat(apart), _STEPS * torch.cat(errors)


def _difference(pictures: Tensor, picture: Tensor) -> Tensor:
    """How far pictures (N, 3, H, W) are from one (3, H, W), in pixels and in features, (N,)."""
    pairs = zip(_features(pictures), _features(picture[None]), strict=True)
    return torch.stack([(one - other).square().mean((1, 2, 3)) for one, other in pairs]).sum(0)


def _features(pictures: Tensor) -> Iterator[Tensor]:
    """The pictures and their edges, at every coarseness down to 8 px."""
    while min(pictures.shape[2:]) >= _COARSEST:
        yield pictures
        yield pictures.diff(dim=2)
        yield pictures.diff(dim=3)
        pictures = avg_pool2d(pictures, 2)

"""Differentiable augmentation of what D sees (Zhao et al. 2020, "Differentiable augmentation for GANs").

Each function takes and returns images (N, 3, H, W), draws for every picture by itself, and lets
gradients through, twice if need be.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganlib.errors import GanlibError


def flip(images: Tensor) -> Tensor:
    """Mirror every second picture, by chance, left to right."""
    chosen = _uniform(images) < 0
    return torch.where(chosen, images.flip(3), images)


def translate(images: Tensor, reach: float = 0.125) -> Tensor:
    """Move each picture by up to `reach` of its side in both directions; what comes in is grey (0)."""
    n, _, height, width = images.shape
    down, right = round(height * reach), round(width * reach)
    padded = pad(images, (right, right, down, down))
    tops, lefts = (torch.randint(0, 2 * margin + 1, (n,), device=images.device) for margin in (down, right))
    cut = _sliced if images.device.type == "cpu" else _gathered
    return cut(padded, tops, lefts, height, width)


def _sliced(padded: Tensor, tops: Tensor, lefts: Tensor, height: int, width: int) -> Tensor:
    """Cut a window from each picture: the quickest on a CPU, and a kernel a picture on a GPU."""
    windows = zip(padded.unbind(), tops.tolist(), lefts.tolist(), strict=True)
    return torch.stack([one[:, top : top + height, left : left + width] for one, top, left in windows])


def _gathered(padded: Tensor, tops: Tensor, lefts: Tensor, height: int, width: int) -> Tensor:
    """Cut the same windows without asking where they lie, for which the host would wait for the device."""
    n, channels, _, padded_width = padded.shape
    rows, columns = (
        begin[:, None] + torch.arange(length, device=padded.device)
        for begin, length in ((tops, height), (lefts, width))
    )
    strips = padded.gather(2, rows[:, None, :, None].expand(n, channels, height, padded_width))
    return strips.gather(3, columns[:, None, None, :].expand(n, channels, height, width))


def colour(images: Tensor) -> Tensor:
    """Change brightness by up to 0.5, saturation 0 to 2 times, contrast 0.5 to 1.5 times."""
    images = images + 0.5 * _uniform(images)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (1 + _uniform(images))
    middle = images.mean((1, 2, 3), keepdim=True)
    return middle + (images - middle) * (1 + 0.5 * _uniform(images))


def cutout(images: Tensor, share: float = 0.5) -> Tensor:
    """Paint a grey (0) square of `share` of the side over each picture, its middle anywhere."""
    side, height, width = round(share * images.shape[2]), images.shape[2], images.shape[3]
    rows = _covered(len(images), height, side, images.device)[:, None, :, None]
    columns = _covered(len(images), width, side, images.device)[:, None, None, :]
    return images * ~(rows & columns)


def _covered(n: int, length: int, side: int, device: torch.device) -> Tensor:
    """For each picture which of `length` places, (N, length), lie within side / 2 of a random one."""
    middle = torch.randint(0, length, (n, 1), device=device)
    return (torch.arange(length, device=device) - middle).abs() * 2 < side


def _uniform(images: Tensor) -> Tensor:
    """One number a picture, (N, 1, 1, 1), drawn evenly from [-1, 1)."""
    return torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype) * 2 - 1


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "flip": flip,
    "translate": translate,
    "colour": colour,
    "cutout": cutout,
}


class Augment:
    """The named augmentations, one after the other; none leaves the images as they are.

    Each befalls a picture with probability `p`.
    """

    def __init__(self, names: Sequence[str] = (), p: float = 1.0) -> None:
        """Raise `GanlibError` if a name is not known."""
        unknown = [name for name in names if name not in AUGMENTATIONS]
        if unknown:
            raise GanlibError(
                f"There is no augmentation '{unknown[0]}': choose among {', '.join(AUGMENTATIONS)}."
            )
        self.steps = [AUGMENTATIONS[name] for name in names]
        self.p = p

    def __call__(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W), each changed by chance."""
        for step in self.steps:
            changed = step(images)
            if self.p < 1:
                chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < self.p
                changed = torch.where(chosen, changed, images)
            images = changed
        return images

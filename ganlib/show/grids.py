"""Many pictures as one."""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganlib.data.dataset import to_bytes
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure

_LARGEST_SIDE = 8192
_GAP = 16
_LINE = 2  # between pictures, in pixels of theirs


def square(count: int) -> int:
    """The columns of a grid of `count` pictures that is as square as can be."""
    return math.ceil(math.sqrt(count))


def check_grid(count: int, size: int, columns: int, scale: int) -> None:
    """Raise `GanlibError` if a grid of `count` pictures of `size` px would be empty or too large."""
    if scale < 1 or columns < 1:
        raise GanlibError(f"Scale and columns must be 1 or more, not {scale} and {columns}.")
    side = max(columns, math.ceil(count / columns)) * size * scale
    if side > _LARGEST_SIDE:
        raise GanlibError(
            f"A grid of {count} pictures would be {side} px on a side, and {_LARGEST_SIDE} is the most: "
            "ask for fewer pictures or a smaller scale."
        )


def enlarge(images: Tensor, scale: int, *, smooth: bool = False) -> Tensor:
    """Images (N, 3, S, S) in [-1, 1] as bytes (N, scale * S, scale * S, 3).

    Each pixel becomes a square that is `scale` wide, or the whole is made `smooth` by Lanczos's filter.
    """
    pictures = to_bytes(images.cpu())
    if smooth:
        return torch.stack([_smooth(picture, scale) for picture in pictures])
    return pictures.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def _smooth(picture: Tensor, scale: int) -> Tensor:
    side = picture.shape[0] * scale
    larger = Image.fromarray(picture.numpy()).resize((side, side), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(larger))


def grid_image(
    images: Tensor, columns: int | None = None, scale: int = 1, *, smooth: bool = False
) -> Image.Image:
    """Images (N, 3, S, S) in [-1, 1] side by side, as square as can be, enlarged `scale` times.

    Raises:
        GanlibError: the grid would be larger than 8192 px on a side.
    """
    from torchvision.utils import make_grid

    columns = columns or square(len(images))
    check_grid(len(images), images.shape[2], columns, scale)
    tiles = enlarge(images, scale, smooth=smooth).permute(0, 3, 1, 2)  # (N, 3, scale * S, scale * S)
    picture = make_grid(tiles, nrow=columns, padding=_LINE * scale, pad_value=255)
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def grid(
    images: Tensor, alt: str = "", columns: int | None = None, scale: int = 1, *, smooth: bool = False
) -> Figure:
    """The grid as a figure; `alt` says what it shows."""
    picture = grid_image(images, columns, scale, smooth=smooth)
    return Figure.from_image(picture, alt or f"A grid of {len(images)} pictures.")


def before_after(run: Run) -> Figure:
    """The first and the newest samples of a run, side by side: the same z, painted before and after.

    Raises:
        GanlibError: the run has fewer than two samples.
    """
    samples = run.samples()
    if len(samples) <= 1:
        raise GanlibError(f"'{run.folder}' has no samples to compare: train there first.")
    before, after = (Image.open(sample).convert("RGB") for sample in (samples[0], samples[-1]))
    pair = Image.new("RGB", (before.width + _GAP + after.width, before.height), "white")
    pair.paste(before, (0, 0))
    pair.paste(after, (before.width + _GAP, 0))
    steps = int(samples[-1].stem)
    return Figure.from_image(
        pair, f"Left, the samples of {run.recipe().name} before training; right, after {steps} steps."
    )

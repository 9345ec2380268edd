"""Many pictures as one."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from ganlib.data.dataset import to_bytes
from ganlib.data.opening import RefusedError, open_picture, refusals
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure
from ganlib.sizes import Size

THUMBNAIL = 96  # px
_LARGEST_SIDE = 8192
_GAP = 16
_LANCZOS = Image.Resampling.LANCZOS


def square(count: int) -> int:
    """Return the number of columns that makes a grid of `count` pictures as square as possible."""
    return math.ceil(math.sqrt(count))


def check_grid(count: int, size: Size, columns: int, scale: int) -> None:
    """Raise `GanlibError` if a grid of `count` pictures of this `size` would be empty or too large."""
    if scale < 1 or columns < 1:
        raise GanlibError(f"Scale and columns must be 1 or more, not {scale} and {columns}.")
    side = max(columns * size.width, math.ceil(count / columns) * size.height) * scale
    if side > _LARGEST_SIDE:
        large = f"A grid of {count} pictures would be {side} px on a side, and {_LARGEST_SIDE} is the most"
        raise GanlibError(f"{large}: ask for fewer pictures or a smaller scale.")


def resize(images: Tensor, width: int, *, smooth: bool = False) -> Tensor:
    """Turn images (N, 3, H, W) in [-1, 1] into bytes that are `width` wide, (N, height, width, 3).

    An enlarged pixel becomes a square; `smooth` resizes with a Lanczos filter instead.
    """
    pictures = to_bytes(images.cpu()).numpy()
    size = (width, max(1, round(width * images.shape[2] / images.shape[3])))
    method = _LANCZOS if smooth else Image.Resampling.NEAREST
    return torch.from_numpy(
        np.stack([np.asarray(Image.fromarray(one).resize(size, method)) for one in pictures])
    )


def to_image(picture: Tensor, scale: int = 1, *, smooth: bool = False) -> Image.Image:
    """Turn one picture (3, H, W) in [-1, 1] into a Pillow image, enlarged `scale` times."""
    return Image.fromarray(resize(picture[None], scale * picture.shape[2], smooth=smooth)[0].numpy())


def grid_image(
    images: Tensor, columns: int | None = None, scale: int = 1, *, smooth: bool = False
) -> Image.Image:
    """Put images (N, 3, H, W) in [-1, 1] side by side, as square as possible, enlarged `scale` times.

    Raises:
        GanlibError: the grid would be larger than 8192 px on a side.
    """
    from torchvision.utils import make_grid

    columns = columns or square(len(images))
    check_grid(len(images), Size(*images.shape[2:]), columns, scale)
    tiles = resize(images, scale * images.shape[3], smooth=smooth)  # (N, scale * H, scale * W, 3)
    picture = make_grid(tiles.permute(0, 3, 1, 2), nrow=columns, padding=2 * scale, pad_value=255)
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def grid(
    images: Tensor, alt: str = "", columns: int | None = None, scale: int = 1, *, smooth: bool = False
) -> Figure:
    """Draw images (N, 3, H, W) in [-1, 1] as one figure; `alt` says what it shows."""
    picture = grid_image(images, columns, scale, smooth=smooth)
    return Figure.from_image(picture, alt or f"A grid of {len(images)} pictures.")


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], columns: int, gap: int = 0, side: int = THUMBNAIL
) -> Image.Image:
    """Resize pictures (H, W, 3) to `side` px and put them side by side on a transparent ground."""
    step, rows = side + gap, math.ceil(len(pictures) / columns)
    sheet = Image.new("RGBA", (columns * step - gap, rows * step - gap))
    for place, picture in enumerate(pictures):
        small = ImageOps.contain(Image.fromarray(picture), (side, side), _LANCZOS)
        left, top = (side - small.width) // 2, (side - small.height) // 2
        sheet.paste(small, (place % columns * step + left, place // columns * step + top))
    return sheet


def sample_grids(run: Run, least: int = 1) -> list[Path]:
    """List the grids of samples of a run, oldest first; fewer than `least` raise `GanlibError`."""
    samples = run.samples()
    if len(samples) < least:
        there_is = "only one grid of samples" if samples else "no samples"
        raise GanlibError(f"'{run.folder}' has {there_is}: train there first.")
    return samples


def open_sample(path: Path) -> Image.Image:
    """Read one grid of samples; a damaged file raises `GanlibError`."""
    try:
        with refusals(path), open_picture(path) as picture:
            return picture.convert("RGB")
    except RefusedError as error:
        raise GanlibError(f"The sample '{path}' is damaged: remove it ({error}).") from error


def before_after(run: Run) -> Figure:
    """Show the first and the newest samples of a run side by side: the same z before and after training.

    Raises:
        GanlibError: the run has fewer than two samples, or one of them is damaged.
    """
    samples = sample_grids(run, 2)
    before, after = open_sample(samples[0]), open_sample(samples[-1])
    pair = ImageOps.expand(before, (0, 0, _GAP + after.width, 0), "white")
    pair.paste(after, (before.width + _GAP, 0))
    alt = f"Left, samples of {run.recipe().name} before training; right, after {int(samples[-1].stem)} steps."
    return Figure.from_image(pair, alt)

"""Many pictures as one."""

import math

from PIL import Image
from torch import Tensor

from ganlib.data.imageset import to_bytes
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure

_LARGEST_SIDE = 8192
_GAP = 16


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


def grid_image(images: Tensor, columns: int | None = None, scale: int = 1) -> Image.Image:
    """Images (N, 3, S, S) in [-1, 1] side by side, as square as can be, each pixel `scale` wide.

    Raises:
        GanlibError: the grid would be larger than 8192 px on a side.
    """
    from torchvision.utils import make_grid

    columns = columns or square(len(images))
    check_grid(len(images), images.shape[2], columns, scale)
    tiles = make_grid(images.cpu(), nrow=columns, pad_value=1.0)
    picture = Image.fromarray(to_bytes(tiles[None])[0].numpy())
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def grid(images: Tensor, alt: str = "", columns: int | None = None, scale: int = 1) -> Figure:
    """The grid as a figure; `alt` says what it shows."""
    return Figure.from_image(grid_image(images, columns, scale), alt or f"A grid of {len(images)} pictures.")


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

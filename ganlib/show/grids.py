"""Many pictures as one."""

import math

from PIL import Image
from torch import Tensor

from ganlib.data.imageset import to_bytes
from ganlib.show.figure import Figure


def grid_image(images: Tensor, columns: int | None = None, scale: int = 1) -> Image.Image:
    """Images (N, 3, S, S) in [-1, 1] side by side, as square as can be, each pixel `scale` wide."""
    from torchvision.utils import make_grid

    columns = columns or math.ceil(math.sqrt(len(images)))
    tiles = make_grid(images.cpu(), nrow=columns, pad_value=1.0)
    picture = Image.fromarray(to_bytes(tiles[None])[0].numpy())
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def grid(images: Tensor, alt: str = "", columns: int | None = None, scale: int = 1) -> Figure:
    """The grid as a figure; `alt` says what it shows."""
    return Figure.from_image(grid_image(images, columns, scale), alt or f"A grid of {len(images)} pictures.")

"""Real portraits, and what can be wrong with generated ones."""

from functools import cache

import torch
from torch.nn.functional import avg_pool2d, interpolate

import ganlib
from ganlib.data.dataset import ImageDataset

COUNT = 120


@cache
def some_portraits() -> ImageDataset:
    """880 bundled portraits, of which 119 are held out."""
    return ImageDataset(ganlib.load_art("portraits").images[:880], "portraits")


def faulty() -> dict[str, torch.Tensor]:
    """Sets of 120 pictures, (120, 3, 64, 64) in [-1, 1], by what is wrong with them."""
    art = some_portraits()
    train = art.tensor(art.train[-2 * COUNT :])
    real, others = train.split(COUNT)
    random = torch.Generator().manual_seed(0)
    grain = torch.randn(real.shape, generator=random)
    return {
        "nothing": real,
        "noise": (real + 0.16 * grain).clamp(-1, 1),
        "blur": interpolate(avg_pool2d(real, 4), 64, mode="bilinear"),
        "collapse": real[:20].repeat(6, 1, 1, 1),
        "swapped halves": torch.cat([real[..., :32], others[..., 32:]], 3),
        "noise alone": torch.rand(real.shape, generator=random) * 2 - 1,
    }

"""Pictures for the tests to prepare."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise(seed: int, width: int = 48, height: int = 40) -> Image.Image:
    """Soft random colours, different for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def fill(folder: Path, count: int, suffix: str = ".png") -> Path:
    """A folder with `count` different pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        noise(seed).save(folder / f"{seed:03d}{suffix}")
    return folder

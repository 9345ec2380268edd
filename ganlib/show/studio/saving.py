"""What a person takes away from a studio: files, none of which replaces another."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganlib.files import make_folder
from ganlib.latent_file import save_latent
from ganlib.show.figure import Figure
from ganlib.show.film import check_film, film
from ganlib.show.grids import enlarge, grid
from ganlib.show.studio.easel import Easel

_AT_ONCE = 8
_LONGEST_STEM = 60


def free_path(folder: Path, words: str, ending: str) -> Path:
    """A file in `folder`, named by the `words`, that is not there yet."""
    stem = re.sub(r"[^a-z0-9.+-]+", "-", words.lower()).strip("-.")[:_LONGEST_STEM] or "picture"
    path, number = folder / f"{stem}{ending}", 2
    while path.exists():
        path, number = folder / f"{stem}-{number}{ending}", number + 1
    return path


def save_picture(easel: Easel, z: Tensor, scale: int, folder: Path, words: str) -> Path:
    """Paint one z, (latent_dim,), so many times as wide as it is, as PNG, and return the path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    picture = Image.fromarray(enlarge(easel.paint(z[None]), scale, smooth=True)[0].numpy())
    return Figure.from_image(picture, words).save(free_path(folder, words, ".png"))


def save_z(easel: Easel, z: Tensor, folder: Path, words: str) -> Path:
    """Write one z, (latent_dim,), to the bit, and return the path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    return save_latent(z, easel.generator, easel.recipe, free_path(folder, words, ".json"))


def save_grid(easel: Easel, z: Tensor, columns: int | None, path: Path, watch: Callable[[int], None]) -> Path:
    """Paint z, (N, latent_dim), side by side as PNG, and return the path; `watch` is told how many are done.

    Raises:
        GanlibError: the grid would be too large, the disk is full or the folder may not be written.
    """
    make_folder(path.parent)
    pictures = []
    for part in z.split(_AT_ONCE):
        pictures.append(easel.paint(part))
        watch(sum(map(len, pictures)))
    return grid(torch.cat(pictures), columns=columns).save(path)


def save_film(
    easel: Easel, z: Tensor, scale: int, path: Path, seconds: float, watch: Callable[[int], None]
) -> Path:
    """Write the pictures of z, (N, latent_dim), as a GIF or MP4, and return the path.

    Raises:
        GanlibError: the length is out of range, the disk is full or the folder may not be written.
    """
    check_film(path, seconds, len(z))
    make_folder(path.parent)
    frames: list[NDArray[np.uint8]] = []
    for part in z.split(_AT_ONCE):
        frames += list(enlarge(easel.paint(part), scale, smooth=True).numpy())
        watch(len(frames))
    film(frames, path, seconds, alt=f"A film of {len(frames)} pictures.")
    return path

"""What a person takes away from a studio: files, none of which replaces another."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ganlib.data.imageset import to_bytes
from ganlib.files import make_folder
from ganlib.latent_file import save_latent
from ganlib.show.figure import Figure
from ganlib.show.film import check_film, film
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


def save_image(image: Image.Image, alt: str, folder: Path, words: str) -> Path:
    """Write an image as PNG, and return its path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    return Figure.from_image(image, alt).save(free_path(folder, words, ".png"))


def save_z(easel: Easel, z: Tensor, folder: Path, words: str) -> Path:
    """Write one z, (latent_dim,), to the bit, and return the path.

    Raises:
        GanlibError: the disk is full or the folder may not be written.
    """
    make_folder(folder)
    return save_latent(z, easel.generator, easel.recipe, free_path(folder, words, ".json"))


def save_film(
    easel: Easel, path: Path, z: Tensor, scale: int, seconds: float, watch: Callable[[int], None]
) -> Path:
    """Write the pictures of z, (N, latent_dim), as a GIF or MP4, and return the path.

    Raises:
        GanlibError: the length is out of range, the disk is full or the folder may not be written.
    """
    check_film(path, seconds)
    make_folder(path.parent)
    frames = []
    for part in z.split(_AT_ONCE):
        pictures = to_bytes(easel.paint(part)).numpy()
        frames += [np.asarray(enlarged(Image.fromarray(picture), scale)) for picture in pictures]
        watch(len(frames))
    film(frames, path, seconds, alt=f"A film of {len(frames)} pictures.")
    return path


def enlarged(image: Image.Image, scale: int) -> Image.Image:
    """The image so many times as wide and high, smoothly."""
    if scale == 1:
        return image
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.LANCZOS)

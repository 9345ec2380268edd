"""The generator behind a studio, and its pictures as the bytes that a browser shows: lossless WebP."""

import os
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from ganlib.data.dataset import to_bytes
from ganlib.latent.sampling import fingerprint, generate
from ganlib.run import Run
from ganlib.runtime.device import detect, one_thread
from ganlib.runtime.files import cache_folder, expand_home
from ganlib.show.figure import encode
from ganlib.show.grids import THUMBNAIL, contact_sheet, to_image
from ganlib.weights import load_generator

_SMALL = 64  # px
_EXACT = 256  # px: on a CPU that is quicker in bf16 larger pictures are shown in it, and saved in fp32


class Renderer:
    """The generator of a run folder, a weights file or bundled weights, on the best device there is."""

    def __init__(
        self,
        source: str | Path | Run,
        folder: str | Path | None = None,
        generator: nn.Module | None = None,
    ) -> None:
        """Load the generator, or raise `GanlibError` if it is missing or damaged.

        Files are saved in `folder`; by default in `studio`, in the run folder or here.
        """
        self.source = source.folder if isinstance(source, Run) else expand_home(source)
        self.generator, self.recipe = load_generator(self.source, generator)
        machine = detect()
        self.generator.to(memory_format=torch.channels_last).to(machine.device)  # quicker on CPUs
        self._is_rounded = machine.precision == "bf16" and max(self.recipe.shape) > _EXACT
        self.folder = expand_home(folder or (self.source if self.source.is_dir() else Path()) / "studio")

    @property
    def notes_file(self) -> Path:
        """The file of names and favourites: in the run folder, beside the weights, or with what is saved."""
        if self.source.is_dir():
            return self.source / "studio.json"
        is_beside = self.source.is_file() and os.access(self.source.parent, os.W_OK)
        return (self.source.parent if is_beside else self.folder) / f"{self.source.stem}.studio.json"

    @property
    def notes_to_read(self) -> Path:
        """That file, or the one in the cache where version 0.2 kept them, until it is written."""
        if self.notes_file.exists() or self.source.is_dir():
            return self.notes_file
        return cache_folder() / "studio" / f"{fingerprint(self.generator)[:16]}.json"

    def generate(self, z: Tensor) -> Tensor:
        """Generate pictures (N, 3, S, S) in [-1, 1] from z (N, latent_dim)."""
        return generate(self.generator, z)

    def picture(self, z: Tensor) -> bytes:
        """Generate the picture of one z, (latent_dim,), for the screen, and encode it."""
        with one_thread():
            return _encoded(to_image(self._generate_shown(z[None])[0]))

    def small(self, z: Tensor) -> list[bytes]:
        """Generate pictures of z, (N, latent_dim), and encode each, no larger than a thumbnail."""
        images = [to_image(picture) for picture in self._generate_shown(z)]
        for image in images:
            image.thumbnail((_SMALL, _SMALL))
        return [_encoded(image) for image in images]

    def thumbnails(self, z: Tensor, columns: int) -> bytes:
        """Generate small pictures of z, (N, latent_dim), and encode them side by side without gaps."""
        pictures = to_bytes(self._generate_shown(z)).numpy()
        side = min(THUMBNAIL, max(self.recipe.shape))  # the browser enlarges, with squares or without
        return _encoded(contact_sheet(list(pictures), columns, side=side))

    def _generate_shown(self, z: Tensor) -> Tensor:
        """Generate pictures as `generate` does, but for the screen."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._is_rounded):
            return self.generate(z)


def _encoded(image: Image.Image) -> bytes:
    """Lossless, as PNG is, in a quarter of its time."""
    return encode(image, "WEBP", lossless=True, quality=0, method=0)

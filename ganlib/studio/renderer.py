"""What a studio paints with: a generator, and pictures as the bytes that a browser shows."""

from functools import cached_property
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ganlib.data.dataset import to_bytes
from ganlib.latent.sampling import fingerprint, generate
from ganlib.run import Run, load_generator
from ganlib.runtime.device import detect, one_thread
from ganlib.runtime.files import cache_folder, expand_home

_QUICK = 1  # zlib's level: larger files, and a tenth of the time
_THUMBNAIL = 96


class Renderer:
    """The generator of a run folder, a weights file or bundled weights, on the best device there is."""

    def __init__(self, source: str | Path | Run, folder: str | Path | None = None) -> None:
        """Load it; what is saved goes to `folder`, or to one called `studio` in the run folder or here.

        Raises:
            GanlibError: there is no such generator, or it is damaged.
        """
        self.source = source.folder if isinstance(source, Run) else expand_home(source)
        self.generator, self.recipe = load_generator(self.source)
        self.generator.to(memory_format=torch.channels_last).to(detect().device)  # quicker on CPUs
        self.folder = expand_home(folder or (self.source if self.source.is_dir() else Path()) / "studio")

    @cached_property
    def model(self) -> str:
        """What tells this generator from all others."""
        return fingerprint(self.generator)

    @property
    def notes_file(self) -> Path:
        """Where names and favourites are kept: in the run folder, or else in the cache."""
        if self.source.is_dir():
            return self.source / "studio.json"
        return cache_folder() / "studio" / f"{self.model[:16]}.json"

    def generate(self, z: Tensor) -> Tensor:
        """Pictures (N, 3, S, S) in [-1, 1] of z (N, latent_dim)."""
        return generate(self.generator, z)

    def png(self, z: Tensor) -> bytes:
        """The picture of one z, (latent_dim,), encoded."""
        with one_thread():
            return encode(Image.fromarray(to_bytes(self.generate(z[None]))[0].numpy()))

    def thumbnails(self, z: Tensor, columns: int) -> bytes:
        """Small pictures of z, (N, latent_dim), side by side without gaps, encoded."""
        pictures = to_bytes(self.generate(z)).numpy()
        rows = -(-len(pictures) // columns)
        sheet = Image.new("RGBA", (columns * _THUMBNAIL, rows * _THUMBNAIL))
        for place, picture in enumerate(pictures):
            small = Image.fromarray(picture).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BICUBIC)
            sheet.paste(small, (place % columns * _THUMBNAIL, place // columns * _THUMBNAIL))
        return encode(sheet)


def encode(image: Image.Image) -> bytes:
    """The image as PNG, quickly."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=_QUICK)
    return buffer.getvalue()

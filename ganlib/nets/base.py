"""What every generator and every discriminator has in common: what goes in and what comes out."""

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError

SIZES = (32, 64, 128, 256, 512)


def check_size(size: int) -> None:
    """Raise `GanlibError` if `size` is not a power of two from 32 to 512."""
    if size not in SIZES:
        raise GanlibError(f"An image size of {size} px does not fit: choose a power of two from 32 to 512.")


class Generator(nn.Module):
    """A net `main` that paints pictures from noise.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, size, size) in [-1, 1].
    """

    def __init__(self, latent_dim: int, main: nn.Sequential) -> None:
        """`main` takes z as (N, latent_dim, 1, 1)."""
        super().__init__()
        self.latent_dim = latent_dim
        self.main = main

    def forward(self, z: Tensor) -> Tensor:
        """Paint z, (N, latent_dim) or (N, latent_dim, 1, 1), as (N, 3, size, size) in [-1, 1].

        Raises:
            GanlibError: z has another shape.
        """
        if z.shape[1:] not in {(self.latent_dim,), (self.latent_dim, 1, 1)}:
            raise GanlibError(
                f"This generator wants z of shape (N, {self.latent_dim}) or (N, {self.latent_dim}, 1, 1), "
                f"not {tuple(z.shape)}."
            )
        return self.main(z.reshape(-1, self.latent_dim, 1, 1))


class Discriminator(nn.Module):
    """A net `main` that tells real pictures from painted ones.

    Input: images, (N, 3, size, size) in [-1, 1]. Output: logits, (N,).
    """

    def __init__(self, size: int, main: nn.Sequential) -> None:
        """`main` gives one number a picture."""
        super().__init__()
        self.size = size
        self.main = main

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,) of images (N, 3, size, size): above zero means "real".

        Raises:
            GanlibError: the images have another shape.
        """
        if images.shape[1:] != (3, self.size, self.size):
            raise GanlibError(
                f"This discriminator wants images of shape (N, 3, {self.size}, {self.size}), "
                f"not {tuple(images.shape)}."
            )
        return self.main(images).flatten()

    def probability(self, images: Tensor) -> Tensor:
        """The probability (N,), from 0 to 1, that each of the images (N, 3, size, size) is real."""
        return torch.sigmoid(self(images))

"""What every generator and every discriminator has in common: what goes in and what comes out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.sizes import AnySize, Size, as_size


class Generator(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="ganlib",
    pipeline_tag="unconditional-image-generation",
    tags=["gan"],
):
    """Turn z into pictures by a net `main`; `from_pretrained` and `save_pretrained` work as on the Hub.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1].
    """

    def __init__(self, latent_dim: int, main: nn.Sequential) -> None:
        """Keep `main`, which takes z as (N, latent_dim, 1, 1)."""
        super().__init__()
        self.latent_dim = latent_dim
        self.main = main

    def forward(self, z: Tensor) -> Tensor:
        """Generate pictures (N, 3, H, W) in [-1, 1] from z, (N, latent_dim) or (N, latent_dim, 1, 1).

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
    """Tell real pictures from generated ones by a net `main`.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,).
    """

    def __init__(self, size: AnySize, main: nn.Sequential) -> None:
        """Keep `main`, which gives one number a picture."""
        super().__init__()
        self.size = as_size(size)
        self.main = main

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (N,) of images (N, 3, H, W): above zero means "real".

        Raises:
            GanlibError: the images have another shape.
        """
        if images.shape[1:] != (3, *self.size):
            raise GanlibError(
                f"This discriminator wants images of shape (N, 3, {self.size.height}, {self.size.width}), "
                f"not {tuple(images.shape)}."
            )
        return self.main(images).flatten()

    def probability(self, images: Tensor) -> Tensor:
        """Compute the probability (N,), from 0 to 1, that each of the images (N, 3, H, W) is real."""
        return torch.sigmoid(self(images))


def check_generator(generator: nn.Module, latent_dim: int, size: Size) -> None:
    """Raise `GanlibError` unless `generator` turns z (N, latent_dim) into pictures (N, 3, H, W).

    A net without a `latent_dim` of its own is given one, for sampling, directions and projection to use.
    """
    z, wanted = torch.zeros(2, latent_dim), (2, 3, *size)
    if (found := _shape_of(generator, z, "generator")) != wanted:
        raise GanlibError(
            f"Your generator makes {found} of z {tuple(z.shape)}: a recipe of {size} px wants {wanted}."
        )
    if not hasattr(generator, "latent_dim"):
        generator.latent_dim = latent_dim  # type: ignore[assignment]


def check_discriminator(discriminator: nn.Module, size: Size) -> None:
    """Raise `GanlibError` unless `discriminator` turns pictures (N, 3, H, W) into logits (N,)."""
    images = torch.zeros(2, 3, *size)
    if (found := _shape_of(discriminator, images, "discriminator")) != (2,):
        raise GanlibError(
            f"Your discriminator makes {found} of pictures {tuple(images.shape)}: let it return one logit a "
            "picture, (N,), for instance by `.flatten()` at its end."
        )


@torch.no_grad()
def _shape_of(net: nn.Module, x: Tensor, name: str) -> tuple[int, ...]:
    """Return the shape of what a net makes of `x`, without a trace in its statistics."""
    weight = next(net.parameters(), x)
    with in_eval(net):
        try:
            return tuple(net(x.to(weight.device)).shape)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            reason = str(error).partition("\n")[0]
            raise GanlibError(
                f"Your {name} does not take a tensor of shape {tuple(x.shape)}: {reason}."
            ) from error


@contextmanager
def in_eval(net: nn.Module) -> Iterator[None]:
    """Put a net into eval mode while entered; afterwards every layer is in the mode that it was in."""
    training = [layer for layer in net.modules() if layer.training]
    net.eval()
    try:
        yield
    finally:
        for layer in training:
            layer.training = True

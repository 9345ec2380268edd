"""What every generator and every discriminator has in common: what goes in and what comes out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganlib.errors import GanlibError
from ganlib.sizes import AnySize, Size, as_size

_TINY = 1e-8


class Generator(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="ganlib",
    pipeline_tag="unconditional-image-generation",
    tags=["gan"],
):
    """Turn z into pictures by a net `main`; `from_pretrained` and `save_pretrained` work as on the Hub.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1].

    With `classes`, the share of each class follows z into the net (Mirza & Osindero 2014, "Conditional
    generative adversarial nets"), from labels or from z of shape (N, latent_dim + classes), which then holds
    it. Where it is nowhere, or all zero, it is that of `chosen`, (classes,), if it is set; else z itself
    decides for a class, which come in the proportions `class_shares`, (classes,).
    """

    class_shares: Tensor

    def __init__(self, latent_dim: int, main: nn.Sequential, classes: int = 0) -> None:
        """Keep `main`, which takes z and the share of each class as (N, latent_dim + classes, 1, 1)."""
        super().__init__()
        self.latent_dim = latent_dim
        self.classes = classes
        self.chosen: Tensor | None = None
        self.main = main
        if classes:
            self.register_buffer("class_shares", torch.full((classes,), 1 / classes))

    def begin_from(self, smaller: Mapping[str, Tensor]) -> None:
        """Set layers that a smaller net of this family lacks, so that both paint alike."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate pictures (N, 3, H, W) in [-1, 1] from z, (N, latent_dim) or (N, latent_dim, 1, 1).

        `labels` are the numbers of classes, (N,), or the share of each class, (N, classes).

        Raises:
            GanlibError: z has another shape.
        """
        both = self.latent_dim + self.classes
        if z.shape[1:] not in {(self.latent_dim,), (self.latent_dim, 1, 1), (both,)}:
            raise GanlibError(
                f"This generator takes z of shape (N, {self.latent_dim}) or (N, {self.latent_dim}, 1, 1), "
                f"not {tuple(z.shape)}."
            )
        z = z.flatten(1)
        if self.classes:
            z, held = z[:, : self.latent_dim], z[:, self.latent_dim :]
            z = torch.cat([z, self._class_of(z, held) if labels is None else shares(labels, self.classes)], 1)
        return self.main(z[:, :, None, None])

    def _class_of(self, z: Tensor, held: Tensor) -> Tensor:
        """The share of each class, (N, classes), without labels: what z holds of it, or else by its sum."""
        if self.chosen is not None:
            drawn = self.chosen.to(z).expand(len(z), -1)
        else:
            even = torch.special.ndtr(z.sum(1, keepdim=True) / self.latent_dim**0.5)  # evenly from 0 to 1
            drawn = shares((even > self.class_shares.cumsum(0)[:-1]).sum(1), self.classes)
        total = held.sum(1, keepdim=True)
        return torch.where(total > 0, held / total.clamp(min=_TINY), drawn) if held.numel() else drawn


def shares(labels: Tensor, classes: int) -> Tensor:
    """Return the share of each class, (N, classes), of labels (N,); what is such a share already stays."""
    return labels if labels.ndim > 1 else one_hot(labels, classes).float()


class Discriminator(nn.Module):
    """Tell real pictures from generated ones by a net `main`.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,). With `classes`, a part of the logit is the
    product of the features with what was learnt of the picture's class (Miyato & Koyama 2018, "cGANs with
    projection discriminator").
    """

    def __init__(self, size: AnySize, main: nn.Sequential, classes: int = 0) -> None:
        """Keep `main`, which gives 1 + classes numbers a picture."""
        super().__init__()
        self.size = as_size(size)
        self.classes = classes
        self.main = main

    def begin_from(self, smaller: Mapping[str, Tensor]) -> None:
        """Set layers that a smaller net of this family lacks, so that both see alike."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Compute logits (N,) of images (N, 3, H, W): above zero means "real".

        `labels` are as for a `Generator`; without, the logits say nothing of the class.

        Raises:
            GanlibError: the images have another shape.
        """
        if images.shape[1:] != (3, *self.size):
            raise GanlibError(
                f"This discriminator takes images of shape (N, 3, {self.size.height}, {self.size.width}), "
                f"not {tuple(images.shape)}."
            )
        logits = self.main(images).flatten(1)  # (N, 1 + classes)
        if labels is None:
            return logits[:, 0]
        return logits[:, 0] + (logits[:, 1:] * shares(labels, self.classes)).sum(1)

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
            f"Your generator turns z {tuple(z.shape)} into {found}: a recipe of {size} px needs {wanted}."
        )
    if not hasattr(generator, "latent_dim"):
        generator.latent_dim = latent_dim  # type: ignore[assignment]


def check_discriminator(discriminator: nn.Module, size: Size) -> None:
    """Raise `GanlibError` unless `discriminator` turns pictures (N, 3, H, W) into logits (N,)."""
    images = torch.zeros(2, 3, *size)
    if (found := _shape_of(discriminator, images, "discriminator")) != (2,):
        raise GanlibError(
            f"Your discriminator turns pictures {tuple(images.shape)} into {found}: it must return one logit "
            "for each picture, (N,), for instance with `.flatten()` at its end."
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


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Compute no gradients for the weights of `net`."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)

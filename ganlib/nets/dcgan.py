"""The DCGAN family (Radford et al. 2016): every power of two from 32 to 512 pixels.

The layers stand in a `Sequential` called `main`, in the order of PyTorch's DCGAN example, so a plain
state dict saved by that example loads here unchanged.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganlib.errors import GanlibError
from ganlib.sizes import check_size

NORMS = ("batch", "spectral", "none")
_WIDEST = 8  # layers grow to eight times the width, as in the paper's 64 px nets, and no further
_LEAK = 0.2


def channels_by_resolution(size: int, width: int) -> list[int]:
    """Channels of the feature maps from 4x4 up to size/2 x size/2; 64 px, width 64: 512, 256, 128, 64.

    Raises:
        GanlibError: `size` is not a power of two from 32 to 512.
    """
    check_size(size)
    halvings = size.bit_length() - 4
    return [width * min(2**k, _WIDEST) for k in range(halvings, -1, -1)]


def init_weights(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02) and BatchNorm scales from N(1, 0.02); use with `net.apply`."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """Paint pictures from noise with transposed convolutions.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, size, size) in [-1, 1].
    Source: Radford et al. 2016, "Unsupervised representation learning with DCGANs".
    """

    def __init__(self, size: int = 64, latent_dim: int = 100, width: int = 64) -> None:
        """Raise `GanlibError` if `size` is not a power of two from 32 to 512."""
        super().__init__()
        self.latent_dim = latent_dim
        channels = channels_by_resolution(size, width)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim, channels[0], 4, 1, 0, bias=False),  # (N, latent_dim, 1, 1)
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),  # (N, channels[0], 4, 4)
        ]
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),  # twice as high and wide
            ]
        layers += [nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]  # (N, 3, size, size)
        self.main = nn.Sequential(*layers)
        self.apply(init_weights)

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
        return self.main(z.reshape(len(z), self.latent_dim, 1, 1))


class Discriminator(nn.Module):
    """Tell real pictures from painted ones with strided convolutions.

    Input: images, (N, 3, size, size) in [-1, 1]. Output: logits, (N,).
    `norm` stands in all layers but the first and the last: "batch" as in the DCGAN paper, "none"; or
    "spectral" in every layer (Miyato et al. 2018).
    """

    def __init__(self, size: int = 64, width: int = 64, norm: str = "batch") -> None:
        """Raise `GanlibError` if `size` or `norm` is not among those known."""
        super().__init__()
        self.size = size
        if norm not in NORMS:
            raise GanlibError(f"There is no norm '{norm}': choose one of {', '.join(NORMS)}.")
        channels = channels_by_resolution(size, width)[::-1]
        bias = norm != "batch"  # a BatchNorm that follows has a bias of its own
        layers: list[nn.Module] = [
            nn.Conv2d(3, channels[0], 4, 2, 1, bias=bias),
            nn.LeakyReLU(_LEAK, inplace=True),  # (N, width, size/2, size/2)
        ]
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=bias)]
            layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
            layers += [nn.LeakyReLU(_LEAK, inplace=True)]  # half as high and wide
        layers += [nn.Conv2d(channels[-1], 1, 4, 1, 0, bias=bias)]  # (N, 1, 1, 1)
        self.main = nn.Sequential(*layers)
        self.apply(init_weights)
        if norm == "spectral":
            for layer in self.main:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)

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

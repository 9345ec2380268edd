"""The DCGAN family (Radford et al. 2016), for every size that `ganlib.sizes` knows.

The layers stand in a `Sequential` called `main`, in the order of PyTorch's DCGAN example, so a plain
state dict saved by that example loads here unchanged.
"""

import itertools

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganlib.errors import GanlibError
from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.layers import MinibatchStdDev, initial_weights
from ganlib.sizes import AnySize, Size, as_size

GENERATOR_NORMS = ("batch", "none")
NORMS = ("batch", "spectral", "none")
_WIDEST = 8  # layers grow to eight times the width, as in the paper's 64 px nets, and no further
_LEAK = 0.2


def channels_by_resolution(size: Size, width: int) -> list[int]:
    """List the channels of the maps from the smallest to half the size; for 64 px: 512, 256, 128, 64."""
    return [width * min(2**k, _WIDEST) for k in range(size.doublings - 1, -1, -1)]


class DCGANGenerator(Generator):
    """Generate pictures from noise with transposed convolutions.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1].
    `norm` stands in all layers but the last: "batch" as in the paper, or "none". The last `resize_stages`
    of the stages enlarge and convolve instead, which leaves no checkerboard (Odena et al. 2016).
    Source: Radford et al. 2016, "Unsupervised representation learning with DCGANs".
    """

    def __init__(
        self,
        size: AnySize = 64,
        latent_dim: int = 100,
        width: int = 64,
        norm: str = "batch",
        *,
        resize_stages: int = 0,
        init: str = "normal",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or a word is not known."""
        if norm not in GENERATOR_NORMS:
            raise GanlibError(f"There is no norm '{norm}': choose one of {', '.join(GENERATOR_NORMS)}.")
        size = as_size(size)
        channels = channels_by_resolution(size, width)
        transposed = len(channels) - resize_stages
        bias = norm != "batch"  # a BatchNorm that follows has a bias of its own
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim + classes, channels[0], size.base, 1, 0, bias=bias)
        ]
        layers += [nn.BatchNorm2d(channels[0])] if norm == "batch" else []
        layers += [nn.ReLU(inplace=True)]  # (N, channels[0], h, w), the base of the size: 4, 4 at 64 px
        for stage, (before, after) in enumerate(itertools.pairwise(channels)):
            layers += enlarge(before, after, bias, resize=stage >= transposed)
            layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
            layers += [nn.ReLU(inplace=True)]  # twice as high and wide
        layers += enlarge(channels[-1], 3, bias=False, resize=resize_stages > 0)
        layers += [nn.Tanh()]  # (N, 3, H, W)
        super().__init__(latent_dim, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))


def enlarge(before: int, after: int, bias: bool, resize: bool) -> list[nn.Module]:
    """Build what doubles the sides of a map of `before` channels: one layer, or two that resize it first."""
    if resize:
        return [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, 1, 1, bias=bias)]
    return [nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias)]


class DCGANDiscriminator(Discriminator):
    """Tell real pictures from generated ones with strided convolutions.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,).
    `norm` stands in all layers but the first and the last: "batch" as in the DCGAN paper, "none"; or
    "spectral" in every layer (Miyato et al. 2018). `norm_first` puts a BatchNorm into the first layer too,
    `dropout` follows every layer between the first and the last, and `minibatch_stddev` tells the last one
    how much the pictures of a batch differ.
    """

    def __init__(
        self,
        size: AnySize = 64,
        width: int = 64,
        norm: str = "batch",
        *,
        norm_first: bool = False,
        dropout: float = 0.0,
        minibatch_stddev: bool = False,
        init: str = "normal",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if `size`, `norm` or `init` is not among those known."""
        if norm not in NORMS:
            raise GanlibError(f"There is no norm '{norm}': choose one of {', '.join(NORMS)}.")
        size = as_size(size)
        channels = channels_by_resolution(size, width)[::-1]
        bias = norm != "batch"  # a BatchNorm that follows has a bias of its own
        layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 4, 2, 1, bias=bias)]
        layers += [nn.BatchNorm2d(channels[0])] if norm_first and norm == "batch" else []
        layers += [nn.LeakyReLU(_LEAK, inplace=True)]  # (N, width, H/2, W/2)
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=bias)]
            layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
            layers += [nn.LeakyReLU(_LEAK, inplace=True)]  # half as high and wide
            layers += [nn.Dropout(dropout)] if dropout else []
        layers += [MinibatchStdDev()] if minibatch_stddev else []
        layers += [
            nn.Conv2d(channels[-1] + minibatch_stddev, 1 + classes, size.base, 1, 0, bias=bias)
        ]  # (N, 1 + classes, 1, 1)
        super().__init__(size, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))
        if norm == "spectral":
            for layer in self.main:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)

"""The resize-convolution family: enlarge, then convolve (Odena et al. 2016), as in 1391819/artGAN.

Nearest-neighbour enlargement gives every pixel the same share of every weight, so there is no checkerboard
as a transposed convolution leaves it when its kernel is not a multiple of its stride.
"""

import itertools
import math

from torch import nn

from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.layers import initial_weights
from ganlib.sizes import AnySize, Size, as_size

_TIMES_WIDTH = 4  # the generator is this many times `width` wide in every layer
_MOMENTUM = 0.2  # of the BatchNorm statistics; Keras calls it 0.8
_LEAK = 0.2
_STRIDED = 5
_SMALLEST = 2  # height and width of the last feature map: BatchNorm needs several values in a batch of one


class ResizeGenerator(Generator):
    """Generate pictures from noise by enlarging and convolving.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1]. At 64 px and
    width 64: a dense layer to (256, 4, 4), then four times twice the size and a 3x3 convolution.
    """

    def __init__(
        self,
        size: AnySize = 64,
        latent_dim: int = 100,
        width: int = 64,
        *,
        init: str = "default",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or `init` is not known."""
        size = as_size(size)
        channels = _TIMES_WIDTH * width
        layers: list[nn.Module] = [
            nn.Flatten(),  # (N, latent_dim + classes)
            nn.Linear(latent_dim + classes, channels * math.prod(size.base)),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (channels, *size.base)),  # (N, channels, h, w); 4, 4 at 64 px
        ]
        for _ in range(size.doublings):
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(channels, channels, 3, 1, 1),
                nn.BatchNorm2d(channels, momentum=_MOMENTUM),
                nn.ReLU(inplace=True),  # twice as high and wide
            ]
        layers += [nn.Conv2d(channels, 3, 3, 1, 1), nn.Tanh()]  # (N, 3, H, W)
        super().__init__(latent_dim, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))


class ResizeDiscriminator(Discriminator):
    """Tell real pictures from generated ones with five 3x3 convolutions of stride two, and dropout.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,). At width 64 the layers have 32, 64,
    128, 256 and 512 channels; BatchNorm stands in all but the first, dropout in all. At 32 px the last one
    has a stride of one.
    """

    def __init__(
        self,
        size: AnySize = 64,
        width: int = 64,
        *,
        dropout: float = 0.25,
        init: str = "default",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or `init` is not known."""
        size = side = as_size(size)
        channels = [3, *(max(1, width // 2) * 2**k for k in range(_STRIDED))]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            stride = 2 if min(side) > _SMALLEST else 1
            side = Size(-(-side.height // stride), -(-side.width // stride))  # rounded up
            layers += [nn.Conv2d(before, after, 3, stride, 1)]
            layers += [nn.BatchNorm2d(after, momentum=_MOMENTUM)] if before != channels[0] else []
            layers += [nn.LeakyReLU(_LEAK, inplace=True)]  # half as high and wide
            layers += [nn.Dropout(dropout)] if dropout else []
        layers += [nn.Flatten(), nn.Linear(channels[-1] * math.prod(side), 1 + classes)]
        super().__init__(size, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))

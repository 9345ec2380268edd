"""The sub-pixel family: large pictures for little arithmetic, by nets that are at most 128 px large inside.

D begins with one convolution whose stride is its kernel, so that every block of pixels becomes one place of a
map. G ends the other way round (the sub-pixel convolution of Shi et al. 2016, "Real-time single image and
video super-resolution"), and one light convolution at full size joins the blocks, so that no seams are left.
A net for a larger size has the layers of one for 128 px inside, and can start from its weights.
"""

import itertools
import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.dcgan import enlarge
from ganlib.nets.layers import MinibatchStdDev, initial_weights
from ganlib.sizes import AnySize, Size, as_size

_INSIDE = 128  # px; the longer side of the largest feature map is at most that
_MOST = 8  # channels are at most this many times `width`
_DRAWN = 8  # channels of a pixel before the last convolution
_LEAK = 0.2


def block_side(size: Size) -> int:
    """Return how many pixels a place of the largest feature map has along its side: 4 at 512 px."""
    return max(1, 2 ** math.ceil(math.log2(max(size) / _INSIDE)))


def channels_inside(size: Size, width: int) -> list[int]:
    """List the channels of the maps from the smallest to the largest: 8, 8, 4, 2, 1 and 1/2 times `width`."""
    doublings = size.doublings - block_side(size).bit_length() + 1
    return [max(1, _MOST * width // 2 ** max(0, k - 1)) for k in range(doublings + 1)]


class SubpixelGenerator(Generator):
    """Generate maps of at most 128 px, and make a block of pixels of every place.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1]. `resize_stages` is
    as for a `DCGANGenerator`.
    """

    def __init__(
        self,
        size: AnySize = 512,
        latent_dim: int = 128,
        width: int = 32,
        *,
        resize_stages: int = 0,
        init: str = "default",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or `init` is not known."""
        size = as_size(size)
        channels, side = channels_inside(size, width), block_side(size)
        transposed = len(channels) - 1 - resize_stages
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim + classes, channels[0], size.base, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),  # (N, channels[0], h, w); 4, 4 at 512 px
        ]
        for stage, (before, after) in enumerate(itertools.pairwise(channels)):
            layers += [
                *enlarge(before, after, bias=False, resize=stage >= transposed),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),  # twice as high and wide
            ]
        if side > 1:
            layers += [
                to_pixels := nn.ConvTranspose2d(channels[-1], _DRAWN, side, side),
                nn.LeakyReLU(_LEAK, inplace=True),  # (N, 8, H, W)
            ]
            start_blocks_even(to_pixels)
        layers += [nn.Conv2d(_DRAWN if side > 1 else channels[-1], 3, 3, 1, 1), nn.Tanh()]  # (N, 3, H, W)
        super().__init__(latent_dim, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))

    @torch.no_grad()
    def begin_from(self, smaller: Mapping[str, Tensor]) -> None:
        """Paint, at first, what a smaller net without blocks of pixels does, each of its pixels a block.

        The other layers have its weights already. Its last convolution is summed up for one place; what it
        gives passes the activation as a value and its opposite, since x = (leaky(x) - leaky(-x)) / 1.2.
        """
        last = max(int(name.split(".")[1]) for name in smaller if name.startswith("main."))
        weight, bias = smaller[f"main.{last}.weight"], smaller[f"main.{last}.bias"]
        to_pixels, to_colours = self.main[-4], cast(nn.Conv2d, self.main[-2])
        if not isinstance(to_pixels, nn.ConvTranspose2d) or weight.shape[1] != to_pixels.in_channels:
            return
        colours = weight.sum((2, 3))  # (3, channels)
        to_pixels.weight[:, :6] = torch.cat([colours, -colours]).T[:, :, None, None]
        cast(Tensor, to_pixels.bias)[:6] = torch.cat([bias, -bias])
        middle = torch.cat([torch.eye(3), -torch.eye(3), torch.zeros(3, _DRAWN - 6)], 1) / (1 + _LEAK)
        to_colours.weight.zero_()
        to_colours.weight[:, :, 1, 1] = middle
        cast(Tensor, to_colours.bias).zero_()


@torch.no_grad()
def start_blocks_even(to_pixels: nn.ConvTranspose2d) -> None:
    """Give all pixels of a block the same weights at first (Aitken et al. 2017), so that no grid shows."""
    to_pixels.weight.copy_(to_pixels.weight[:, :, :1, :1].expand_as(to_pixels.weight))


class SubpixelDiscriminator(Discriminator):
    """Tell real pictures from generated ones, of which each block of pixels becomes one place of a map.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,).
    """

    def __init__(
        self,
        size: AnySize = 512,
        width: int = 32,
        *,
        minibatch_stddev: bool = True,
        init: str = "default",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or `init` is not known."""
        size = as_size(size)
        channels, side = channels_inside(size, width)[::-1], block_side(size)
        layers: list[nn.Module] = [
            nn.Conv2d(3, channels[0], side, side) if side > 1 else nn.Conv2d(3, channels[0], 3, 1, 1),
            nn.LeakyReLU(_LEAK, inplace=True),
        ]
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 4, 2, 1),  # half as high and wide
                nn.LeakyReLU(_LEAK, inplace=True),
            ]
        layers += [MinibatchStdDev()] if minibatch_stddev else []
        layers += [nn.Conv2d(channels[-1] + minibatch_stddev, 1 + classes, size.base)]
        super().__init__(size, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))

    @torch.no_grad()
    def begin_from(self, smaller: Mapping[str, Tensor]) -> None:
        """See, at first, the mean of every block as a net without blocks sees a pixel."""
        weight, first = smaller["main.0.weight"], cast(nn.Conv2d, self.main[0])
        if first.kernel_size != first.stride or weight.shape[2:] != (3, 3):
            return
        mean = weight.sum((2, 3), keepdim=True) / math.prod(first.kernel_size)
        first.weight.copy_(mean.expand_as(first.weight))
        cast(Tensor, first.bias).copy_(smaller["main.0.bias"])

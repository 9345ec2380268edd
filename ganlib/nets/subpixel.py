"""The sub-pixel family: large pictures for little arithmetic, by nets that are at most 128 px large inside.

D begins with one convolution whose stride is its kernel, so that every block of pixels becomes one place of a
map. G ends by enlarging smooth maps bilinearly and choosing the colour of every pixel from their values: an
edge lies where a map crosses zero, also between two places, and is as sharp as the layers after it make it
(as in Green 2007, "Improved alpha-tested magnification for vector textures", with a map of distances).
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
_ENLARGED, _DRAWN = 16, 8  # channels of a pixel, enlarged and before the last convolution
_LEAK = 0.2


def block_side(size: Size) -> int:
    """Return how many pixels a place of the largest feature map has along its side: 4 at 512 px."""
    return max(1, 2 ** math.ceil(math.log2(max(size) / _INSIDE)))


def channels_inside(size: Size, width: int) -> list[int]:
    """List the channels of the maps from the smallest to the largest: 8, 8, 4, 2, 1 and 1/2 times `width`."""
    doublings = size.doublings - block_side(size).bit_length() + 1
    return [max(1, _MOST * width // 2 ** max(0, k - 1)) for k in range(doublings + 1)]


class SubpixelGenerator(Generator):
    """Generate maps of at most 128 px, enlarge them, and choose a colour for every pixel.

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
        layers += _to_pixels(channels[-1], side) if side > 1 else []
        layers += [nn.Conv2d(_DRAWN if side > 1 else channels[-1], 3, 3, 1, 1), nn.Tanh()]  # (N, 3, H, W)
        super().__init__(latent_dim, nn.Sequential(*layers), classes)
        self.apply(initial_weights(init))

    @torch.no_grad()
    def begin_from(self, smaller: Mapping[str, Tensor]) -> None:
        """Generate, at first, what a smaller net without blocks of pixels does, enlarged smoothly.

        The other layers have its weights already. Its last convolution is summed up for one place; what it
        gives passes each activation as a value and its opposite, since x = (leaky(x) - leaky(-x)) / 1.2.
        """
        last = max(int(name.split(".")[1]) for name in smaller if name.startswith("main."))
        weight, bias = smaller[f"main.{last}.weight"], smaller[f"main.{last}.bias"]
        to_maps, to_pixels, to_colours = (cast(nn.Conv2d, self.main[k]) for k in (-7, -4, -2))
        if not isinstance(to_maps, nn.Conv2d) or weight.shape[1] != to_maps.in_channels:
            return
        twice = torch.cat([torch.eye(3), -torch.eye(3)])  # a value and its opposite
        once = twice.T / (1 + _LEAK)
        _set_first(to_maps, twice @ weight.sum((2, 3)), twice @ bias)
        _set_first(to_pixels, twice @ once)
        to_colours.weight.zero_()
        to_colours.weight[:, :6, 1, 1] = once
        cast(Tensor, to_colours.bias).zero_()


def _to_pixels(channels: int, side: int) -> list[nn.Module]:
    """Build what makes `_DRAWN` channels of every pixel from maps whose places are `side` pixels wide."""
    return [
        nn.Conv2d(channels, _ENLARGED, 1),
        nn.Upsample(scale_factor=side, mode="bilinear"),
        nn.LeakyReLU(_LEAK, inplace=True),  # (N, 16, H, W)
        nn.Conv2d(_ENLARGED, _DRAWN, 1),
        nn.LeakyReLU(_LEAK, inplace=True),  # (N, 8, H, W)
    ]


def _set_first(layer: nn.Conv2d, weight: Tensor, bias: Tensor | float = 0.0) -> None:
    """Let the first outputs of a 1x1 convolution come from its first inputs alone."""
    outputs, inputs = weight.shape
    layer.weight[:outputs] = 0
    layer.weight[:outputs, :inputs] = weight[:, :, None, None]
    cast(Tensor, layer.bias)[:outputs] = bias


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

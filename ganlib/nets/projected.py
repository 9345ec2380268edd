"""Discriminator heads on the features of a frozen network (Sauer et al. 2021, "Projected GANs ...").

The network, EfficientNet-Lite0 trained on photographs, stays as it is. Its maps of three depths are mixed by
random 1x1 convolutions, which are fixed, too, so that no channel dominates; on each a small head of
convolutions says, place by place, what is real. The heads do not replace the discriminator of pixels here but
stand beside it, since it sees grain to which such a network is blind.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ganlib.nets.layers import MinibatchStdDev
from ganlib.nets.lite import load_lite

_DEPTHS = (1, 2, 4)  # stages of EfficientNet-Lite0 whose last maps are seen
_CHANNELS = (24, 40, 112)  # that they have, at a quarter, an eighth and a sixteenth of the side
_MIXED = 48
_WIDTH = 64
_SIDE = 128  # px; larger pictures are reduced to it
_LEAK = 0.2


class FrozenFeatures(nn.Module):
    """Compute the maps that a net trained on photographs has of pictures.

    Input: (N, 3, H, W) in [-1, 1]. Output: (N, 24, H/4, W/4), (N, 40, H/8, W/8), (N, 112, H/16, W/16).
    """

    def __init__(self) -> None:
        """Read the weights of EfficientNet-Lite0; raise `GanlibError` if they are not there."""
        super().__init__()
        net: Any = load_lite("lite0")
        self.stem = nn.Sequential(net.conv_stem, net.bn1)
        self.stages = nn.ModuleList(net.blocks[: _DEPTHS[-1] + 1])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the maps."""
        shrink = max(1, max(images.shape[2:]) // _SIDE)
        x = self.stem(nn.functional.avg_pool2d(images, shrink) if shrink > 1 else images)
        maps = []
        for depth, stage in enumerate(self.stages):
            x = stage(x)
            maps += [x] if depth in _DEPTHS else []
        return maps


class ProjectedHeads(nn.Module):
    """Tell real pictures from generated ones by maps of a frozen net.

    Input: the maps of `FrozenFeatures`. Output: logits, (N, places), the same number for each map.
    """

    std: Tensor

    def __init__(self) -> None:
        """Draw the mixing convolutions, which stay, and the heads."""
        super().__init__()
        self.mixers = nn.ModuleList(nn.Conv2d(channels, _MIXED, 1, bias=False) for channels in _CHANNELS)
        self.mixers.requires_grad_(False)
        self.heads = nn.ModuleList(_head(2 - k) for k in range(len(_CHANNELS)))
        self.register_buffer("std", torch.ones(len(_CHANNELS)))

    def scale(self, maps: Sequence[Tensor]) -> None:
        """Let `mix` bring maps such as these to a standard deviation of 1."""
        self.std.fill_(1)
        self.std.copy_(torch.stack([mixed.std() for mixed in self.mix(maps)]))

    def mix(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Mix the channels of each map of the frozen net, and scale it."""
        mixed = (mixer(one) for mixer, one in zip(self.mixers, maps, strict=True))
        return [one / std for one, std in zip(mixed, self.std, strict=True)]

    def forward(self, mixed: Sequence[Tensor]) -> Tensor:
        """Compute logits (N, places) of mixed maps."""
        return torch.cat([head(one).flatten(1) for head, one in zip(self.heads, mixed, strict=True)], 1)


def _head(halvings: int) -> nn.Sequential:
    """Build what makes a logit for every place of a sixteenth of the picture's side."""
    channels = [_MIXED, *(_WIDTH * 2**k for k in range(max(1, halvings)))]
    window = (4, 2, 1) if halvings else (3, 1, 1)  # kernel, stride, padding
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(channels):
        layers += [nn.Conv2d(before, after, *window), nn.LeakyReLU(_LEAK, inplace=True)]
    layers += [MinibatchStdDev(), nn.Conv2d(channels[-1] + 1, 1, 3, 1, 1)]
    return nn.Sequential(*layers)

"""Skip-layer excitation (Liu et al. 2021, "Towards faster and stabilized GAN training", the FastGAN paper).

A small early feature map decides, channel by channel, how loud a large late one is: a short way for the
gradient, and a hold of the picture's arrangement on its detail. The generator here is a light one of that
kind for sets of few pictures; its opponent is the DCGAN's.
"""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from ganlib.nets.base import Generator
from ganlib.nets.dcgan import channels_by_resolution
from ganlib.nets.layers import initial_weights
from ganlib.sizes import AnySize, Size, as_size

_APART = 4  # doublings between a small map and the one that it excites, sixteen times as large
_GRID = 4  # what the small map is averaged to
_LEAK = 0.1


class SkipExcitation(nn.Module):
    """Scale the channels of a large feature map by what a small one holds.

    Input: the large map (N, out, H, W), the small one (N, into, h, w). Output: (N, out, H, W).
    """

    def __init__(self, source: int, into: int, out: int) -> None:
        """`source` is the height of the small map; it has `into` channels, the large one `out`."""
        super().__init__()
        self.source = source
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(_GRID),  # (N, into, 4, 4)
            nn.Conv2d(into, out, _GRID),
            nn.LeakyReLU(_LEAK, inplace=True),  # (N, out, 1, 1)
            nn.Conv2d(out, out, 1),
            nn.Sigmoid(),
        )

    def forward(self, large: Tensor, small: Tensor) -> Tensor:
        """Scale every channel of the large map by a number between 0 and 1."""
        return large * self.gate(small)


def excitation(size: Size, stage: int, channels: Sequence[int], out: int) -> SkipExcitation:
    """Build what excites the map after `stage` doublings, `out` channels, by one of a sixteenth of its sides.

    The smallest map stands in where there is none so small. `channels` are those of every map.
    """
    source = max(0, stage - _APART)
    return SkipExcitation(size.base.height * 2**source, channels[source], out)


class Excited(nn.Sequential):
    """Layers one after the other, of which a `SkipExcitation` also sees the map of its source's height."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to x, (N, C, H, W)."""
        sources = {layer.source for layer in self if isinstance(layer, SkipExcitation)}
        seen: dict[int, Tensor] = {}
        for layer in self:
            x = layer(x, seen[layer.source]) if isinstance(layer, SkipExcitation) else layer(x)
            if x.shape[2] in sources:
                seen[x.shape[2]] = x
        return x


class ExcitedGenerator(Generator):
    """Generate pictures from noise by enlarging and convolving, detail held by an early map.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1]. Every stage
    doubles the side, convolves 3x3, normalises, and lets one half of the channels gate the other (GLU).
    """

    def __init__(
        self,
        size: AnySize = 64,
        latent_dim: int = 100,
        width: int = 64,
        *,
        init: str = "normal",
        classes: int = 0,
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built, or `init` is not known."""
        size = as_size(size)
        channels = [*channels_by_resolution(size, width), max(1, width // 2)]  # from the smallest map on
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim + classes, 2 * channels[0], size.base, 1, 0, bias=False),
            nn.BatchNorm2d(2 * channels[0]),
            nn.GLU(1),  # (N, channels[0], h, w); 4, 4 at 64 px
        ]
        for stage, (before, after) in enumerate(itertools.pairwise(channels), 1):
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(before, 2 * after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(2 * after),
                nn.GLU(1),  # (N, after, ...), twice as high and wide
            ]
            if stage >= min(size.doublings, _APART):
                layers.append(excitation(size, stage, channels, after))
        layers += [nn.Conv2d(channels[-1], 3, 3, 1, 1), nn.Tanh()]  # (N, 3, H, W)
        super().__init__(latent_dim, Excited(*layers), classes)
        self.apply(initial_weights(init))

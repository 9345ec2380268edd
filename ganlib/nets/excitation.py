"""Skip-layer excitation (Liu et al. 2021, "Towards faster and stabilized GAN training", the FastGAN paper).

A small early feature map decides, channel by channel, how loud a large late one is: a short way for the
gradient, and a hold of the picture's arrangement on its detail. The generator here is a light one of that
kind for sets of few pictures; its opponent is the DCGAN's.
"""

import itertools

from torch import Tensor, nn

from ganlib.nets.base import Generator
from ganlib.nets.dcgan import channels_by_resolution
from ganlib.nets.layers import initial_weights
from ganlib.sizes import check_size

_FIRST = 4  # height and width of the first feature map
_APART = 16  # how many times larger the map is that a small one excites
_GRID = 4  # what the small map is averaged to
_LEAK = 0.1


def source_of(side: int) -> int:
    """Return the side, in pixels, of the map that excites those of `side`: a sixteenth, 4 at least."""
    return max(_FIRST, side // _APART)


class SkipExcitation(nn.Module):
    """Scale the channels of a large feature map by what a small one holds.

    Input: the large map (N, out, H, W), the small one (N, into, h, w). Output: (N, out, H, W).
    """

    def __init__(self, source: int, into: int, out: int) -> None:
        """`source` is the side of the small map; it has `into` channels, the large one `out`."""
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


class Excited(nn.Sequential):
    """Layers one after the other, of which a `SkipExcitation` also sees the map of its source's side."""

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

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, size, size) in [-1, 1]. Every stage
    doubles the side, convolves 3x3, normalises, and lets one half of the channels gate the other (GLU).
    """

    def __init__(
        self, size: int = 64, latent_dim: int = 100, width: int = 64, *, init: str = "normal"
    ) -> None:
        """Raise `GanlibError` if `size` is not a power of two from 32 to 512, or `init` not known."""
        check_size(size)
        channels = [*channels_by_resolution(size, width), max(1, width // 2)]  # 4x4 to size x size
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(latent_dim, 2 * channels[0], _FIRST, 1, 0, bias=False),
            nn.BatchNorm2d(2 * channels[0]),
            nn.GLU(1),  # (N, channels[0], 4, 4)
        ]
        side = _FIRST
        for before, after in itertools.pairwise(channels):
            side *= 2
            layers += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(before, 2 * after, 3, 1, 1, bias=False),
                nn.BatchNorm2d(2 * after),
                nn.GLU(1),  # (N, after, side, side)
            ]
            if side >= min(size, _FIRST * _APART):
                source = source_of(side)
                layers.append(SkipExcitation(source, channels[(source // _FIRST).bit_length() - 1], after))
        layers += [nn.Conv2d(channels[-1], 3, 3, 1, 1), nn.Tanh()]  # (N, 3, size, size)
        super().__init__(latent_dim, Excited(*layers))
        self.apply(initial_weights(init))

"""The residual family: no normalisation anywhere, and a start at which every block does nothing.

Blocks, branch and start follow Huang et al. 2024, "The GAN is dead; long live the GAN!", with plain dense
convolutions where they have grouped ones, and Zhang et al. 2019, "Fixup initialization"; from 128 px on,
small feature maps of G excite large ones (Liu et al. 2021).
"""

import itertools

from torch import Tensor, nn
from torch.nn.functional import interpolate

from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.excitation import Excited, excitation
from ganlib.sizes import AnySize, Size, as_size

_WIDEST = 384  # channels: they double as the side halves, up to here
_LEAK = 0.2
_HE = (2 / (1 + _LEAK**2)) ** 0.5  # what a leaky ReLU takes away (He et al. 2015)
_LAYERS = 3  # convolutions in a block
_EXCITED_FROM = 5  # doublings: 128 px where the smallest map has 4
_OUTPUT_GAIN = 0.1  # so that G starts near grey, where Tanh is not yet flat


def channels_by_stage(size: Size, width: int) -> list[int]:
    """List the channels of the maps from the smallest to the full size; for 64 px: 384, 384, 256, 128, 64.

    Each stage then does the same arithmetic, but for those with the most channels, which do less.
    """
    return [max(width, min(width * 2**k, _WIDEST)) for k in range(size.doublings, -1, -1)]


class ResidualBlock(nn.Module):
    """x plus what three convolutions make of it: 1x1, 3x3, 1x1, leaky in between, nothing normalised.

    Input and output: (N, channels, H, W). The last convolution starts at zero, and the others L^(-1/4) as
    large as He et al. 2015 have them, L the number of blocks in the net: then the net's output changes as
    much in a step as that of one block would, however deep it is (Zhang et al. 2019).
    """

    def __init__(self, channels: int, blocks: int) -> None:
        """`blocks` is how many there are in the net."""
        super().__init__()
        gain = _HE * blocks ** (-1 / (2 * _LAYERS - 2))
        self.branch = nn.Sequential(
            scaled(nn.Conv2d(channels, channels, 1), gain),
            nn.LeakyReLU(_LEAK, inplace=True),
            scaled(nn.Conv2d(channels, channels, 3, 1, 1), gain),
            nn.LeakyReLU(_LEAK, inplace=True),
            scaled(nn.Conv2d(channels, channels, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the branch to x, (N, channels, H, W)."""
        return x + self.branch(x)


class Resize(nn.Module):
    """Twice or half as high and wide, and a 1x1 convolution where the number of channels changes.

    Input: (N, before, H, W). Output: (N, after, 2H, 2W) or (N, after, H/2, W/2).
    """

    def __init__(self, before: int, after: int, factor: float) -> None:
        """`factor` is 2 or 0.5; what is halved is averaged."""
        super().__init__()
        self.factor = factor
        self.channels = nn.Identity() if before == after else scaled(nn.Conv2d(before, after, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Resize x, and convolve where the map is small."""
        if self.factor > 1:
            return _resized(self.channels(x), self.factor)
        return self.channels(_resized(x, self.factor))


def _resized(x: Tensor, factor: float) -> Tensor:
    """Bilinear; at a half that is the mean of four."""
    return interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def scaled(layer: nn.Conv2d | nn.ConvTranspose2d, gain: float = 1.0) -> nn.Module:
    """Draw the layer's weights from N(0, gain / sqrt(fan in)), and set its biases to zero."""
    fan_in = layer.in_channels * (1 if layer.transposed else layer.weight[0, 0].numel())
    nn.init.normal_(layer.weight, 0.0, gain / fan_in**0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class ResidualGenerator(Generator):
    """Generate pictures from noise with residual blocks.

    Input: z, (N, latent_dim) or (N, latent_dim, 1, 1). Output: (N, 3, H, W) in [-1, 1].
    """

    def __init__(
        self, size: AnySize = 64, latent_dim: int = 100, width: int = 64, *, classes: int = 0
    ) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built."""
        size = as_size(size)
        channels = channels_by_stage(size, width)
        layers: list[nn.Module] = [
            scaled(nn.ConvTranspose2d(latent_dim + classes, channels[0], size.base, 1, 0))
        ]
        layers += [ResidualBlock(channels[0], len(channels))]  # (N, channels[0], h, w); 4, 4 at 64 px
        for stage, (before, after) in enumerate(itertools.pairwise(channels), 1):
            layers += [
                Resize(before, after, 2),
                ResidualBlock(after, len(channels)),
            ]  # twice as high and wide
            if stage >= _EXCITED_FROM:
                layers.append(excitation(size, stage, channels, after))
        last = scaled(nn.Conv2d(channels[-1], 3, 1), _OUTPUT_GAIN)
        super().__init__(latent_dim, Excited(*layers, last, nn.Tanh()), classes)  # (N, 3, H, W)


class ResidualDiscriminator(Discriminator):
    """Tell real pictures from generated ones with residual blocks, the generator's mirror image.

    Input: images, (N, 3, H, W) in [-1, 1]. Output: logits, (N,).
    """

    def __init__(self, size: AnySize = 64, width: int = 64, *, classes: int = 0) -> None:
        """Raise `GanlibError` if nets of this `size` cannot be built."""
        size = as_size(size)
        channels = channels_by_stage(size, width)[::-1]
        layers: list[nn.Module] = [scaled(nn.Conv2d(3, channels[0], 1))]  # (N, width, H, W)
        layers += [ResidualBlock(channels[0], len(channels))]
        for before, after in itertools.pairwise(channels):
            layers += [
                Resize(before, after, 0.5),
                ResidualBlock(after, len(channels)),
            ]  # half as high and wide
        layers += [
            nn.LeakyReLU(_LEAK, inplace=True),
            scaled(nn.Conv2d(channels[-1], 1 + classes, size.base)),
        ]  # (N, 1 + classes, 1, 1)
        super().__init__(size, nn.Sequential(*layers), classes)

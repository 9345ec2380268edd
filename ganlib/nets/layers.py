"""Layers and initial weights that several families of nets share."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError


def draw_normal(module: nn.Module) -> None:
    """Draw convolutions and linear layers from N(0, 0.02), BatchNorm scales from N(1, 0.02), no biases.

    Use with `net.apply`. Source: Radford et al. 2016.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def leave_as_built(module: nn.Module) -> None:
    """Keep what PyTorch drew when the layer was built (He et al. 2015, scaled down)."""


INITIAL_WEIGHTS: dict[str, Callable[[nn.Module], None]] = {
    "normal": draw_normal,
    "default": leave_as_built,
}


def initial_weights(name: str) -> Callable[[nn.Module], None]:
    """Return the way to draw initial weights called `name`.

    Raises:
        GanlibError: there is no such way.
    """
    if name not in INITIAL_WEIGHTS:
        raise GanlibError(f"There is no init '{name}': choose one of {', '.join(INITIAL_WEIGHTS)}.")
    return INITIAL_WEIGHTS[name]


_GROUP = 8  # pictures that are looked at together; where they cannot be shared out evenly, all are
_TINY = 1e-8


class MinibatchStdDev(nn.Module):
    """Add a channel that says how much the pictures of a group differ: a collapsed G gives itself away.

    Input: (N, C, H, W). Output: (N, C + 1, H, W); the new channel is the standard deviation over the group,
    averaged over channels and places.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Add the channel to x, (N, C, H, W)."""
        size = _GROUP if len(x) % _GROUP == 0 else len(x)
        groups = x.float().unflatten(0, (size, -1))  # (size, groups, C, H, W)
        variance = (groups - groups.mean(0)).square().mean(0)  # on a CPU five times as fast as var
        deviation = (variance + _TINY).sqrt().mean((1, 2, 3), keepdim=True)
        channel = deviation.to(x.dtype).repeat(size, 1, *x.shape[2:])  # (N, 1, H, W)
        return torch.cat([x, channel], 1)

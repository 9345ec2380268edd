"""Initial weights."""

from collections.abc import Callable

from torch import nn

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
    """The way to draw initial weights called `name`.

    Raises:
        GanlibError: there is no such way.
    """
    if name not in INITIAL_WEIGHTS:
        raise GanlibError(f"There is no init '{name}': choose one of {', '.join(INITIAL_WEIGHTS)}.")
    return INITIAL_WEIGHTS[name]

"""The families of nets that a recipe can name: a new one is a file beside this and a line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, TypeVar

from torch import nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Discriminator, Generator
from ganlib.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from ganlib.nets.excitation import ExcitedGenerator
from ganlib.nets.residual import ResidualDiscriminator, ResidualGenerator
from ganlib.nets.resize import ResizeDiscriminator, ResizeGenerator
from ganlib.nets.subpixel import SubpixelDiscriminator, SubpixelGenerator

T = TypeVar("T", bound=nn.Module)

# Options of the nets, and the value that a recipe must have where its family does not take one.
_OPTIONS: dict[str, object] = {
    "width": 64,
    "init": "default",
    "g_norm": "none",
    "d_norm": "none",
    "d_norm_first": False,
    "d_dropout": 0.0,
    "minibatch_stddev": False,
    "resize_stages": 0,
}


@dataclass(frozen=True)
class Family:
    """Two nets, a sentence about them, and what they do where they leave a recipe no choice.

    Each argument of a net's `__init__` is filled from the field of the recipe with the same name, or with
    that name after "g_" or "d_": `norm` of G is `g_norm`.
    """

    generator: type[Generator]
    discriminator: type[Discriminator]
    about: str
    fixed: Mapping[str, object] = field(default_factory=dict)


FAMILIES = {
    "dcgan": Family(
        DCGANGenerator,
        DCGANDiscriminator,
        "Transposed convolutions in G, strided ones in D, both 4x4 (Radford et al. 2016).",
    ),
    "excited": Family(
        ExcitedGenerator,
        DCGANDiscriminator,
        "In G a small map scales the channels of large ones (Liu et al. 2021); D is a DCGAN's.",
        {"g_norm": "batch"},
    ),
    "residual": Family(
        ResidualGenerator,
        ResidualDiscriminator,
        "Residual blocks that start at zero, and no normalisation (Huang et al. 2024).",
    ),
    "resize": Family(
        ResizeGenerator,
        ResizeDiscriminator,
        "G enlarges and convolves, which leaves no checkerboard; D has five 3x3 convolutions.",
        {"g_norm": "batch", "d_norm": "batch"},
    ),
    "subpixel": Family(
        SubpixelGenerator,
        SubpixelDiscriminator,
        "At most 128 px inside; G enlarges its maps, then gives each pixel a colour (Green 2007).",
        {"g_norm": "batch"},
    ),
}


def build_generator(family: str, values: Mapping[str, Any]) -> Generator:
    """Build the generator of a family with random weights, from a recipe's values."""
    return _build(FAMILIES[family].generator, "g_", values)


def build_discriminator(family: str, values: Mapping[str, Any]) -> Discriminator:
    """Build the discriminator of a family with random weights, from a recipe's values."""
    return _build(FAMILIES[family].discriminator, "d_", values)


def check_options(family: str, values: Mapping[str, Any]) -> None:
    """Raise `GanlibError` if a recipe sets an option that the nets of its family do not have."""
    chosen = FAMILIES[family]
    taken = {_field(name, "g_", values) for name in _parameters(chosen.generator)}
    taken |= {_field(name, "d_", values) for name in _parameters(chosen.discriminator)}
    for name, usual in _OPTIONS.items():
        only = chosen.fixed.get(name, usual)
        if name not in taken and values[name] != only:
            raise GanlibError(
                f"The family '{family}' takes only one {name}: set it to {only!r}, not {values[name]!r}."
            )


def _build(net: type[T], prefix: str, values: Mapping[str, Any]) -> T:
    known = {name: _field(name, prefix, values) for name in _parameters(net)}
    return net(**{name: values[field] for name, field in known.items() if field})


def _parameters(net: type[nn.Module]) -> list[str]:
    return list(signature(net.__init__).parameters)[1:]  # without self


def _field(name: str, prefix: str, values: Mapping[str, Any]) -> str | None:
    """Find the recipe's field for an argument of a net; an argument without one keeps its default."""
    return next((known for known in (prefix + name, name) if known in values), None)

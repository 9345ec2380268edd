"""Transfer learning: a run begins with the weights of a trained model (Wang et al. 2018, Mo et al. 2020).

D's first layers and G's last ones know edges and colours, which all pictures have; what the others know of
shapes helps with pictures of the same kind. benchmarks/RESULTS.md says where it pays, and where it does not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.nets.base import Discriminator, Generator
from ganlib.run import Run
from ganlib.training.checkpoint import read_checkpoint
from ganlib.training.state import TrainingState
from ganlib.weights import find_weights, load_generator, locate

_LEAST = 0.5  # of a net's tensors
_LAYER = re.compile(r"main\.(\d+)\.")


def start_from(state: TrainingState, source: str | Path) -> str:
    """Begin with what fits of a trained model's weights; returns a sentence that says how much did.

    `source` is a run folder, a shared folder, a weights file, the name of bundled weights, or "owner/name" on
    the Hub. Run folders and bundled weights hold a discriminator, too; with any other source D begins anew.

    Raises:
        GanlibError: there is no such model, it is damaged, or less than half of the generator's weights fit;
            layers of D are to be frozen, and no D fits.
    """
    nets, name, found = state.nets(), source, locate(source)
    generator, discriminator = load_generator(found)[0].state_dict(), _discriminator(found)
    share = share_that_fits(nets["generator"], generator)
    if share < _LEAST:
        raise GanlibError(
            f"'{name}' has weights for only {share:.0%} of this generator: start from a model of the same "
            f"family and width as the recipe '{state.recipe.name}', or train without it."
        )
    for net in (nets["generator"], state.ema.generator):
        copy_fitting(net, generator)
    d_share = share_that_fits(nets["discriminator"], discriminator)
    if d_share >= _LEAST:
        copy_fitting(nets["discriminator"], discriminator)
    elif state.recipe.freeze_d:
        raise GanlibError(
            f"'{name}' has no discriminator that fits, so there are no layers to freeze: set freeze_d=0."
        )
    d_text = f"{d_share:.0%} of D" if d_share >= _LEAST else "D starts from random weights"
    return f"Started from '{name}': {share:.0%} of G, {d_text}."


def _discriminator(source: str | Path) -> Mapping[str, Tensor]:
    """Read the weights of D where they are kept: in a run's checkpoint, or below those of G."""
    if checkpoints := Run(source).checkpoints:
        return cast(dict[str, Tensor], read_checkpoint(checkpoints[0])["discriminator"])
    weights = find_weights(source)
    beside = weights.parent / "discriminators" / weights.name
    return load_file(beside) if beside.is_file() else {}


def share_that_fits(net: nn.Module, weights: Mapping[str, Tensor]) -> float:
    """Return the share of the net's tensors that have a counterpart in `weights`."""
    own = net.state_dict()
    return len(_counterparts(own, weights)) / len(own)


@torch.no_grad()
def copy_fitting(net: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy into `net`, in place, every tensor of `weights` that has its counterpart there."""
    own = net.state_dict()
    found = _counterparts(own, weights)
    for name, theirs in found.items():
        own[name].copy_(weights[theirs])
    if isinstance(net, Generator | Discriminator) and len(found) < len(own):
        net.begin_from(weights)


def _counterparts(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Find for a net's tensors those of the same shape and name, or of the same place counted from the end.

    A net for larger pictures has a stage more in its middle, so that its last layers are called otherwise.
    """
    shift = max(map(_place, own)) - max(map(_place, weights), default=0)
    found: dict[str, str] = {}
    for name, tensor in own.items():
        from_the_end = _LAYER.sub(f"main.{_place(name) - shift}.", name)
        for theirs in (name, from_the_end):
            if theirs in weights and weights[theirs].shape == tensor.shape:
                found.setdefault(name, theirs)
    return found


def _place(name: str) -> int:
    layer = _LAYER.match(name)
    return int(layer[1]) if layer else 0

"""Nets turned into faster code by torch.compile, for those who ask for it."""

import inspect

import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.training.state import TrainingState


def check_compiler(device: torch.device) -> None:
    """Compile a line on `device`; raise `GanlibError` if that does not work.

    It takes a few seconds, which the nets then need less.
    """
    try:
        torch.compile(_probe, dynamic=False)(torch.ones(2, device=device))
    except Exception as error:  # each platform and version fails in a way of its own
        raise GanlibError(
            f"torch.compile does not work here ({_reason(error)}): leave out --compile, in Python "
            f"compiled=True, or install {_wanted(device)}."
        ) from error


def compile_nets(state: TrainingState) -> None:
    """Compile, in place, the nets of `state` that no gradient penalty passes through.

    That is G, and D where the recipe has no penalty, for torch.compile cannot differentiate twice. Names of
    weights, checkpoints and the average stay as they are: a compiled run and a plain one go on with each
    other's checkpoints. They agree but for rounding, in bf16 that of bf16; dropout may draw other numbers. A
    net whose BatchNorm is synchronised between processes is left alone. Two shapes are compiled, a whole
    batch and the last one of an epoch: about a minute on two CPU cores.

    On CUDA each compiled part is replayed as a CUDA graph, whose results are overwritten in the next step, so
    `Game` announces each. Within a step the fakes and what D keeps of its passes are all alive and stay
    in place; nothing that is read later is left there, for losses are copied, and gradients forgotten before
    each backward pass. Frozen weights and the shorter batch have graphs of their own.

    On a CPU it brings nothing, as benchmarks/RESULTS.md shows; on a GPU it has not been measured.
    """
    state.replayed = state.accelerator.device.type == "cuda"
    mode = "reduce-overhead" if state.replayed else None
    for net in (state.generator, *(() if any(state.recipe.penalty) else (state.discriminator,))):
        if not any(isinstance(layer, nn.SyncBatchNorm) for layer in net.modules()):
            net.compile(mode=mode, dynamic=False, **_own_versions())


def _own_versions() -> dict[str, bool]:
    """Let no other run in this process use up the number of versions that torch keeps, where it can."""
    name = "isolate_recompiles"  # older versions of torch do not know it
    return {name: True} if name in inspect.signature(torch.compile).parameters else {}


def _probe(x: Tensor) -> Tensor:
    return x.sin() + 1


def _reason(error: Exception) -> str:
    """The first line that torch's long text has."""
    return str(error).strip().partition("\n")[0].rstrip(".:") or type(error).__name__


def _wanted(device: torch.device) -> str:
    return "Triton and a C compiler" if device.type == "cuda" else "a C++ compiler, such as g++"

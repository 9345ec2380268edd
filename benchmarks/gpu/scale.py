"""The real thing on a GPU, or a rehearsal of it on a CPU, in which everything is as small as can be."""

from dataclasses import dataclass, replace

import torch

from ganlib.recipes import Recipe
from ganlib.runtime.device import detect

_SMALL = 64  # px


@dataclass(frozen=True)
class Scale:
    """How long and how large everything is; the first of the `precisions` is the device's own."""

    device: str
    precisions: tuple[str, ...]
    seconds: float  # of one measurement of speed
    training: dict[str, float]  # seconds of one training, by part
    batches: tuple[int, ...]  # of the nets that are widened
    compiled: tuple[str, ...]  # recipes to compile, as CUDA graphs where there is CUDA
    compiling: float  # seconds that it takes at most
    raced: str  # the recipe of the loops
    jpegs: int
    epochs: int
    samples: int  # for KID
    shrinks: bool = False

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe, in a rehearsal with narrow nets for small pictures."""
        if not self.shrinks:
            return recipe
        size = _SMALL if max(recipe.shape) > _SMALL else recipe.size
        return replace(recipe, size=size, width=4, batch_size=4)

    def synchronise(self) -> None:
        """Wait until the device has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


def real(own: str = "") -> Scale:
    """Return what is measured on a GPU, whose `own` precision is that of this machine's unless told."""
    own = own or detect("cuda").precision
    return Scale(
        device="cuda",
        precisions=("bf16", "fp16", "fp32") if own == "bf16" else (own, "fp32"),
        seconds=1.0,
        training={"quality": 20, "canvas": 18},
        batches=(64, 128, 256),
        compiled=("modern64-cpu", "portraits64", "modern64"),
        compiling=30,
        raced="portraits64",
        jpegs=512,
        epochs=40,
        samples=500,
    )


PRETENDED = Scale(
    device="cpu",
    precisions=("bf16", "fp32"),
    seconds=0.05,
    training={"quality": 0.5, "canvas": 0.5},
    batches=(8,),
    compiled=("portraits64-cpu",),
    compiling=30,
    raced="portraits64-cpu",
    jpegs=24,
    epochs=2,
    samples=40,
    shrinks=True,
)

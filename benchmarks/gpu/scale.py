"""The real thing on a GPU, or a rehearsal of it on a CPU, in which everything is as small as can be."""

from dataclasses import dataclass, replace

import torch

from ganlib.recipes import Recipe

_SMALL = 64  # px


@dataclass(frozen=True)
class Scale:
    """How long and how large everything is."""

    device: str
    precisions: tuple[str, ...]
    seconds: float  # of one measurement of speed
    warm_up: int  # steps before it
    training: float  # seconds of one training, at most
    limits: dict[str, int]  # seconds of each part
    batches: tuple[int, ...]  # of the nets that are widened
    compiled: tuple[str, ...]  # recipes to compile, as CUDA graphs where there is CUDA
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


REAL = Scale(
    device="cuda",
    precisions=("bf16", "fp16", "fp32"),
    seconds=1.0,
    warm_up=8,
    training=60,
    limits={"tests": 60, "steps": 150, "loops": 60, "quality": 150, "canvas": 60},
    batches=(64, 128, 256),
    compiled=("modern64-cpu", "portraits64", "modern64"),
    raced="portraits64",
    jpegs=512,
    epochs=60,
    samples=500,
)
PRETENDED = Scale(
    device="cpu",
    precisions=("bf16", "fp32"),
    seconds=0.05,
    warm_up=1,
    training=0.5,
    limits=dict.fromkeys(REAL.limits, 140),
    batches=(8,),
    compiled=("portraits64-cpu",),
    raced="portraits64-cpu",
    jpegs=24,
    epochs=2,
    samples=40,
    shrinks=True,
)

"""Training steps a second with channels first and channels last in memory, same nets, same batch.

`python -m benchmarks.layout` prints a table; ganlib takes the layout that is faster on the kind of device.
"""

import argparse
import statistics
import time

import torch
from accelerate.utils import convert_outputs_to_fp32
from torch import nn

from benchmarks.machine import TYPES, describe, table
from ganlib.augment import Augment
from ganlib.losses import gradient_penalty
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.runtime.device import PRECISIONS, Machine, detect
from ganlib.training.steps import discriminator_step, generator_step

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
_WARM = 8  # steps


class Players:
    """G and D of a recipe with their optimisers, in one layout, as they learn on one machine."""

    def __init__(self, recipe: Recipe, layout: torch.memory_format, machine: Machine) -> None:
        """Nets and one batch of pictures, on the device."""
        self.recipe = recipe
        self.device = machine.device
        self.augment = Augment(recipe.augment, recipe.augment_p[1])
        self.generator = recipe.generator().to(self.device).to(memory_format=layout)
        self.discriminator = recipe.discriminator().to(self.device).to(memory_format=layout)
        for net in (self.generator, self.discriminator):
            _mix(net, machine)
        self.g_adam = torch.optim.Adam(self.generator.parameters(), recipe.g_lr, recipe.betas, fused=True)
        self.d_adam = torch.optim.Adam(self.discriminator.parameters(), recipe.d_lr, recipe.betas, fused=True)
        shape = (recipe.batch_size, 3, *recipe.shape)
        self.real = torch.rand(shape, device=self.device).to(memory_format=layout) * 2 - 1

    def seconds(self, step: int) -> float:
        """Time one step, with R1 and R2 if the recipe has them in this one; no scaler of gradients."""
        began = time.perf_counter()
        loss = self.recipe.adversarial_loss()
        fake = self._paint()
        penalty = self._penalty(fake, step)
        discriminator_step(
            self.discriminator,
            self.d_adam,
            loss,
            self.real,
            fake,
            self.augment,
            lambda value: (value + penalty).backward(),
        )
        fake = self._paint() if self.recipe.fakes == "fresh" else fake
        pairs = self.real if loss.of_pairs else None
        generator_step(
            self.discriminator, self.g_adam, loss, fake, self.augment, real=pairs
        ).item()  # waits for the device
        return time.perf_counter() - began

    def _paint(self) -> torch.Tensor:
        return self.generator(torch.randn(self.recipe.batch_size, self.recipe.latent_dim, device=self.device))

    def _penalty(self, fake: torch.Tensor, step: int) -> torch.Tensor:
        if not any(self.recipe.penalty) or step % self.recipe.penalty_every:
            return torch.zeros((), device=self.device)
        main = self.discriminator.main  # in fp32
        r1, r2 = (gradient_penalty(main, images, self.augment) for images in (self.real, fake))
        return self.recipe.penalty[0] / 2 * self.recipe.penalty_every * (r1 + r2)


def _mix(net: nn.Module, machine: Machine) -> None:
    """What accelerate does to a net: autocast in every forward pass, and what comes out in fp32."""
    if machine.precision != "no":
        mixed = torch.autocast(machine.device.type, TYPES[machine.precision])
        net.forward = convert_outputs_to_fp32(mixed(net.forward))


def rate(recipe: Recipe, layout: torch.memory_format, machine: Machine, steps: int) -> float:
    """Measure pictures a second over `steps` steps of both players, after eight to warm up."""
    players = Players(recipe, layout, machine)
    times = [players.seconds(step) for step in range(_WARM + steps)][_WARM:]
    return recipe.batch_size / statistics.mean(times)


def main() -> None:
    """Measure recipes in both layouts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="all of them, unless told")
    parser.add_argument("--device")
    parser.add_argument("--precision", choices=PRECISIONS)
    about = "a multiple of 8, for some recipes have a penalty so often (24)"
    parser.add_argument("--steps", type=int, default=24, help=about)
    options = parser.parse_args()
    machine = detect(options.device, options.precision)
    print(describe(machine.device.type, options.precision), end="\n\n")
    rows = (
        [name, layout, f"{rate(get_recipe(name), memory_format, machine, options.steps):.1f}"]
        for name in options.recipes or recipe_names()
        for layout, memory_format in LAYOUTS.items()
    )
    for line in table(["recipe", "layout", "pictures a second (mean)"], rows):
        print(line, flush=True)


if __name__ == "__main__":
    main()

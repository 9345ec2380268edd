"""How long a recipe will take on this machine, from a short measurement."""

import time

import torch

from ganlib.costs import cost
from ganlib.recipes import Recipe
from ganlib.runtime.device import Machine
from ganlib.training.steps import discriminator_step, generator_step

_STEPS = 3


def arithmetic_rate(machine: Machine) -> float:
    """Measure floating-point operations a second in steps of a small DCGAN.

    Nets of other shapes reach more or less of it: what is foretold from it may be wrong by half.
    """
    recipe = Recipe("measure", batch_size=32)
    device = machine.device
    generator, discriminator = recipe.generator().to(device), recipe.discriminator().to(device)
    g_adam, d_adam = (torch.optim.Adam(net.parameters()) for net in (generator, discriminator))
    loss = recipe.adversarial_loss()
    real = torch.zeros(recipe.batch_size, 3, *recipe.shape, device=device)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    for step in range(_STEPS + 1):
        if step <= 1:  # the first warms up
            began = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            fake = generator(torch.randn(recipe.batch_size, recipe.latent_dim, device=device))
            discriminator_step(discriminator, d_adam, loss, real, fake)
            generator_step(discriminator, g_adam, loss, fake).item()  # waits for the device
    return _STEPS * recipe.batch_size * cost(recipe).flops / (time.perf_counter() - began)


def foretold_minutes(recipe: Recipe, pictures: int, rate: float) -> float:
    """Estimate the minutes for a recipe's epochs over so many pictures, at `rate` operations a second."""
    return recipe.epochs * pictures * cost(recipe).flops / rate / 60

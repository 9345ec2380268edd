"""Training steps a second with channels first and channels last in memory, same nets, same batch.

`python -m benchmarks.layout` prints a table; ganlib takes the layout that is faster on the kind of device.
"""

import argparse
import statistics
import time

import torch

from benchmarks.machine import describe
from ganlib.machine import detect
from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.training.steps import discriminator_step, generator_step

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


def seconds_a_step(
    recipe: Recipe, layout: torch.memory_format, device: torch.device, steps: int
) -> list[float]:
    """Seconds of each of `steps` steps of both players, after three to warm up."""
    nets = [net.to(device).to(memory_format=layout) for net in (recipe.generator(), recipe.discriminator())]
    g_adam, d_adam = (
        torch.optim.Adam(net.parameters(), recipe.g_lr, recipe.betas, fused=True) for net in nets
    )
    generator, discriminator = nets
    shape = (recipe.batch_size, 3, recipe.size, recipe.size)
    real = torch.rand(shape, device=device).to(memory_format=layout) * 2 - 1
    loss = recipe.adversarial_loss()
    times = []
    for _ in range(steps + 3):
        began = time.perf_counter()
        fake = generator(torch.randn(recipe.batch_size, recipe.latent_dim, device=device))
        discriminator_step(discriminator, d_adam, loss, real, fake)
        generator_step(discriminator, g_adam, loss, fake).item()  # waits for the device
        times.append(time.perf_counter() - began)
    return times[3:]


def main() -> None:
    """Measure every recipe in both layouts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default=detect().device.type)
    parser.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    print(
        describe(options.device),
        "",
        "| recipe | layout | pictures a second (median) |",
        "|---|---|---|",
        sep="\n",
    )
    for name in recipe_names():
        recipe = get_recipe(name)
        for layout, memory_format in LAYOUTS.items():
            times = seconds_a_step(recipe, memory_format, detect(options.device).device, options.steps)
            print(f"| {name} | {layout} | {recipe.batch_size / statistics.median(times):.1f} |")


if __name__ == "__main__":
    main()

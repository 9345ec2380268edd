"""A small training with the lowest versions that pyproject.toml allows: `make test-lowest`."""

import pkgutil
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import ganlib
from ganlib.data.dataset import load_art

_NEEDS_MORE = {"ganlib.__main__"}  # runs the command line


def main() -> None:
    """Import every module, train a few steps, and show and measure what was painted."""
    for module in pkgutil.walk_packages(ganlib.__path__, "ganlib."):
        if module.name not in _NEEDS_MORE:
            import_module(module.name)
    recipe = ganlib.Recipe("lowest", size=32, width=4, latent_dim=8, batch_size=16)
    art = load_art("portraits", recipe.size)
    with tempfile.TemporaryDirectory() as folder:
        run = ganlib.Trainer(recipe, art, Path(folder) / "run", device="cpu").fit(kimg=0.16)
        generator, _ = ganlib.load_generator(run.folder)
        pictures = ganlib.generate(generator, ganlib.sample_latent(4, recipe.latent_dim))
        ganlib.grid(pictures).html()
        ganlib.animate(run)
        ganlib.LatentStudio(run.folder)
        quality = ganlib.measure_quality(generator, art)
        ganlib.quality_figure(quality, generator, art, "lowest").html()
    told = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "matplotlib", "ipywidgets"))
    print(f"The lowest versions will do ({told}): half-size KID {quality.kid.half.mean:.0f}.")


if __name__ == "__main__":
    main()

"""Learn how a GAN paints, and train one on your own pictures."""

from importlib import import_module

_HOMES = {
    "Discriminator": "ganlib.nets.dcgan",
    "GanlibError": "ganlib.errors",
    "Generator": "ganlib.nets.dcgan",
    "ImageSet": "ganlib.data.imageset",
    "Recipe": "ganlib.recipes",
    "Run": "ganlib.run",
    "Trainer": "ganlib.training.trainer",
    "animate": "ganlib.show.animation",
    "before_after": "ganlib.show.grids",
    "budget": "ganlib.machine",
    "cost": "ganlib.cost",
    "curves": "ganlib.show.curves",
    "default_recipe": "ganlib.recipes",
    "detect": "ganlib.machine",
    "get_recipe": "ganlib.recipes",
    "grid": "ganlib.show.grids",
    "load_art": "ganlib.data.art",
    "load_generator": "ganlib.run",
    "paint": "ganlib.latent",
    "run_folder": "ganlib.machine",
    "sample_latent": "ganlib.latent",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `--help` and `doctor` do not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ganlib' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return __all__

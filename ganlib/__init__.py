"""Learn how a GAN paints, and train one on your own pictures."""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Discriminator": "ganlib.nets.dcgan",
    "GanlibError": "ganlib.errors",
    "Generator": "ganlib.nets.dcgan",
    "ImageSet": "ganlib.data.imageset",
    "LatentStudio": "ganlib.show.widgets",
    "LiveView": "ganlib.show.live",
    "PlaneGame": "ganlib.training.plane",
    "PlaneSettings": "ganlib.training.plane",
    "Playground": "ganlib.show.playground",
    "Quality": "ganlib.evaluation.scores",
    "RealOrPainted": "ganlib.show.pairs",
    "Recipe": "ganlib.recipes",
    "Run": "ganlib.run",
    "Trainer": "ganlib.training.trainer",
    "animate": "ganlib.show.animation",
    "before_after": "ganlib.show.grids",
    "budget": "ganlib.machine",
    "cost": "ganlib.costs",
    "curves": "ganlib.show.curves",
    "default_recipe": "ganlib.recipes",
    "detect": "ganlib.machine",
    "export_onnx": "ganlib.sharing.onnx",
    "factorised_directions": "ganlib.directions",
    "fitted_direction": "ganlib.directions",
    "get_extractor": "ganlib.evaluation.features",
    "get_recipe": "ganlib.recipes",
    "grid": "ganlib.show.grids",
    "load": "ganlib.sharing.hub",
    "load_art": "ganlib.data.art",
    "lerp": "ganlib.latent",
    "load_generator": "ganlib.run",
    "load_latent": "ganlib.latent_file",
    "measure_quality": "ganlib.evaluation.quality",
    "mix": "ganlib.latent",
    "paint": "ganlib.latent",
    "pca_directions": "ganlib.directions",
    "project": "ganlib.projection",
    "quality_figure": "ganlib.show.quality_figure",
    "run_folder": "ganlib.machine",
    "sample_latent": "ganlib.latent",
    "save_latent": "ganlib.latent_file",
    "set_apart": "ganlib.directions",
    "set_up": "ganlib.setting_up",
    "share": "ganlib.sharing.folder",
    "slerp": "ganlib.latent",
    "truncate": "ganlib.latent",
    "walk": "ganlib.latent",
    "workspace": "ganlib.places",
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

"""Learn how a GAN paints, and train one on your own pictures."""

from importlib import import_module

_HOMES = {
    "Discriminator": "ganlib.nets.dcgan",
    "GanlibError": "ganlib.errors",
    "Generator": "ganlib.nets.dcgan",
    "ImageSet": "ganlib.data.dataset",
    "LatentStudio": "ganlib.studio.app",
    "LiveView": "ganlib.show.live",
    "PlaneGame": "ganlib.course.toy",
    "PlaneSettings": "ganlib.course.toy",
    "Playground": "ganlib.course.playground",
    "Quality": "ganlib.evaluation.quality",
    "RealOrPainted": "ganlib.course.real_or_fake",
    "Recipe": "ganlib.recipes",
    "Run": "ganlib.run",
    "Trainer": "ganlib.training.trainer",
    "animate": "ganlib.show.film",
    "before_after": "ganlib.show.grids",
    "budget": "ganlib.runtime.device",
    "cost": "ganlib.costs",
    "curves": "ganlib.show.curves",
    "default_recipe": "ganlib.recipes",
    "detect": "ganlib.runtime.device",
    "export_onnx": "ganlib.hub.onnx",
    "factorised_directions": "ganlib.latent.directions",
    "fitted_direction": "ganlib.latent.directions",
    "get_extractor": "ganlib.evaluation.features",
    "get_recipe": "ganlib.recipes",
    "grid": "ganlib.show.grids",
    "load": "ganlib.hub.hub",
    "load_art": "ganlib.data.dataset",
    "lerp": "ganlib.latent.sampling",
    "load_generator": "ganlib.run",
    "load_latent": "ganlib.latent.sampling",
    "measure_quality": "ganlib.evaluation.quality",
    "mix": "ganlib.latent.sampling",
    "paint": "ganlib.latent.sampling",
    "pca_directions": "ganlib.latent.directions",
    "project": "ganlib.latent.projection",
    "quality_figure": "ganlib.show.quality",
    "run_folder": "ganlib.runtime.device",
    "sample_latent": "ganlib.latent.sampling",
    "save_latent": "ganlib.latent.sampling",
    "set_apart": "ganlib.latent.directions",
    "set_up": "ganlib.course.setup",
    "share": "ganlib.hub.hub",
    "slerp": "ganlib.latent.sampling",
    "truncate": "ganlib.latent.sampling",
    "walk": "ganlib.latent.sampling",
    "workspace": "ganlib.runtime.files",
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

"""Learn how a GAN paints, and train one on your own pictures."""

from importlib import import_module

__version__ = "0.2.0"

_HOMES = {
    "animate": "ganlib.show.film",
    "before_after": "ganlib.show.grids",
    "budget": "ganlib.runtime.device",
    "Callback": "ganlib.training.callbacks",
    "CheckerboardCalculator": "ganlib.course.checkerboard",
    "cost": "ganlib.costs",
    "course_art": "ganlib.course.setup",
    "curves": "ganlib.show.curves",
    "DCGANDiscriminator": "ganlib.nets.dcgan",
    "DCGANGenerator": "ganlib.nets.dcgan",
    "default_recipe": "ganlib.recipes",
    "described": "ganlib.show.figure",
    "detect": "ganlib.runtime.device",
    "Discriminator": "ganlib.nets.base",
    "Evaluation": "ganlib.training.logger",
    "export_onnx": "ganlib.hub.onnx",
    "fitted_direction": "ganlib.latent.directions",
    "GanlibError": "ganlib.errors",
    "ganspace_directions": "ganlib.latent.directions",
    "generate": "ganlib.latent.sampling",
    "Generator": "ganlib.nets.base",
    "get_extractor": "ganlib.evaluation.features",
    "get_recipe": "ganlib.recipes",
    "grid": "ganlib.show.grids",
    "ImageDataset": "ganlib.data.dataset",
    "LatentStudio": "ganlib.studio.app",
    "lerp": "ganlib.latent.sampling",
    "LiveView": "ganlib.show.live",
    "load": "ganlib.weights",
    "load_art": "ganlib.data.dataset",
    "load_generator": "ganlib.weights",
    "load_latent": "ganlib.latent.sampling",
    "measure_quality": "ganlib.evaluation.quality",
    "mix": "ganlib.latent.sampling",
    "orthogonalise": "ganlib.latent.directions",
    "Playground": "ganlib.course.playground",
    "ProgressBar": "ganlib.training.callbacks",
    "project": "ganlib.latent.projection",
    "Quality": "ganlib.evaluation.quality",
    "quality_figure": "ganlib.show.quality",
    "RealOrFake": "ganlib.course.real_or_fake",
    "Recipe": "ganlib.recipes",
    "Run": "ganlib.run",
    "run_folder": "ganlib.runtime.device",
    "sample_latent": "ganlib.latent.sampling",
    "save_latent": "ganlib.latent.sampling",
    "sefa_directions": "ganlib.latent.directions",
    "set_up": "ganlib.course.setup",
    "share": "ganlib.hub.hub",
    "slerp": "ganlib.latent.sampling",
    "TensorBoard": "ganlib.show.tensorboard",
    "ToyGAN": "ganlib.course.toy",
    "ToySettings": "ganlib.course.toy",
    "Trainer": "ganlib.training.trainer",
    "truncate": "ganlib.latent.sampling",
    "walk": "ganlib.latent.timeline",
    "workspace": "ganlib.runtime.files",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `--help` and `doctor` do not wait for torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ganlib' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, for completion."""
    return __all__

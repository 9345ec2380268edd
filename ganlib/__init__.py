"""Learn how a GAN paints, and train one on your own pictures."""

from ganlib.data.imageset import ImageSet
from ganlib.data.sources import load_art
from ganlib.errors import GanlibError
from ganlib.latent import paint, sample_latent
from ganlib.machine import budget, detect, run_folder
from ganlib.nets.dcgan import Discriminator, Generator
from ganlib.recipes import Recipe, default_recipe, get_recipe
from ganlib.run import Run, load_generator
from ganlib.show.animation import animate
from ganlib.show.curves import curves
from ganlib.show.grids import grid
from ganlib.training.trainer import Trainer

__all__ = [
    "Discriminator",
    "GanlibError",
    "Generator",
    "ImageSet",
    "Recipe",
    "Run",
    "Trainer",
    "animate",
    "budget",
    "curves",
    "default_recipe",
    "detect",
    "get_recipe",
    "grid",
    "load_art",
    "load_generator",
    "paint",
    "run_folder",
    "sample_latent",
]

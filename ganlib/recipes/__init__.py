"""Recipes: everything that decides what a training run computes, under a name."""

from ganlib.recipes.named import default_recipe, get_recipe, override, recipe_names
from ganlib.recipes.recipe import Recipe

__all__ = ["Recipe", "default_recipe", "get_recipe", "override", "recipe_names"]

"""Recipes as text: a table of all of them, and each with a sentence for every choice."""

from ganlib.costs import cost
from ganlib.errors import printable
from ganlib.recipes import Recipe
from ganlib.show.figure import render, table

_GIB = 2**30
_HOUR, _DAY = 60, 24 * 60  # minutes
_HEADINGS = ("recipe", "source", "data set", "px", "parameters G + D", "loss", "memory", "time here")


def recipe_table(recipes: list[Recipe], minutes: dict[str, float]) -> str:
    """Write a line for each recipe; `minutes` tells how long its epochs take on this machine, by name.

    The memory is counted for training in fp32.
    """
    return table([_HEADINGS, *(_row(recipe, minutes[recipe.name]) for recipe in recipes)])


def _row(recipe: Recipe, minutes: float) -> tuple[str, ...]:
    counted = cost(recipe)
    parameters = f"{counted.generator_parameters:,} + {counted.discriminator_parameters:,}"
    memory = f"{counted.memory(recipe.batch_size) / _GIB:.1f} GiB"
    source = recipe.project.removeprefix("https://github.com/") or "ganlib"
    names = recipe.name, source, recipe.pictures or recipe.art
    return *names, str(recipe.size), parameters, recipe.loss, memory, _how_long(minutes)


def _how_long(minutes: float) -> str:
    if minutes < _HOUR:
        return f"{max(1, round(minutes))} min"
    return f"{minutes / _HOUR:.0f} h" if minutes < 2 * _DAY else f"{minutes / _DAY:.0f} days"


def recipe_page(recipe: Recipe) -> str:
    """Write every field with its value and a sentence that says what it does."""
    rows = [(name, _shown(getattr(recipe, name)), text) for name, text in recipe.sentences().items()]
    counted, filters = cost(recipe), {"printable": printable}
    gib = tuple(counted.memory(recipe.batch_size, mixed) / _GIB for mixed in (False, True))
    return render("recipe.txt", filters=filters, recipe=recipe, fields=table(rows), cost=counted, gib=gib)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)

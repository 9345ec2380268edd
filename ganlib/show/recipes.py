"""Recipes as text: a table of all of them, and each with a sentence for every choice."""

from ganlib.costs import cost
from ganlib.errors import printable
from ganlib.recipes import Recipe
from ganlib.show.figure import table

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
    project = [f"project   {recipe.project}"] if recipe.project else []
    head = [recipe.name, recipe.about, *project, f"pictures  {recipe.pictures or recipe.art}"]
    rows = [(name, _shown(getattr(recipe, name)), text) for name, text in recipe.sentences().items()]
    return "\n".join([*map(printable, head), "", table(rows), "", _costs(recipe)])


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _costs(recipe: Recipe) -> str:
    counted = cost(recipe)
    whole, half = (counted.memory(recipe.batch_size, mixed) / _GIB for mixed in (False, True))
    return (
        f"G has {counted.generator_parameters:,} parameters, D {counted.discriminator_parameters:,}.\n"
        f"A step costs {counted.flops / 1e9:.1f} GFLOP a picture. Training in batches of {recipe.batch_size} "
        f"takes {whole:.2f} GiB, {half:.2f} in mixed precision:\n"
        "counted, without what the device keeps for itself."
    )

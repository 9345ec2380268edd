"""The verb `recipes`."""

import argparse

from ganlib.cli.parts import Verbs, add_settings


def add_recipes(verbs: Verbs) -> None:
    """Add it to the command line."""
    recipes = verbs.add_parser(
        "recipes",
        help="list the recipes, or show one with a sentence for every choice",
        description="List the recipes and what each costs; the time is foretold for this machine and the "
        "bundled pictures, from a short measurement. 'recipes show NAME' explains one.",
    )
    recipes.set_defaults(verb=_recipes)
    actions = recipes.add_subparsers(metavar="ACTION")
    show = actions.add_parser("show", help="explain one recipe")
    show.add_argument("recipe", help="its name")
    add_settings(show)
    show.set_defaults(verb=_show_recipe)


def _recipes(_: argparse.Namespace) -> None:
    from ganlib.data.art import load_art
    from ganlib.machine import detect
    from ganlib.recipes import get_recipe, recipe_names
    from ganlib.show.recipes import recipe_table
    from ganlib.training.speed import arithmetic_rate, foretold_minutes

    recipes = [get_recipe(name) for name in recipe_names()]
    pictures = {art: len(load_art(art).train) for art in {recipe.art for recipe in recipes}}
    rate = arithmetic_rate(detect())
    minutes = {recipe.name: foretold_minutes(recipe, pictures[recipe.art], rate) for recipe in recipes}
    print(recipe_table(recipes, minutes))


def _show_recipe(options: argparse.Namespace) -> None:
    from ganlib.recipes import get_recipe, override
    from ganlib.show.recipes import recipe_page

    print(recipe_page(override(get_recipe(options.recipe), options.settings)))

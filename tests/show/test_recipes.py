from dataclasses import fields, replace

import pytest

from ganlib.recipes import Recipe, get_recipe, recipe_names
from ganlib.run import _NOT_COMPUTED
from ganlib.show.recipes import recipe_page, recipe_table


def test_the_table_has_a_line_for_each_recipe():
    recipes = [get_recipe(name) for name in recipe_names()]
    minutes = dict.fromkeys(recipe_names(), 90.0) | {"portraits64": 12.3, "gallery512": 9000.0}
    head, *lines = recipe_table(recipes, minutes).splitlines()
    for word in ("recipe", "source", "data set", "px", "parameters", "loss", "memory", "time"):
        assert word in head
    assert [line.split()[0] for line in lines] == recipe_names()
    assert "Neill-Erasmus/ai-generated-art" in lines[0]
    assert "3,576,704 + 2,765,568" in lines[0]
    assert lines[0].endswith("12 min")
    assert "bryanb/abstract-art-gallery" in lines[1]
    assert lines[1].endswith("6 days")
    assert lines[2].endswith("2 h")


@pytest.mark.parametrize("name", recipe_names())
def test_every_choice_has_a_sentence_that_fits_on_a_line(name):
    lines = recipe_page(get_recipe(name)).splitlines()
    for field in fields(Recipe):
        if field.name not in {"name", "about", "project", "pictures", "art"}:
            line = next(line for line in lines if line.startswith(f"{field.name} "))
            assert line.endswith(".")
            assert len(line) <= 120


def test_nothing_that_is_computed_lacks_a_sentence():
    told = get_recipe("portraits64").sentences()
    assert {field.name for field in fields(Recipe)} - set(told) == _NOT_COMPUTED - {"epochs"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"real_labels": (0.9, 1.0)}, "Soft labels from this range"),
        ({"d_norm": "spectral"}, "largest singular value"),
        ({"loss": "hinge"}, "Hinge"),
        ({"fakes": "fresh"}, "generates new fakes"),
        ({"d_steps": 5}, "D takes 5 in a row."),
        ({"steps_in": "epochs"}, "counted in epochs"),
        ({"augment": ("flip",)}, "D sees reals and fakes changed so"),
        ({"hflip": True}, "Every second picture"),
        ({"init": "default"}, "As PyTorch draws them"),
        ({"d_dropout": 0.1}, "dropped at random"),
        ({"logit_noise": 0.1, "logit_noise_kimg": 7.0}, "falls to zero by then"),
    ],
)
def test_a_sentence_follows_the_choice(change, words):
    plain = get_recipe("portraits64")
    assert words in recipe_page(replace(plain, **change))
    assert words not in recipe_page(plain)

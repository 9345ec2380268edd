"""Names that strangers gave, in pictures, pages and tables."""

import os

import numpy as np
import pytest
import torch

from ganlib.data.dataset import ImageDataset
from ganlib.recipes import Recipe
from ganlib.show.figure import Figure, Interactive, new_canvas, table
from ganlib.show.quality import quality_figure, quality_page
from ganlib.show.recipes import recipe_page, recipe_table
from tests.show.test_quality import quality

NAMES = [
    r"$\frac{$",
    "$$",
    "$x",
    "a$b$c_^{",
    r"\$\alpha$",
    r"$\mathdefault{\nothing}$",
    "a\x1b[31mb\x07",
    "a\nb: 3\x85c\u2028d",
    os.fsdecode(b"\xff\xfe"),
    "\u202egpj.exe",
    "\0",
    "<img src=x onerror=alert(1)>",
    "%s {0} {name}",
]
each = pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))


def check(text, lines=None):
    """It is one line unless told, without anything that a terminal obeys, and UTF-8."""
    text.encode()
    shown = text.split("\n")
    assert lines is None or len(shown) == lines
    assert all(line.isprintable() for line in shown), text


@each
def test_matplotlib_draws_a_name_and_computes_nothing(name):
    canvas = new_canvas(3, 3)
    canvas.suptitle(name)
    above, below = canvas.subfigures(2, 1)
    axes = above.subplots()
    axes.plot([1, 1000], [1, 1e6], label=name)
    axes.set(title=name, xlabel=name, yscale="log")
    axes.annotate(name, (1, 1))
    axes.legend()
    below.supxlabel(f"of '{name}'\nbelow")
    figure = Figure.from_canvas(canvas, f"A plot of {name}.")
    check(figure.alt, 1)
    ticks = [label for label in axes.get_yticklabels() if "$" in label.get_text()]
    assert ticks
    assert all(label.get_parse_math() for label in ticks)  # powers of ten


@each
def test_a_figure_s_text_is_text_wherever_it_is_shown(name):
    figure = Figure(b"", name)
    shown = figure._repr_mimebundle_()
    check(shown["text/plain"], 1)
    assert shown["text/html"].count("<") == 1
    shown["text/html"].encode()

    class Box:
        model_id = "1"

    page = Interactive(Box(), lambda: figure, lambda: name)
    check(repr(page), 1)
    html = page._repr_mimebundle_()["text/html"]
    html.encode()
    assert html.count("<") == 5


@each
def test_tables_and_pages_are_text(name):
    check(table([["run", name], [name, "2"]]), 2)
    recipe = Recipe("tiny", about=name, width=2, latent_dim=4)
    object.__setattr__(recipe, "name", name)  # whatever recipes allow
    object.__setattr__(recipe, "pictures", name)
    check(recipe_table([recipe], {name: 1.0}), 2)
    named, ordinary = recipe_page(recipe), recipe_page(Recipe("tiny", about="a", width=2, latent_dim=4))
    check(named, len(ordinary.split("\n")))


@each
def test_quality_is_told_and_drawn_whatever_the_pictures_are_called(name, recipe):
    torch.manual_seed(0)
    coarse = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    check(quality_page(quality(pictures=name)), len(quality_page(quality()).split("\n")))
    figure = quality_figure(quality(pictures=name), recipe.generator(), ImageDataset(coarse, name), name)
    check(figure.alt, 1)

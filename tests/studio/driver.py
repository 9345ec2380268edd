"""What the tests of the studio share: a tiny model, and a way to find a widget as a browser would."""

from pathlib import Path

import torch

from ganlib.recipes import Recipe
from ganlib.studio.app import LatentStudio
from ganlib.weights import save_generator

RECIPE = Recipe("tiny", size=32, latent_dim=25, width=4)


def save_weights(path: Path, recipe: Recipe = RECIPE) -> Path:
    """A weights file of a generator whose BatchNorm has learnt its statistics, so that pictures differ."""
    torch.manual_seed(1)
    generator = recipe.generator()
    for _ in range(50):
        generator(torch.randn(16, recipe.latent_dim))
    save_generator(generator, recipe, 1.0, path)
    return path


def widgets_of(box):
    """The widget itself and all that it holds."""
    yield box
    for child in getattr(box, "children", ()):
        yield from widgets_of(child)


def part(box, handle: str):
    """The one widget with the class `ganlib-` and the handle."""
    found = [widget for widget in widgets_of(box) if f"ganlib-{handle}" in widget._dom_classes]
    assert len(found) == 1, f"{len(found)} widgets are called {handle}"
    return found[0]


class Driver:
    """A studio in the hands of a person who knows the handles of its controls."""

    def __init__(self, studio: LatentStudio) -> None:
        self.studio = studio

    def __getitem__(self, handle: str):
        return part(self.studio.box, handle)

    def widgets(self):
        return widgets_of(self.studio.box)

    def click(self, *handles: str) -> None:
        for handle in handles:
            self[handle].click()

    def set(self, handle: str, value: object) -> None:
        self[handle].value = value

    def open(self, title: str) -> None:
        views = self["views"]
        views.value = dict(views.options)[title]

    @property
    def picture(self) -> bytes:
        return self["picture"].value

    @property
    def status(self) -> str:
        return self["status"].value

    @property
    def message(self) -> str:
        return self["message"].value

    @property
    def is_warned(self) -> bool:
        return 'role="alert"' in self.message

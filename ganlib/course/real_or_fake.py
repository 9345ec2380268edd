"""Which of two pictures is real? A test for people, and how well they would do by guessing."""

import math
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import NamedTuple

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.show.figure import Figure, Interactive, encode
from ganlib.show.grids import grid_image, to_image
from ganlib.sizes import Size
from ganlib.studio.widgets import announced, button, column, row, tagged

_WIDE = 256  # px, or a little less: pictures are enlarged by whole pixels
_SIDES = ("left", "right")


def p_value(right: int, asked: int) -> float:
    """Return the probability of at least `right` right answers to `asked` questions by tossing a coin.

    Raises:
        GanlibError: more are right than were asked, or fewer than none.
    """
    if not 0 <= right <= asked:
        raise GanlibError(f"Of {asked} pairs there cannot be {right} right: give a number from 0 to {asked}.")
    return sum(math.comb(asked, k) for k in range(right, asked + 1)) / 2**asked


class Pair(NamedTuple):
    """Two pictures side by side, (2, 3, S, S) in [-1, 1]; the `real` one is 0, left, or 1, right."""

    pictures: Tensor
    real: int


def draw_pairs(generator: Generator, images: ImageDataset, seed: int = 0) -> Iterator[Pair]:
    """Draw held-out pictures beside generated ones, on random sides; a seed gives the same pairs.

    Raises:
        GanlibError: no picture is held out, or the sizes differ.
    """
    if not len(images.held_out):
        raise GanlibError(f"'{images.name}' holds no picture that was held out: give it more of them.")
    random = Random(seed)
    random.randrange(2**31)  # is left out, so that a seed keeps the pairs that it had
    while True:
        index = random.randrange(len(images.held_out))
        real = images.tensor(images.held_out[index : index + 1])
        fake = generate(generator, sample_latent(1, generator.latent_dim, random.randrange(2**31)))
        if fake.shape != real.shape:
            made = Size(*fake.shape[2:])
            sizes = f"{made} px, and the pictures of '{images.name}' have {images.size} px"
            raise GanlibError(f"The generator paints {sizes}: load these with size={made.to_json()!r}.")
        side = random.randrange(2)
        yield Pair(torch.cat([fake, real] if side else [real, fake]), side)


class RealOrFake(Interactive):
    """Show a real and a generated picture, ask which is real, and keep the score, `right` of `asked`.

    In a notebook it is three buttons below two pictures (ipywidgets 7.7 or 8), to be clicked or reached with
    the Tab key; where there is no kernel, a still pair.
    """

    def __init__(self, generator: Generator, images: ImageDataset, seed: int = 0) -> None:
        """Ask about pictures of the generator and held-out ones of `images`, in an order given by `seed`.

        Raises:
            GanlibError: no picture is held out, or the sizes differ.
        """
        self.right = self.asked = 0
        self._is_answered = False
        self._pairs = draw_pairs(generator, images, seed)
        self._scale = max(1, _WIDE // images.shape.width)
        self._images = [widgets.Image(format="png") for _ in _SIDES]
        self._captions = [widgets.HTML() for _ in _SIDES]
        self._line = tagged(widgets.HTML(), "verdict")
        sides = [column(*parts) for parts in zip(self._images, self._captions, strict=True)]
        left = button("the left one is real", "pick-left", partial(self.choose, 0))
        right = button("the right one is real", "pick-right", partial(self.choose, 1))
        buttons = row(left, right, button("next pair", "pick-next", self.next))
        box = column(row(*sides), buttons, self._line)
        super().__init__(box, self._still_pair, lambda: self._text)
        self._show_next()

    def choose(self, side: int) -> None:
        """Say that the left picture (0) or the right one (1) is real; each pair is counted once."""
        if self._is_answered:
            self._say("This pair has been answered: go on to the next.")
            return
        real = self._pair.real
        self._is_answered = True
        self.right += side == real
        self.asked += 1
        self._caption(*("real" if one == real else "painted" for one in range(2)))
        self._say(f"{'Right' if side == real else 'Wrong'}: the {_SIDES[real]} one is real. {self.score()}")

    def next(self) -> None:
        """Go on to another pair, once this one has been answered."""
        if self._is_answered:
            self._show_next()
        else:
            self._say("Say first which one you take for real.")

    def score(self) -> str:
        """Say how many answers were right, and how often a coin does as well."""
        if not self.asked:
            return "Which one is real?"
        percent = 100 * p_value(self.right, self.asked)
        often = "fewer than 1" if percent < 1 else f"{percent:.0f}"
        return f"{self.right} of {self.asked} right; of 100 people who toss a coin, {often} do as well."

    def _show_next(self) -> None:
        self._pair = next(self._pairs)
        self._is_answered = False
        for image, picture in zip(self._images, self._pair.pictures, strict=True):
            image.value = encode(to_image(picture, self._scale))
        self._caption("?", "?")
        self._say(self.score())

    def _caption(self, *words: str) -> None:
        for caption, side, word in zip(self._captions, _SIDES, words, strict=True):
            caption.value = f"<p>{side}: {word}</p>"

    def _say(self, text: str) -> None:
        self._text = text
        self._line.value = announced(text)

    def _still_pair(self) -> Figure:
        sheet = grid_image(self._pair.pictures, 2, self._scale)
        return Figure.from_image(sheet, "Two pictures side by side, one of them real and one painted.")

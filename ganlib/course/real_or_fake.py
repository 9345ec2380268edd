"""Which of two pictures is real? A test for people, and how much of their score may be luck."""

import math
from html import escape
from importlib.util import find_spec
from io import BytesIO
from random import Random
from typing import Any, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from ganlib.data.dataset import ImageDataset
from ganlib.errors import GanlibError
from ganlib.latent.sampling import generate, sample_latent
from ganlib.nets.base import Generator
from ganlib.show.figure import Figure, widgets_or_still
from ganlib.show.grids import enlarge, grid_image

_WIDE = 256  # px, or a little less: pictures are enlarged by whole pixels
_SEEDS = 2**31
_SIDES = ("left", "right")


def luck(right: int, asked: int) -> float:
    """The chance that whoever tosses a coin `asked` times is right at least `right` times.

    Raises:
        GanlibError: more are right than were asked, or fewer than none.
    """
    if not 0 <= right <= asked:
        raise GanlibError(f"Of {asked} pairs there cannot be {right} right: give a number from 0 to {asked}.")
    return sum(math.comb(asked, k) for k in range(right, asked + 1)) / 2**asked


class Pair(NamedTuple):
    """Two pictures side by side, (2, 3, S, S) in [-1, 1], and which of them is real: 0, left, or 1, right."""

    pictures: Tensor
    real: int


class Pairs:
    """Draws a held-out picture and a painted one, by chance on either side; a seed gives the same pairs."""

    def __init__(self, generator: Generator, images: ImageDataset, seed: int = 0) -> None:
        """Take the real ones from those of `images` that were held out.

        Raises:
            GanlibError: none are, or the generator paints in another size, which would give it away.
        """
        self._generator = generator
        self._images = images
        self._random = Random(seed)
        if not len(images.held_out):
            raise GanlibError(f"'{images.name}' holds no picture that was held out: give it more of them.")
        painted = self._painted()
        if painted.shape[2] != images.size:
            raise GanlibError(
                f"The generator paints {painted.shape[2]} px and the pictures of '{images.name}' are "
                f"{images.size} px wide: load these with size={painted.shape[2]}."
            )

    def draw(self) -> Pair:
        """The next pair."""
        index = self._random.randrange(len(self._images.held_out))
        real, painted = self._images.tensor(self._images.held_out[index : index + 1]), self._painted()
        place = self._random.randrange(2)
        return Pair(torch.cat([painted, real] if place else [real, painted]), place)

    def _painted(self) -> Tensor:
        z = sample_latent(1, self._generator.latent_dim, self._random.randrange(_SEEDS))
        return generate(self._generator, z)


class RealOrFake:
    """Shows a real and a painted picture, asks which is real, and keeps the score, `right` of `asked`.

    In a notebook it is three buttons below two pictures (ipywidgets 7.7 or 8), to be clicked or reached with
    the Tab key; where there is no kernel, a still pair.
    """

    def __init__(self, generator: Generator, images: ImageDataset, seed: int = 0) -> None:
        """Ask about pictures of the generator and held-out ones of `images`, in an order given by `seed`.

        Raises:
            GanlibError: no picture is held out, the sizes differ, or ipywidgets is missing.
        """
        if find_spec("ipywidgets") is None:
            raise GanlibError("The test is made of widgets: type pip install ipywidgets, and restart.")
        from ipywidgets import HTML
        from ipywidgets import Image as Frame

        self.right = 0
        self.asked = 0
        self._is_answered = False
        self._pairs = Pairs(generator, images, seed)
        self._frames = [Frame(format="png") for _ in _SIDES]
        self._captions = [HTML() for _ in _SIDES]
        self._line = HTML()
        self._box = self._arranged()
        self._show_next()

    def choose(self, place: int) -> None:
        """Say that the left picture (0) or the right one (1) is real; each pair is counted once."""
        if self._is_answered:
            self._say("This pair has been answered: go on to the next.")
            return
        self._is_answered = True
        is_right = place == self._pair.real
        self.right += is_right
        self.asked += 1
        for side, caption in enumerate(self._captions):
            caption.value = _caption(side, "real" if side == self._pair.real else "painted")
        verdict = "Right" if is_right else "Wrong"
        self._say(f"{verdict}: the {_SIDES[self._pair.real]} one is real. {self.score()}")

    def next(self) -> None:
        """Go on to another pair, once this one has been answered."""
        if self._is_answered:
            self._show_next()
        else:
            self._say("Say first which one you take for real.")

    def score(self) -> str:
        """How many were right, and how often a coin does as well."""
        if not self.asked:
            return "Which one is real?"
        lucky = 100 * luck(self.right, self.asked)
        often = "fewer than 1" if lucky < 1 else f"{lucky:.0f}"
        return f"{self.right} of {self.asked} right; of 100 people who toss a coin, {often} do as well."

    def _show_next(self) -> None:
        self._pair = self._pairs.draw()
        self._is_answered = False
        for side, frame in enumerate(self._frames):
            frame.value = _png(self._pair.pictures[side : side + 1])
            self._captions[side].value = _caption(side, "?")
        self._say(self.score())

    def _say(self, text: str) -> None:
        self._text = text
        self._line.value = f'<p role="status" aria-live="polite">{escape(text)}</p>'

    def _arranged(self) -> Any:
        from ganlib.studio.widgets import button, column, row

        sides = [column(*parts) for parts in zip(self._frames, self._captions, strict=True)]
        buttons = [
            button("the left one is real", "pick-left", lambda: self.choose(0)),
            button("the right one is real", "pick-right", lambda: self.choose(1)),
            button("next pair", "pick-next", self.next),
        ]
        self._line.add_class("ganlib-verdict")
        return column(row(*sides), row(*buttons), self._line)

    def __repr__(self) -> str:
        """What the line below the pictures says."""
        return self._text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        sheet = grid_image(self._pair.pictures, 2, _scale(self._pair.pictures))
        figure = Figure.from_image(sheet, "Two pictures side by side, one of them real and one painted.")
        return widgets_or_still(self._box, figure, repr(self), invitation="there are buttons")


def _caption(side: int, what: str) -> str:
    return f"<p>{_SIDES[side]}: {what}</p>"


def _scale(pictures: Tensor) -> int:
    return max(1, _WIDE // pictures.shape[2])


def _png(picture: Tensor) -> bytes:
    """One picture, (1, 3, S, S), as a browser shows it."""
    data = BytesIO()
    Image.fromarray(enlarge(picture, _scale(picture))[0].numpy()).save(data, "PNG")
    return data.getvalue()

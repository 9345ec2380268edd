"""The latent studio: sliders that answer at once, for a notebook."""

from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from torch import Tensor

from ganlib.directions import Directions, factorised_directions
from ganlib.errors import GanlibError
from ganlib.run import Run
from ganlib.show.figure import Figure
from ganlib.show.still import widgets_or_still
from ganlib.show.studio.easel import Easel
from ganlib.show.studio.state import StudioState

_DIRECTIONS = 10
_WIDE = 256  # px


class LatentStudio:
    """Explore what a generator paints: seeds, directions, coordinates, ways between pictures, photos.

    In a notebook it is a page of widgets (ipywidgets 7.7 or 8); where there is no kernel, a still picture.
    """

    def __init__(
        self,
        source: str | Path | Run = "portraits",
        *,
        directions: Directions | None = None,
        folder: str | Path | None = None,
    ) -> None:
        """Open a run folder, a weights file or bundled weights; the sliders are `directions`, if given.

        What is saved goes to `folder`: one called `studio`, in the run folder or else here, unless told.

        Raises:
            GanlibError: there is no such generator, it is damaged, or ipywidgets is missing.
        """
        if find_spec("ipywidgets") is None:
            raise GanlibError("The studio is made of widgets: type pip install ipywidgets, and restart.")
        from ganlib.show.studio.page import Page

        self._easel = Easel(source, folder)
        generator = self._easel.generator
        found = directions or factorised_directions(generator, min(_DIRECTIONS, generator.latent_dim))
        self._state = StudioState(generator.latent_dim, found)
        self._page = Page(self._state, self._easel, Random())

    @property
    def z(self) -> Tensor:
        """The z, (latent_dim,), of the picture that is shown."""
        return self._state.z

    @property
    def favourites(self) -> list[Tensor]:
        """The z, each (latent_dim,), of the pictures that were pinned."""
        return list(self._state.favourites)

    def __repr__(self) -> str:
        """What is shown, in one line."""
        return self._page.line()

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        figure = Figure(self._easel.png(self.z), repr(self))
        return widgets_or_still(self._page.box, figure, repr(self), width=_WIDE)

"""The studio as a page of its own: a small notebook, served by Voilà or opened in JupyterLab."""

import subprocess
import sys
from html import escape
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.latent.directions import Directions, sefa_directions
from ganlib.run import Run, load_generator
from ganlib.runtime.files import cache_folder, expand_home, write_atomically
from ganlib.show.figure import Figure, widgets_or_still
from ganlib.studio.context import Panel, StudioContext
from ganlib.studio.files import OpenPanel, SavePanel
from ganlib.studio.panels import (
    BetweenPanel,
    CoordinatesPanel,
    DirectionsPanel,
    FavouritesPanel,
    NeighboursPanel,
    Seeds,
)
from ganlib.studio.renderer import Renderer
from ganlib.studio.state import StudioState
from ganlib.studio.widgets import column, watched

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

        self._renderer = Renderer(source, folder)
        generator = self._renderer.generator
        found = directions or sefa_directions(generator, min(_DIRECTIONS, generator.latent_dim))
        self._state = StudioState(generator.latent_dim, found)
        self._page = Page(self._state, self._renderer, Random())

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
        figure = Figure(self._renderer.png(self.z), repr(self))
        return widgets_or_still(self._page.box, figure, repr(self), width=_WIDE)


_OTHER_PANELS = (
    CoordinatesPanel,
    BetweenPanel,
    NeighboursPanel,
    FavouritesPanel,
    SavePanel,
    OpenPanel,
)


class Page:
    """The widgets of a studio; `box` holds them all."""

    def __init__(self, state: StudioState, renderer: Renderer, random: Random) -> None:
        """`random` draws new seeds."""
        self.context = StudioContext(state, renderer, self.show)
        self.picture = widgets.Image(value=renderer.png(state.z), format="png")
        self.picture.add_class("ganlib-picture")
        self.status = widgets.HTML()
        self.status.add_class("ganlib-status")
        self.seeds = Seeds(self.context, random)
        self.directions = DirectionsPanel(self.context)
        self.panels: list[Panel] = [self.directions, *(kind(self.context) for kind in _OTHER_PANELS)]
        titles = [(panel.title, k) for k, panel in enumerate(self.panels)]
        views = widgets.ToggleButtons(options=titles, style={"button_width": "auto"})
        self.views = watched(views, "views", lambda _: self.context.act(lambda: None))
        for panel in self.panels:
            panel.box.add_class("ganlib-panel")
            panel.box.add_class(f"ganlib-panel-{panel.title.lower().replace(' ', '-')}")
        self.box = self._arranged()
        with self.context.showing():
            self.show()

    def show(self) -> None:
        """Paint what the state says, and bring the open panel in line with it."""
        state = self.context.state
        self.picture.value = self.context.renderer.png(state.z)
        self.status.value = f'<p role="status" aria-live="polite">{escape(self.line())}</p>'
        self.seeds.show()
        for k, panel in enumerate(self.panels):
            panel.box.layout.display = "" if k == self.views.value else "none"
        self.panels[self.views.value].show()

    def line(self) -> str:
        """What is shown, for people."""
        recipe = self.context.renderer.recipe
        return f"{recipe.name}, {recipe.size} px: {self.context.state.describe()}"

    def _arranged(self) -> widgets.Box:
        style = Path(__file__).with_name("studio.css").read_text(encoding="utf-8")
        left = column(self.picture, self.status, self.context.message, self.context.progress)
        right = column(self.seeds.box, self.views, *(panel.box for panel in self.panels))
        left.layout.flex = "1 1 256px"
        left.layout.max_width = "416px"
        right.layout.flex = "3 1 352px"
        right.layout.min_width = "0"
        sides = widgets.HBox([left, right], layout=widgets.Layout(flex_flow="row wrap"))
        sides.add_class("ganlib-sides")
        box = widgets.VBox([widgets.HTML(f"<style>{style}</style>"), sides])
        box.add_class("ganlib-studio")
        return box


_OPENERS = ("voila", "jupyterlab")  # the one shows the page at once, the other a cell to run
_TEXT = "# The latent studio\n\nIf there are no sliders below, click into the cell and press Shift+Enter."


def explore(source: str | Path) -> None:
    """Open the studio of a run folder, a weights file or bundled weights in the browser, until it is ended.

    Raises:
        GanlibError: there is no such generator, or neither Voilà nor JupyterLab to open it in.
    """
    load_generator(source)
    opener = find_opener()
    process = subprocess.Popen([sys.executable, "-m", opener, str(studio_notebook(source))])
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # it has come to the opener, too, which may ask before it ends
            continue


def find_opener() -> str:
    """The program that opens notebooks here.

    Raises:
        GanlibError: there is none.
    """
    for program in _OPENERS:
        if find_spec(program):
            return program
    raise GanlibError("The studio opens in JupyterLab: type pip install jupyterlab, and try again.")


def studio_notebook(source: str | Path) -> Path:
    """A notebook in the cache that opens the studio of `source`; what is saved there goes where one is now.

    Raises:
        GanlibError: the cache cannot be written.
    """
    import nbformat

    place = expand_home(source)
    named = str(place.resolve()) if place.exists() else str(source)
    folder = place.resolve() / "studio" if place.is_dir() else Path("studio").resolve()
    code = f"import ganlib\n\nganlib.LatentStudio({named!r}, folder={str(folder)!r})"
    page = nbformat.v4.new_notebook()
    page.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page.cells = [nbformat.v4.new_markdown_cell(_TEXT), nbformat.v4.new_code_cell(code)]
    path = cache_folder() / "studio" / f"{place.stem or 'studio'}.ipynb"
    write_atomically(path, lambda part: part.write_text(nbformat.writes(page), encoding="utf-8"))
    return path

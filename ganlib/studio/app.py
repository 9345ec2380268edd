"""The latent studio: its page of widgets, and the notebook in which the command line opens it."""

import subprocess
import sys
from contextlib import suppress
from html import escape
from importlib.util import find_spec
from pathlib import Path

import ipywidgets as widgets
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.latent.directions import Directions, sefa_directions
from ganlib.run import Run
from ganlib.runtime.files import cache_folder, expand_home, write_atomically
from ganlib.show.figure import Figure, Interactive
from ganlib.studio.context import StudioContext
from ganlib.studio.crossing import CrossingPanel
from ganlib.studio.files import OpenPanel, SavePanel
from ganlib.studio.panels import PANELS, SeedPanel
from ganlib.studio.renderer import Renderer
from ganlib.studio.state import StudioState
from ganlib.studio.timeline import TimelinePanel
from ganlib.studio.wall import WallPanel
from ganlib.studio.widgets import announced, column, tagged, watched
from ganlib.weights import load_generator

_OPENERS = ("voila", "jupyterlab")  # the one shows the page at once, the other a cell to run
_PANELS = PANELS[0], WallPanel, *PANELS[1:], CrossingPanel, TimelinePanel, SavePanel, OpenPanel
_TITLE = "# The latent studio"
_HINT = "\n\nIf there are no sliders below, click into the cell and press Shift+Enter."


class LatentStudio(Interactive):
    """Explore what a generator makes: seeds, directions, coordinates, ways between pictures, photos.

    In a notebook it is a page of widgets (ipywidgets 7.7 or 8); where there is no kernel, a still picture.
    """

    def __init__(
        self,
        source: str | Path | Run = "portraits",
        *,
        directions: Directions | None = None,
        folder: str | Path | None = None,
        generator: nn.Module | None = None,
    ) -> None:
        """Open a run folder, a weights file or bundled weights, with sliders for `directions`.

        Without them the sliders are those of `sefa_directions`. Files are saved in `folder`: by default, one
        called `studio` in the run folder, or in the current folder if the source is no run. Weights of a net
        of your own are loaded into `generator`.

        Raises:
            GanlibError: there is no such generator, or it is damaged.
        """
        self._renderer = Renderer(source, folder, generator)
        net = self._renderer.generator
        found = directions or sefa_directions(net, min(10, net.latent_dim))
        self._state = StudioState(net.latent_dim, found, self._renderer.recipe.classes)
        self._context = StudioContext(self._state, self._renderer, self._show)
        self._picture = tagged(widgets.Image(format="webp"), "picture")
        self._status = tagged(widgets.HTML(), "status")
        self._seeds = SeedPanel(self._context)
        self._panels = [kind(self._context) for kind in _PANELS]
        titles = [(panel.title, k) for k, panel in enumerate(self._panels)]
        views = widgets.ToggleButtons(options=titles, style={"button_width": "auto"})
        self._views = watched(views, "views", lambda _: self._context.act(lambda: None))
        super().__init__(self._arranged(), self._drawn, self._told, width=256)
        self._context.refresh()

    @property
    def z(self) -> Tensor:
        """The z, (latent_dim,), of the picture that is shown; behind it the share of each class, if any."""
        return self._state.z

    @property
    def favourites(self) -> list[Tensor]:
        """The z of the pictures that were pinned, each like `z`."""
        return list(self._state.favourites)

    def _told(self) -> str:
        recipe = self._renderer.recipe
        return f"{recipe.name}, {recipe.size} px: {self._state.describe()}"

    def _drawn(self) -> Figure:
        return Figure(self._renderer.picture(self.z), self._told(), "image/webp")

    def _show(self) -> None:
        self._picture.value = self._renderer.picture(self.z)
        self._status.value = announced(self._told())
        self._seeds.show()
        for k, panel in enumerate(self._panels):
            panel.box.layout.display = "" if k == self._views.value else "none"
        self._panels[self._views.value].show()

    def _arranged(self) -> widgets.Box:
        for panel in self._panels:
            tagged(tagged(panel.box, "panel"), f"panel-{panel.title.lower().replace(' ', '-')}")
        shown = column(self._picture, self._status, self._context.message, self._context.progress)
        controls = column(self._seeds.box, self._views, *(panel.box for panel in self._panels))
        sides = tagged(widgets.HBox([tagged(shown, "shown"), tagged(controls, "controls")]), "sides")
        return tagged(widgets.VBox([_look(), sides]), "studio")


def _look() -> widgets.HTML:
    """Make the style sheet, and what names handles and pictures: ipywidgets has no trait for either."""
    style, script = (Path(__file__).with_name(f"studio.{kind}").read_text("utf-8") for kind in ("css", "js"))
    once_shown = f'style="animation: ganlib-appears 1ms" onanimationstart="{escape(script)}"'
    return widgets.HTML(f"<style>{style}</style><i {once_shown}></i>")


def explore(source: str | Path) -> None:
    """Open the studio of a run folder, a weights file or bundled weights in the browser, until it is ended.

    Raises:
        GanlibError: there is no such generator, or neither Voilà nor JupyterLab to open it in.
    """
    load_generator(source)
    opener = next(filter(find_spec, _OPENERS), None)
    if opener is None:
        raise GanlibError("The studio opens in JupyterLab: type pip install jupyterlab, and try again.")
    notebook = studio_notebook(source, "" if opener == "voila" else _HINT)
    process = subprocess.Popen([sys.executable, "-m", opener, str(notebook)])
    while process.poll() is None:
        with suppress(KeyboardInterrupt):  # it has come to the opener, too, which may ask before it ends
            process.wait()


def studio_notebook(source: str | Path, hint: str = "") -> Path:
    """Write a notebook into the cache that opens the studio of `source`, below a `hint`; return its path.

    Files are saved where a studio opened in the current folder would save them.
    """
    import nbformat

    path = expand_home(source)
    named = str(path.resolve()) if path.exists() else str(source)
    folder = path.resolve() / "studio" if path.is_dir() else Path("studio").resolve()
    code = f"import ganlib\n\nganlib.LatentStudio({named!r}, folder={str(folder)!r})"
    page = nbformat.v4.new_notebook()
    page.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    page.cells = [nbformat.v4.new_markdown_cell(_TITLE + hint), nbformat.v4.new_code_cell(code)]
    notebook = cache_folder() / "studio" / f"{path.stem or 'studio'}.ipynb"
    write_atomically(notebook, lambda part: part.write_text(nbformat.writes(page), encoding="utf-8"))
    return notebook

"""The latent studio: its page of widgets, and the notebook in which the command line opens it."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from importlib.util import find_spec
from pathlib import Path

import ipywidgets as widgets
import torch
from torch import Tensor, nn

from ganlib.errors import GanlibError, plain
from ganlib.latent.directions import Directions, sefa_directions
from ganlib.latent.sampling import check_latent
from ganlib.run import Run
from ganlib.runtime.files import cache_folder, expand_home, write_atomically
from ganlib.show.figure import Figure, Interactive
from ganlib.studio.context import StudioContext
from ganlib.studio.crossing import CrossingPanel
from ganlib.studio.directions import MOST, DirectionsPanel
from ganlib.studio.files import OpenPanel, SavePanel
from ganlib.studio.notes import read_notes
from ganlib.studio.panels import PANELS, SeedPanel
from ganlib.studio.renderer import Renderer
from ganlib.studio.state import LONGEST_NAME, StudioState
from ganlib.studio.timeline import TimelinePanel
from ganlib.studio.wall import FavouritesPanel, WallPanel
from ganlib.studio.widgets import announced, button, chooser, column, row, tagged, watched
from ganlib.weights import bundled_weights, find_weights, load_generator

_OPENERS = ("voila", "jupyterlab")  # the one shows the page at once, the other a cell to run
_LAST = FavouritesPanel, CrossingPanel, TimelinePanel, SavePanel, OpenPanel
_PANELS = DirectionsPanel, WallPanel, *PANELS, *_LAST
Model = tuple[str, str | Path]  # what a person reads, and what is opened
Named = tuple[str, Tensor, Sequence[str]]  # the title of a set of directions, its vectors and their names
_LONGEST_MODEL = 40  # letters
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
        directions: Directions | Tensor | None = None,
        names: Sequence[str] = (),
        folder: str | Path | None = None,
        generator: nn.Module | None = None,
    ) -> None:
        """Open a run folder, a weights file or bundled weights, with sliders for `directions`.

        These are unit vectors (K, latent_dim), which may have `names`. Without them the sliders are those of
        `NAME.directions.json` beside the weights, or of `sefa_directions`; a list offers the others.

        Files are saved in `folder`: by default, one called `studio` in the run folder, or in the current
        folder if the source is no run. Weights of a net of your own are loaded into `generator`.

        Raises:
            GanlibError: there is no such generator, it is damaged, or the directions do not fit it.
        """
        self._given = folder, generator
        box = tagged(widgets.VBox([_look(), widgets.HBox()]), "studio")
        super().__init__(box, self._drawn, self._told, width=256)
        self._open(source, directions, names)
        if models := _models(self._renderer.source, bundled=generator is None):
            self._models = chooser("Model", "model", models)
            self._opened = self._models.value = self._renderer.source
            switch = button("Switch", "switch", lambda: self._context.act(self._switch))
            look, sides = box.children
            box.children = [look, tagged(row(self._models, switch), "models"), sides]

    def _open(
        self,
        source: str | Path | Run,
        directions: Directions | Tensor | None = None,
        names: Sequence[str] = (),
    ) -> None:
        """Make state and widgets anew, or raise `GanlibError` before anything has changed."""
        renderer = Renderer(source, *self._given)
        first_set = _first_set(renderer, directions, names)
        self._renderer = renderer
        self._state = StudioState(renderer.generator.latent_dim, renderer.recipe.classes)
        self._context = StudioContext(self._state, renderer, self._show)
        self._context.add_directions(*first_set)
        self._picture = tagged(widgets.Image(format="webp"), "picture")
        self._status = tagged(widgets.HTML(), "status")
        self._seeds = SeedPanel(self._context)
        self._panels = [kind(self._context) for kind in _PANELS]
        titles = [(panel.title, k) for k, panel in enumerate(self._panels)]
        views = widgets.ToggleButtons(options=titles, style={"button_width": "auto"})
        self._views = watched(views, "views", lambda _: self._context.act(lambda: None))
        self.box.children = [*self.box.children[:-1], self._arranged()]
        self._context.refresh()

    def _switch(self) -> None:
        """Open the chosen model, on the panel that is open, and close the widgets of the one before."""
        sides, view, squares = self.box.children[-1], self._views.value, self._context.squares.value
        chosen, self._models.value = self._models.value, self._opened
        self._open(chosen)
        self._opened = self._models.value = chosen
        self._views.value, self._context.squares.value = view, squares
        if not self._context.message.value:  # its notes may be damaged
            self._context.say(f"Opened {self._models.label}.")
        _close(sides)

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
        shown = column(
            self._picture, self._context.squares, self._status, self._context.message, self._context.progress
        )
        controls = column(self._seeds.box, self._views, *(panel.box for panel in self._panels))
        return tagged(widgets.HBox([tagged(shown, "shown"), tagged(controls, "controls")]), "sides")


def _first_set(renderer: Renderer, directions: Directions | Tensor | None, names: Sequence[str]) -> Named:
    """What the sliders are for at first: directions that are given, labelled ones, or SeFa's."""
    dim = renderer.generator.latent_dim
    if directions is not None:
        vectors = directions.vectors if isinstance(directions, Directions) else directions
        return "yours", check_latent(vectors, dim), _as_many(names, len(vectors))
    path = find_weights(renderer.source).with_suffix(".directions.json")
    if labelled := read_notes(path, dim).directions:
        return "labelled", torch.stack([one.vector for one in labelled]), [one.name for one in labelled]
    return "SeFa", sefa_directions(renderer.generator, min(MOST, dim)).vectors, ()


def _as_many(names: Sequence[str], count: int) -> list[str]:
    """The names of directions, if there are any, or `GanlibError` if they are not as many."""
    if names and len({*names}) != count:
        raise GanlibError(f"There are {count} directions: give as many different names, not {len(names)}.")
    return [plain(name, LONGEST_NAME) for name in names]


def _look() -> widgets.HTML:
    """Make the style sheet, and what names handles and pictures: ipywidgets has no trait for either."""
    style, script = (Path(__file__).with_name(f"studio.{kind}").read_text("utf-8") for kind in ("css", "js"))
    once_shown = f'style="animation: ganlib-appears 1ms" onanimationstart="{escape(script)}"'
    return widgets.HTML(f"<style>{style}</style><i {once_shown}></i>")


def _models(source: Path, *, bundled: bool) -> list[Model]:
    """What a studio of a run can switch to: weights of that run, of the runs beside it, and bundled ones."""
    if not (Run(source).recipe_file.is_file() and Run(source).generator_file.is_file()):
        return []
    beside = sorted(file.parent for file in source.absolute().parent.glob("*/recipe.json"))
    others = [weights for run in beside if not run.samefile(source) for weights in _weights_of(run)]
    names = bundled_weights() if bundled else ()
    return [*_weights_of(source), *others, *((f"{name} (bundled)", name) for name in names)]


def _weights_of(folder: Path) -> list[Model]:
    """The weights in a run folder, each with its name: the latest, the best, and numbered ones."""
    run, name = Run(folder), plain(folder.absolute().name, _LONGEST_MODEL)
    found: list[Model] = [(f"{name}: latest", folder)] if run.generator_file.is_file() else []
    files = [run.best_file, *sorted(folder.glob("generator-*.safetensors"))]
    return found + [(f"{name}: {plain(file.stem, _LONGEST_MODEL)}", file) for file in files if file.is_file()]


def _close(box: widgets.Widget) -> None:
    for child in getattr(box, "children", ()):
        _close(child)
    box.close()


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

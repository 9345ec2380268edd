"""The whole of a studio: the large picture and what is said of it on the left, panels on the right."""

from html import escape
from pathlib import Path
from random import Random

import ipywidgets as widgets

from ganlib.show.studio.around import FavouritesPanel, NeighboursPanel
from ganlib.show.studio.between import BetweenPanel
from ganlib.show.studio.controls import column, watched
from ganlib.show.studio.desk import Desk, Panel
from ganlib.show.studio.easel import Easel
from ganlib.show.studio.files import OpenPanel, SavePanel
from ganlib.show.studio.seeds import Seeds
from ganlib.show.studio.sliders import CoordinatesPanel, DirectionsPanel
from ganlib.show.studio.state import StudioState

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

    def __init__(self, state: StudioState, easel: Easel, random: Random) -> None:
        """`random` draws new seeds."""
        self.desk = Desk(state, easel, self.show)
        self.picture = widgets.Image(value=easel.png(state.z), format="png")
        self.picture.add_class("ganlib-picture")
        self.status = widgets.HTML()
        self.status.add_class("ganlib-status")
        self.seeds = Seeds(self.desk, random)
        self.directions = DirectionsPanel(self.desk)
        self.panels: list[Panel] = [self.directions, *(kind(self.desk) for kind in _OTHER_PANELS)]
        titles = [(panel.title, k) for k, panel in enumerate(self.panels)]
        views = widgets.ToggleButtons(options=titles, style={"button_width": "auto"})
        self.views = watched(views, "views", lambda _: self.desk.act(lambda: None))
        for panel in self.panels:
            panel.box.add_class("ganlib-panel")
            panel.box.add_class(f"ganlib-panel-{panel.title.lower().replace(' ', '-')}")
        self.box = self._arranged()
        with self.desk.showing():
            self.show()

    def show(self) -> None:
        """Paint what the state says, and bring the open panel in line with it."""
        state = self.desk.state
        self.picture.value = self.desk.easel.png(state.z)
        self.status.value = f'<p role="status" aria-live="polite">{escape(self.line())}</p>'
        self.seeds.show()
        for k, panel in enumerate(self.panels):
            panel.box.layout.display = "" if k == self.views.value else "none"
        self.panels[self.views.value].show()

    def line(self) -> str:
        """What is shown, for people."""
        recipe = self.desk.easel.recipe
        return f"{recipe.name}, {recipe.size} px: {self.desk.state.describe()}"

    def _arranged(self) -> widgets.Box:
        style = Path(__file__).with_name("studio.css").read_text(encoding="utf-8")
        left = column(self.picture, self.status, self.desk.message, self.desk.progress)
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

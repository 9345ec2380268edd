"""The panel of sliders for directions, each between pictures of what its two ends do."""

from collections.abc import Callable
from functools import partial

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.latent.directions import ganspace_directions, sefa_directions
from ganlib.studio.context import Panel
from ganlib.studio.renderer import Renderer
from ganlib.studio.widgets import BoundSlider, Idle, blank, chooser, column, described, line, row, tagged

REACH = 5.0  # steps along a direction, to either side; a step is what z spreads by
SETS = {"SeFa": sefa_directions, "GANSpace": ganspace_directions}
MOST = 10  # directions of a set that is found
_IDLE = 0.15  # seconds


class DirectionRow:
    """A slider between the pictures of its two ends."""

    def __init__(self, slider: BoundSlider) -> None:
        """Leave the pictures for later."""
        self.slider = slider
        self._points = torch.empty(0)
        self._ends = low, high = blank("end"), blank("end")
        self.box = tagged(widgets.HBox([low, slider.widget, high]), "direction")

    def shows(self, points: Tensor) -> bool:
        """Tell whether the ends are the pictures of these points, (2, latent_dim)."""
        return torch.equal(self._points, points)

    def draw(self, points: Tensor, renderer: Renderer) -> None:
        """Generate the pictures of these points, (2, latent_dim), at the ends."""
        for end, picture in zip(self._ends, renderer.small(points), strict=True):
            end.value = picture
        self._points = points


class DirectionsPanel(Panel):
    """Sliders for a set of directions, which can be named, moved and hidden."""

    title = "Directions"

    def _build(self) -> widgets.Box:
        self.rows: dict[int, DirectionRow] = {}
        self._draw_soon = Idle(_IDLE)
        titles = list(dict.fromkeys([*self._state.sets, *SETS]))
        self.set = chooser("Set", "direction-set", titles, self._choose_set)
        self._box = tagged(widgets.VBox(), "directions")
        self.which = chooser("Direction", "direction-choice", [])
        self.name = line("", "direction-name", hint="a name, such as smile")
        undo = self._button("Reset directions", "reset-directions", partial(self._state.undo, moves=True))
        naming = row(self.which, self.name, self._button("Name it", "name-it", self._rename))
        shift, hide = self._state.shift_direction, self._state.hide
        arranging = row(
            self._button("Up", "direction-up", self._arranged(partial(shift, by=-1))),
            self._button("Down", "direction-down", self._arranged(partial(shift, by=1))),
            self._button("Hide", "direction-hide", self._arranged(hide)),
            self._button("Show all", "direction-show", self._arranged(lambda _: self._state.hidden.clear())),
        )
        return column(row(self.set, undo), self._box, naming, arranging)

    def show(self) -> None:
        """Show names and steps; the pictures at the ends follow once nothing else is to be done."""
        shown = self._state.shown
        rows = [self._row(k) for k in shown]
        for k, one in zip(shown, rows, strict=True):
            one.slider.widget.description = described(self._state.names[k])
            one.slider.show()
        if self._box.children != (boxes := tuple(one.box for one in rows)):
            self._box.children = boxes
        self._show_names([(self._state.names[k], k) for k in shown])
        self._draw_soon(map(self._drawing, shown, rows))

    def _show_names(self, options: list[tuple[str, int]]) -> None:
        if self.which.options != tuple(options):
            chosen, self.which.options = self.which.value, options
            self.which.value = chosen if chosen in dict(options).values() else options[0][1]

    def _drawing(self, direction: int, one: DirectionRow) -> Callable[[], None]:
        """What draws the ends of a direction, unless they are drawn."""

        def draw() -> None:
            points = self._state.along([direction], (-REACH, REACH))
            if not one.shows(points):
                one.draw(points, self._renderer)

        return draw

    def _row(self, direction: int) -> DirectionRow:
        if direction not in self.rows:
            name, handle = self._state.names[direction], f"direction-{direction + 1}"
            read, change = partial(self._steps, direction), partial(self._state.move, direction)
            slider = self._slider(name, handle, (-REACH, REACH), 0.1, read, change)
            self.rows[direction] = DirectionRow(slider)
        return self.rows[direction]

    def _steps(self, direction: int) -> float:
        return self._state.current.offset(direction)

    def _choose_set(self, title: str) -> None:
        self._context.act(lambda: self._find(title))

    def _find(self, title: str) -> None:
        if title not in self._state.sets:
            generator = self._renderer.generator
            found = SETS[title](generator, min(MOST, generator.latent_dim))
            self._context.add_directions(title, found.vectors)
        self._state.open_set = title

    def _arranged(self, change: Callable[[int], None]) -> Callable[[], str]:
        """What makes a change to the chosen direction, and keeps it."""

        def arrange() -> str:
            change(self.which.value)
            return f"Arranged; {self._context.keep_notes()}"

        return arrange

    def _rename(self) -> str:
        self._state.rename(self.which.value, self.name.value)
        kept = self._context.keep_notes()
        self.name.value = ""
        return f"Named; {kept}"

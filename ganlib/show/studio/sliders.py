"""The panels with a slider for each direction, and for each coordinate."""

import ipywidgets as widgets

from ganlib.show.studio.controls import Dial, button, chooser, column, line, row
from ganlib.show.studio.desk import Desk

REACH = 5.0  # steps along a direction, to either side; a step is what z spreads by
_FURTHEST = 4.0
_ON_A_PAGE = 20
_DIGITS = 2  # of a coordinate that is shown; its own are kept


class DirectionsPanel:
    """Sliders for the strongest directions, which can be given names."""

    title = "Directions"

    def __init__(self, desk: Desk) -> None:
        """One slider for each."""
        self._desk = desk
        state = desk.state
        self.dials = [self._dial(k) for k in range(len(state.directions))]
        self.which = chooser("Name of", "direction-choice", self._options())
        self.name = line("", "direction-name", hint="such as smile")
        self.box = column(
            *(dial.widget for dial in self.dials),
            row(button("Reset directions", "reset-directions", lambda: desk.act(self._reset))),
            row(self.which, self.name, button("Name it", "name-it", lambda: desk.act(self._rename))),
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        state = self._desk.state
        for dial, name in zip(self.dials, state.names, strict=True):
            dial.widget.description = name
            dial.show()
        if self.which.options != tuple(self._options()):
            chosen = self.which.value
            self.which.options = self._options()
            self.which.value = chosen

    def _dial(self, k: int) -> Dial:
        desk = self._desk
        return Dial(
            desk.state.names[k],
            f"direction-{k + 1}",
            (-REACH, REACH),
            0.1,
            lambda: desk.state.place.offsets[k].item(),
            lambda offset: desk.act(lambda: desk.state.move(k, offset)),
        )

    def _options(self) -> list[tuple[str, int]]:
        return [(name, k) for k, name in enumerate(self._desk.state.names)]

    def _reset(self) -> None:
        self._desk.state.undo(moves=True)

    def _rename(self) -> str:
        self._desk.state.rename(self.which.value, self.name.value)
        self._desk.keep_notes()
        self.name.value = ""
        return f"Named, and kept in {self._desk.easel.notes_file}."


class CoordinatesPanel:
    """A slider for each coordinate of the point, a page of them at a time."""

    title = "Coordinates"

    def __init__(self, desk: Desk) -> None:
        """The first page."""
        self._desk = desk
        self.page = 0
        self._pages = -(-desk.state.latent_dim // _ON_A_PAGE)
        self.dials = [self._dial(k) for k in range(min(_ON_A_PAGE, desk.state.latent_dim))]
        columns = widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(240px, 1fr))")
        grid = widgets.GridBox([dial.widget for dial in self.dials], layout=columns)
        self.where = widgets.Label()
        self.where.add_class("ganlib-page")
        self.box = column(
            row(
                button("Previous page", "page-previous", lambda: self._turn(-1)),
                self.where,
                button("Next page", "page-next", lambda: self._turn(1)),
                button("Reset coordinates", "reset-coordinates", lambda: desk.act(self._reset)),
            ),
            grid,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        count = self._desk.state.latent_dim
        first = self.page * _ON_A_PAGE
        last = min(first + _ON_A_PAGE, count)
        self.where.value = f"{first + 1} to {last} of {count}"
        for k, dial in enumerate(self.dials, first):
            dial.widget.layout.display = "" if k < last else "none"
            dial.widget.description = f"z {k + 1}"
            dial.show()

    def _dial(self, row_: int) -> Dial:
        desk = self._desk
        dial = Dial(
            f"z {row_ + 1}",
            f"coordinate-{row_ + 1}",
            (-_FURTHEST, _FURTHEST),
            10**-_DIGITS,
            lambda: self._shown(row_),
            lambda value: desk.act(lambda: desk.state.edit(self._coordinate(row_), value)),
        )
        dial.widget.style.description_width = "48px"
        dial.widget.readout_format = "+.2f"
        return dial

    def _coordinate(self, row_: int) -> int:
        """Which coordinate a row of the page stands for; the last, where a page is not full."""
        return min(self.page * _ON_A_PAGE + row_, self._desk.state.latent_dim - 1)

    def _shown(self, row_: int) -> float:
        return round(self._desk.state.point[self._coordinate(row_)].item(), _DIGITS)

    def _turn(self, by: int) -> None:
        self.page = (self.page + by) % self._pages
        self._desk.act(lambda: None)

    def _reset(self) -> None:
        self._desk.state.undo(edits=True)

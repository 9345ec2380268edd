"""The panels with which a person moves through the latent space."""

from collections.abc import Callable
from functools import partial
from random import Random

import ipywidgets as widgets
import torch
from PIL import Image
from torch import Tensor

from ganlib.show.figure import encode
from ganlib.studio.context import Panel
from ganlib.studio.state import LatentPoint
from ganlib.studio.widgets import (
    BoundSlider,
    Debounce,
    Tiles,
    chooser,
    column,
    line,
    note,
    row,
    tagged,
    watched,
)

REACH = 5.0  # steps along a direction, to either side; a step is what z spreads by
_LARGEST_SEED = 2**53 - 1  # the largest whole number that a browser knows
_NEW_SEEDS = 1_000_000  # short enough to be told to a friend
_LISTED = 20
_ON_A_PAGE = 20
_DIGITS = 2  # of a coordinate that is shown; all of them are kept
_SIDE = 3
_MIDDLE = _SIDE * _SIDE // 2
_AFTER_A_MOVE = 0.3  # seconds: the large picture comes first
_FAVOURITES_IN_A_ROW = 4


class SeedPanel(Panel):
    """A box for the seed with buttons around it, a history, and a slider for truncation; always open."""

    def _build(self) -> widgets.Box:
        context, state, random = self._context, self._state, Random()
        seed = widgets.BoundedIntText(description="Seed", max=_LARGEST_SEED)
        seed.layout.width = "176px"
        self.seed = watched(seed, "seed", lambda value: context.act(lambda: state.go_to_seed(value)))
        self.history = chooser("History", "history", [], self._revisit)
        self.truncation = context.slider(
            "Truncation", "truncation", (0.0, 1.5), 0.05, lambda: state.current.truncation, state.truncate
        )
        for widget in (self.seed, self.history, self.truncation.widget):
            widget.style.description_width = "80px"
        return column(
            row(
                self.seed,
                context.button("Previous", "previous", lambda: state.go_to_seed(state.current.seed - 1)),
                context.button("Next", "next", lambda: state.go_to_seed(state.current.seed + 1)),
                context.button("New", "new", lambda: state.go_to_seed(random.randrange(_NEW_SEEDS))),
            ),
            row(
                self.history,
                context.button("Back", "back", state.go_back),
                context.button("Reset all", "reset", state.reset),
            ),
            self.truncation.widget,
        )

    def show(self) -> None:
        """Show the seed, the truncation and the latest points of the history."""
        state = self._state
        self.seed.value = state.current.seed
        self.truncation.show()
        before = state.history[: -_LISTED - 1 : -1]
        options = [("now", 0), *((point.describe(state.names), k + 1) for k, point in enumerate(before))]
        if self.history.options != tuple(options):
            self.history.options = options
        self.history.value = 0

    def _revisit(self, steps: int) -> None:
        if steps:
            self._context.act(lambda: self._state.revisit(steps))


class DirectionsPanel(Panel):
    """Sliders for the strongest directions, which can be given names."""

    title = "Directions"

    def _build(self) -> widgets.Box:
        context = self._context
        self.sliders = [self._slider(k) for k in range(len(self._state.directions))]
        self.which = chooser("Name of", "direction-choice", self._options())
        self.name = line("", "direction-name", hint="such as smile")
        undo = context.button("Reset directions", "reset-directions", lambda: self._state.undo(moves=True))
        return column(
            *(slider.widget for slider in self.sliders),
            row(undo),
            row(self.which, self.name, context.button("Name it", "name-it", self._rename)),
        )

    def show(self) -> None:
        """Show names and steps."""
        for slider, name in zip(self.sliders, self._state.names, strict=True):
            slider.widget.description = name
            slider.show()
        if self.which.options != tuple(self._options()):
            chosen = self.which.value
            self.which.options = self._options()
            self.which.value = chosen

    def _slider(self, k: int) -> BoundSlider:
        state, handle = self._state, f"direction-{k + 1}"
        move = partial(state.move, k)
        return self._context.slider(
            state.names[k], handle, (-REACH, REACH), 0.1, lambda: state.current.offsets[k].item(), move
        )

    def _options(self) -> list[tuple[str, int]]:
        return [(name, k) for k, name in enumerate(self._state.names)]

    def _rename(self) -> str:
        self._state.rename(self.which.value, self.name.value)
        kept = self._context.keep_notes()
        self.name.value = ""
        return f"Named; {kept}"


class CoordinatesPanel(Panel):
    """A slider for each coordinate of the point, a page of them at a time."""

    title = "Coordinates"

    def _build(self) -> widgets.Box:
        context = self._context
        self.page = 0
        self.sliders = [self._slider(k) for k in range(min(_ON_A_PAGE, self._state.latent_dim))]
        columns = widgets.Layout(grid_template_columns="repeat(auto-fill, minmax(240px, 1fr))")
        self.where = tagged(widgets.Label(), "page")
        undo = context.button("Reset coordinates", "reset-coordinates", lambda: self._state.undo(edits=True))
        return column(
            row(
                context.button("Previous page", "page-previous", lambda: self._turn(-1)),
                self.where,
                context.button("Next page", "page-next", lambda: self._turn(1)),
                undo,
            ),
            widgets.GridBox([slider.widget for slider in self.sliders], layout=columns),
        )

    def show(self) -> None:
        """Show the coordinates of this page."""
        count, first = self._state.latent_dim, self.page * _ON_A_PAGE
        last = min(first + _ON_A_PAGE, count)
        self.where.value = f"{first + 1} to {last} of {count}"
        for k, slider in enumerate(self.sliders, first):
            slider.widget.layout.display = "" if k < last else "none"
            slider.widget.description = f"z {k + 1}"
            slider.show()

    def _slider(self, row_: int) -> BoundSlider:
        slider = self._context.slider(
            f"z {row_ + 1}",
            f"coordinate-{row_ + 1}",
            (-4.0, 4.0),
            10**-_DIGITS,
            lambda: round(self._state.untruncated[self._coordinate(row_)].item(), _DIGITS),
            lambda value: self._state.edit(self._coordinate(row_), value),
        )
        slider.widget.style.description_width = "48px"
        slider.widget.readout_format = "+.2f"
        return slider

    def _coordinate(self, row_: int) -> int:
        """Return the coordinate in a row of the page: the last one, where the page is not full."""
        return min(self.page * _ON_A_PAGE + row_, self._state.latent_dim - 1)

    def _turn(self, by: int) -> None:
        self.page = (self.page + by) % -(-self._state.latent_dim // _ON_A_PAGE)


class BetweenPanel(Panel):
    """Two pictures that were kept, and a slider from the one to the other."""

    title = "A to B"

    def _build(self) -> widgets.Box:
        context = self._context
        self._last_share = 0.0
        self.share = context.slider(
            "From A to B", "between", (0.0, 1.0), 0.01, self._share, self._state.go_between
        )
        self.pictures = {slot: tagged(_empty_slot(), f"slot-{slot.lower()}") for slot in "AB"}
        slots = [
            column(picture, context.button(f"Keep as {slot}", f"keep-{slot.lower()}", self._keeper(slot)))
            for slot, picture in self.pictures.items()
        ]
        return column(
            note(
                "Keep what is shown as A, go elsewhere and keep that as B; the slider takes the arc between."
            ),
            row(*slots),
            self.share.widget,
        )

    def show(self) -> None:
        """Show how far it is from A."""
        self.share.show()

    def _share(self) -> float:
        """Return the part of the way that is done; away from the way, the last one there was."""
        if self._state.current.share is not None:
            self._last_share = self._state.current.share
        return self._last_share

    def _keeper(self, slot: str) -> Callable[[], None]:
        def keep() -> None:
            self._state.keep(slot)
            self.pictures[slot].value = self._context.renderer.thumbnails(self._state.z[None], 1)

        return keep


def _empty_slot() -> widgets.Image:
    grey = encode(Image.new("RGB", (1, 1), "grey"))
    layout = widgets.Layout(width="112px", height="112px")
    return tagged(widgets.Image(value=grey, format="png", layout=layout), "slot")


class NeighboursPanel(Panel):
    """The current picture in the middle, and eight around it; a click goes there."""

    title = "Neighbours"

    def _build(self) -> widgets.Box:
        context = self._context
        self._round = 0
        self._distance = 0.5
        self._drawn: tuple[LatentPoint, float, int] | None = None
        self._points = torch.empty(0)
        self._draw_soon = Debounce(self._draw, _AFTER_A_MOVE)
        self.tiles = Tiles("neighbour", _SIDE, self._go)
        set_distance = partial(setattr, self, "_distance")
        self.distance = context.slider(
            "Distance", "distance", (0.0, 1.5), 0.05, lambda: self._distance, set_distance
        )
        return column(
            note("Pictures near the one in the middle: click one to go there."),
            self.tiles.box,
            self.distance.widget,
            row(context.button("Other neighbours", "more", self._turn)),
        )

    def show(self) -> None:
        """Generate the neighbours soon, if they are others than before."""
        self.distance.show()
        if self._drawn != self._wanted():
            self._draw_soon()

    def _wanted(self) -> tuple[LatentPoint, float, int]:
        return self._state.current, self._distance, self._round

    def _draw(self) -> None:
        self._drawn, state = self._wanted(), self._state
        around = state.neighbours(_SIDE * _SIDE - 1, self._distance, self._round)
        self._points = torch.cat([around[:_MIDDLE], state.untruncated[None], around[_MIDDLE:]])
        texts = [f"neighbour {k + 1}" for k in range(len(self._points))]
        texts[_MIDDLE] = "here"
        self.tiles.show(self._context.renderer.thumbnails(state.truncated(self._points), _SIDE), texts)

    def _go(self, index: int) -> None:
        if index != _MIDDLE:
            current = self._state.current
            name = f"near {current.name.removeprefix('near ')}"
            self._context.act(lambda: self._state.go_to(self._points[index], name, current.truncation))

    def _turn(self) -> None:
        self._round += 1


class FavouritesPanel(Panel):
    """The pictures that were pinned; a click goes there."""

    title = "Favourites"

    def _build(self) -> widgets.Box:
        context = self._context
        self._drawn: list[Tensor] = []
        self.tiles = Tiles("favourite", _FAVOURITES_IN_A_ROW, self._go)
        self.tiles.box.layout.display = "none"
        return column(
            note("Pin what is shown, and find it here the next time, too. Click one to go there."),
            row(
                context.button("Pin this picture", "pin", self._pin),
                context.button("Unpin this picture", "unpin", self._unpin),
            ),
            self.tiles.box,
        )

    def show(self) -> None:
        """Generate the favourites, if they are others than before."""
        pinned = self._state.favourites
        if [*map(id, self._drawn)] == [*map(id, pinned)]:
            return
        self._drawn = list(pinned)
        sheet = (
            self._context.renderer.thumbnails(torch.stack(pinned), _FAVOURITES_IN_A_ROW) if pinned else b""
        )
        self.tiles.show(sheet, [f"favourite {k + 1}" for k in range(len(pinned))])

    def _go(self, index: int) -> None:
        favourite = self._state.favourites[index]
        self._context.act(lambda: self._state.go_to(favourite, f"favourite {index + 1}"))

    def _pin(self) -> str:
        self._state.pin()
        return f"Pinned; {self._context.keep_notes()}"

    def _unpin(self) -> str:
        self._state.unpin()
        return f"Unpinned; {self._context.keep_notes()}"


PANELS: tuple[type[Panel], ...] = (
    DirectionsPanel,
    CoordinatesPanel,
    BetweenPanel,
    NeighboursPanel,
    FavouritesPanel,
)

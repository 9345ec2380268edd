"""The panels with which a person moves through the latent space."""

import re
from functools import partial
from random import Random

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.studio.context import Panel
from ganlib.studio.state import LatentPoint
from ganlib.studio.widgets import (
    Debounce,
    Tiles,
    blank,
    chooser,
    column,
    line,
    note,
    row,
    tagged,
    watched,
)

_ANY = -1  # no class: z decides
_NEW_SEEDS = 1_000_000  # short enough to be told to a friend
_LISTED = 20
_ON_A_PAGE = 20
_DIGITS = 2  # of a coordinate that is shown; all of them are kept
_SIDE, _MIDDLE = 3, 4  # of the grid of neighbours: its pictures a side, and the index of the middle one


class SeedPanel(Panel):
    """A box for the seed with buttons around it, a history, and a slider for truncation; always open."""

    def _build(self) -> widgets.Box:
        state, random = self._state, Random()
        self.seed = line("Seed", "seed", hint="no seed")
        self.seed.layout.width, self.seed.layout.flex = "176px", "0 1 auto"
        watched(self.seed, "seed", lambda typed: self._context.act(lambda: self._go_to_typed(typed)))
        self.history = chooser("History", "history", [], self._revisit)
        self.truncation = self._slider(
            "Truncation", "truncation", (0.0, 1.5), 0.05, lambda: state.current.truncation, state.truncate
        )
        for widget in (self.seed, self.history, self.truncation.widget):
            widget.style.description_width = "80px"
        before = self._button("Previous", "previous", lambda: state.go_to_seed(state.current.seed - 1))
        after = self._button("Next", "next", lambda: state.go_to_seed(state.current.seed + 1))
        new = self._button("New", "new", lambda: state.go_to_seed(random.randrange(_NEW_SEEDS)))
        back = self._button("Back", "back", state.go_back)
        reset = self._button("Reset all", "reset", state.reset)
        seeds, history = row(self.seed, before, after, new), row(self.history, back, reset)
        self.classes = [ClassPanel(self._context)] if state.classes else []
        return column(seeds, *(panel.box for panel in self.classes), history, self.truncation.widget)

    def show(self) -> None:
        """Show the seed, if it is a seed's picture, the truncation and the latest points of the history."""
        state, seed = self._state, str(self._state.current.seed)
        self.seed.value = seed if state.current.name == f"seed {seed}" else ""
        self.truncation.show()
        for panel in self.classes:
            panel.show()
        before = state.history[: -_LISTED - 1 : -1]
        texts = (point.describe(state.names, state.classes) for point in before)
        options = [("now", 0), *((text, k) for k, text in enumerate(texts, 1))]
        if self.history.options != tuple(options):
            self.history.options = options
        self.history.value = 0

    def _go_to_typed(self, typed: str) -> None:
        if not re.fullmatch(" *[0-9]{1,18} *", typed):
            raise GanlibError("A seed is a whole number, such as 7: type one.")
        self._state.go_to_seed(int(typed))

    def _revisit(self, steps: int) -> None:
        if steps:
            self._context.act(lambda: self._state.revisit(steps))


class ClassPanel(Panel):
    """The class of the pictures, and a slider that blends it with another one."""

    def _build(self) -> widgets.Box:
        options = [(name, k) for k, name in enumerate(self._state.classes)]
        self.one = chooser("Class", "class", [("any", _ANY), *options], self._choose)
        self.other = chooser("and", "class-other", options[::-1], self._choose)
        self.one.style.description_width = "80px"
        self._share, ends = 0.0, (0.0, 1.0)
        self.share = self._slider("Blend", "class-blend", ends, 0.05, lambda: self._share, self._blend)
        self.share.widget.style.description_width = "80px"
        return column(row(self.one, self.other), self.share.widget)

    def show(self) -> None:
        """Show the classes of the point: the two with the largest shares, if they are others than before."""
        shares = self._state.shares
        if self.one.value == self.other.value:  # a class is not blended with itself
            self.other.value = (self.one.value + 1) % len(shares)
        if not torch.allclose(self._chosen(), shares, atol=1e-4):
            first, second = shares.argsort(descending=True, stable=True)[:2].tolist()
            self.one.value = first if shares.any() else _ANY
            self.other.value, self._share = second, shares[second].item()
        self.share.show()
        for widget in (self.other, self.share.widget):
            widget.layout.display = "none" if self.one.value == _ANY else ""

    def _chosen(self) -> Tensor:
        """The share of each class, (classes,), as the widgets have it."""
        shares = torch.zeros(len(self._state.classes))
        if self.one.value != _ANY:
            shares[self.one.value] += 1 - self._share
            shares[self.other.value] += self._share
        return shares

    def _choose(self, _: object) -> None:
        self._context.act(lambda: self._state.choose(self._chosen()))

    def _blend(self, share: float) -> None:
        self._share = share
        self._state.choose(self._chosen())


class CoordinatesPanel(Panel):
    """A slider for each coordinate of the point, some of them at a time."""

    title = "Coordinates"

    def _build(self) -> widgets.Box:
        count = self._state.latent_dim
        pages = [(f"{k + 1} to {min(k + _ON_A_PAGE, count)}", k) for k in range(0, count, _ON_A_PAGE)]
        self.page = chooser("Show", "page", pages, lambda _: self._context.act(lambda: None))
        self.sliders = []
        for k in range(min(_ON_A_PAGE, count)):
            texts, ends = (f"z {k + 1}", f"coordinate-{k + 1}"), (-4.0, 4.0)
            read, edit = partial(self._read, k), partial(self._edit, k)
            slider = self._slider(*texts, ends, 10**-_DIGITS, read, edit)
            slider.widget.style.description_width = "48px"
            slider.widget.readout_format = "+.2f"
            self.sliders.append(slider)
        columns = {"grid_template_columns": "repeat(auto-fill, minmax(min(240px, 100%), 1fr))"}
        undo = self._button("Reset coordinates", "reset-coordinates", partial(self._state.undo, edits=True))
        shown = widgets.GridBox([slider.widget for slider in self.sliders], layout=columns)
        return column(row(self.page, undo), shown)

    def show(self) -> None:
        """Show the coordinates that are chosen."""
        for k, slider in enumerate(self.sliders, self.page.value):
            is_there = k < self._state.latent_dim
            slider.widget.layout.display = "" if is_there else "none"
            slider.widget.description = f"z {k + 1}"
            if is_there:
                slider.show()

    def _read(self, row_: int) -> float:
        return round(self._state.untruncated[self.page.value + row_].item(), _DIGITS)

    def _edit(self, row_: int, value: float) -> None:
        self._state.edit(self.page.value + row_, value)


class BetweenPanel(Panel):
    """Two pictures that were kept, and a slider from the one to the other."""

    title = "A to B"

    def _build(self) -> widgets.Box:
        move, ends = self._state.go_between, (0.0, 1.0)
        self.share = self._slider("From A to B", "between", ends, 0.01, self._share, move)
        self.pictures = {slot: blank("slot", {"width": "112px", "height": "112px"}) for slot in "AB"}
        slots = []
        for slot, picture in self.pictures.items():
            keep = self._button(f"Keep as {slot}", f"keep-{slot.lower()}", partial(self._keep, slot))
            slots.append(column(tagged(picture, f"slot-{slot.lower()}"), keep))
        help_ = "Keep what is shown as A, go elsewhere and keep that as B; the slider takes the arc between."
        return column(note(help_), row(*slots), self.share.widget)

    def show(self) -> None:
        """Show how far it is from A."""
        self.share.show()

    def _share(self) -> float:
        return self._state.current.share or 0.0

    def _keep(self, slot: str) -> None:
        self._state.keep(slot)
        self.pictures[slot].value = self._renderer.thumbnails(self._state.z[None], 1)


class NeighboursPanel(Panel):
    """The current picture in the middle, and eight around it; a click goes there."""

    title = "Neighbours"

    def _build(self) -> widgets.Box:
        self._round, self._distance = 0, 0.5
        self._drawn: tuple[LatentPoint, float, int] | None = None
        self._points = torch.empty(0)
        self._draw_soon = Debounce(self._draw, 0.3)  # the large picture comes first
        self.tiles = Tiles("neighbour", _SIDE, self._go)
        write = partial(setattr, self, "_distance")
        self.distance = self._slider("Distance", "distance", (0.0, 1.5), 0.05, lambda: self._distance, write)
        help_ = note("Pictures near the one in the middle: click one to go there.")
        others = row(self._button("Other neighbours", "more", self._turn))
        return column(help_, self.tiles.box, self.distance.widget, others)

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
        self.tiles.show(self._renderer.thumbnails(state.truncated(self._points), _SIDE), texts)

    def _go(self, index: int) -> None:
        if index != _MIDDLE:
            current = self._state.current
            name = f"near {current.name.removeprefix('near ')}"
            self._context.act(lambda: self._state.go_to(self._points[index], name, current.truncation))

    def _turn(self) -> None:
        self._round += 1


PANELS = CoordinatesPanel, BetweenPanel, NeighboursPanel

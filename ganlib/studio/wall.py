"""The panels with walls of small pictures: of seeds, page after page, and of favourites."""

from collections.abc import Callable, Sequence
from functools import partial

import ipywidgets as widgets
import torch
from torch import Tensor

from ganlib.latent.sampling import complete, sample_latent
from ganlib.studio.context import Panel
from ganlib.studio.widgets import Tiles, chooser, column, control, line, note, row, watched

_COUNTS = (24, 48, 96)
_IN_A_ROW = 6


class PagesPanel(Panel):
    """Pictures in rows, a page at a time; a click goes there, and with Shift, or a tick, it `marks`."""

    handle: str
    marks: str

    def _build(self) -> widgets.Box:
        self._first, self._marked = 0, 0
        self._drawn: tuple[list[str], Tensor] | None = None
        self.tiles = Tiles(self.handle, _IN_A_ROW, self._choose)
        act = self._context.act
        self.count = chooser("Pictures", f"{self.handle}-count", _COUNTS, lambda _: act(lambda: None))
        words, small = f"a click {self.marks}", {"width": "auto"}
        self.ticked = control(
            widgets.Checkbox, words, f"{self.handle}-{self.marks}", small, value=False, indent=False
        )
        before = self._button("Previous page", f"{self.handle}-previous", partial(self._turn, -1))
        after = self._button("Next page", f"{self.handle}-next", partial(self._turn, 1))
        shift = watched(line("", "shift"), f"{self.handle}-shift", self._on_shift)
        shift.layout.display = "none"  # the browser writes into it
        self.pages = row(before, after, *self._more(), self.count, self.ticked, shift)
        return column(*self._head(), self.pages, self.tiles.box)

    def _head(self) -> Sequence[widgets.Widget]:
        raise NotImplementedError

    def _more(self) -> Sequence[widgets.Widget]:
        return ()

    def _page(self) -> tuple[list[str], Tensor]:
        """The texts of a page's pictures, and their points (N, latent_dim + classes)."""
        raise NotImplementedError

    def _go(self, place: int) -> None:
        raise NotImplementedError

    def _mark(self, place: int) -> str:
        raise NotImplementedError

    def show(self) -> None:
        """Generate the page, if it is another than before."""
        texts, points = self._page()
        if self._drawn is None or self._drawn[0] != texts or not torch.equal(self._drawn[1], points):
            self._drawn = texts, points
            self.tiles.show(self._renderer.thumbnails(points, _IN_A_ROW) if texts else b"", texts)

    def _choose(self, index: int) -> None:
        does = self._mark if self.ticked.value else self._go
        self._context.act(lambda: does(self._first + index))

    def _on_shift(self, places: str) -> None:
        """Mark what was clicked with Shift held down: `places` on the page, those of all clicks so far."""
        new, self._marked = places.split()[self._marked :], len(places.split())
        for index in map(int, new):
            self._context.act(partial(self._mark, self._first + index))

    def _turn(self, by: int) -> None:
        self._first = max(0, self._first + by * self.count.value)

    def _noted(self, done: str, change: Callable[[], None]) -> str:
        change()
        return f"{done}; {self._context.keep_notes()}"


class WallPanel(PagesPanel):
    """Pictures of many seeds; a click goes there, or pins."""

    title, handle, marks = "Wall", "wall", "pins"

    def _head(self) -> Sequence[widgets.Widget]:
        return [note("Each small picture is a seed. Click one to go there; with Shift held down, to pin it.")]

    def _more(self) -> Sequence[widgets.Widget]:
        return [self._button("From this seed", "wall-here", self._from_here)]

    def _page(self) -> tuple[list[str], Tensor]:
        texts = [f"seed {self._first + k}" for k in range(self.count.value)]
        return texts, self._points(self._first, self.count.value)

    def _points(self, seed: int, count: int) -> Tensor:
        """The points (count, latent_dim + classes) of seeds, at the current truncation."""
        state = self._state
        z = sample_latent(count, state.latent_dim, seed)
        return state.truncated(complete(z, state.latent_dim, len(state.classes)))

    def _go(self, place: int) -> None:
        self._state.go_to_seed(place)

    def _mark(self, place: int) -> str:
        """Pin the picture of a seed, and stay where one is."""
        pin = partial(self._state.pin, self._points(place, 1)[0], f"seed {place}")
        return self._noted(f"Pinned seed {place}", pin)

    def _from_here(self) -> None:
        self._first = self._state.current.seed


class FavouritesPanel(PagesPanel):
    """The pictures that were pinned; a click goes there, or unpins."""

    title, handle, marks = "Favourites", "favourite", "unpins"

    def _head(self) -> Sequence[widgets.Widget]:
        pin = partial(self._noted, "Pinned", self._state.pin)
        unpin = partial(self._noted, "Unpinned", self._state.unpin)
        first = self._button("Pin this picture", "pin", pin)
        second = self._button("Unpin this picture", "unpin", unpin)
        help_ = (
            "Pin what is shown, and find it here the next time, too. Click one to go there; with Shift held "
            "down, to unpin it."
        )
        return [note(help_), row(first, second)]

    def _page(self) -> tuple[list[str], Tensor]:
        pinned, count = self._state.favourites, self.count.value
        self.pages.layout.display = "" if pinned else "none"
        self._first = min(self._first, max(len(pinned) - 1, 0)) // count * count
        page = pinned[self._first : self._first + count]
        texts = [f"favourite {self._first + k + 1}" for k in range(len(page))]
        return texts, torch.stack(page) if page else torch.empty(0)

    def _go(self, place: int) -> None:
        favourite, origin = self._state.favourites[place], self._state.origins[place]
        self._state.go_to(favourite, f"favourite {place + 1}" + (f" ({origin})" if origin else ""))

    def _mark(self, place: int) -> str:
        return self._noted(f"Unpinned favourite {place + 1}", partial(self._state.unpin, place))

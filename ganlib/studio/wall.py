"""The panel with a wall of seeds: page after page of small pictures to choose from."""

import ipywidgets as widgets
from torch import Tensor

from ganlib.latent.sampling import complete, sample_latent
from ganlib.studio.context import Panel
from ganlib.studio.widgets import Tiles, chooser, column, control, note, row

_COUNTS = (24, 48, 96)
_IN_A_ROW = 6


class WallPanel(Panel):
    """Pictures of many seeds in a row, a page at a time; a click goes there, or pins."""

    title = "Wall"

    def _build(self) -> widgets.Box:
        self._first = 0
        self._drawn: tuple[int, int, float] | None = None
        self.tiles = Tiles("wall", _IN_A_ROW, self._choose)
        act = self._context.act
        self.count = chooser("Pictures", "wall-count", _COUNTS, lambda _: act(lambda: None))
        small = {"width": "auto"}
        self.pins = control(widgets.Checkbox, "a click pins", "wall-pins", small, value=False, indent=False)
        before = self._button("Previous page", "wall-previous", lambda: self._turn(-1))
        after = self._button("Next page", "wall-next", lambda: self._turn(1))
        here = self._button("From this seed", "wall-here", self._from_here)
        help_ = note("Each small picture is a seed. Click one to go there, or to pin it.")
        return column(help_, row(before, after, here, self.count, self.pins), self.tiles.box)

    def show(self) -> None:
        """Generate the page, if it is another than before."""
        wanted = self._first, self.count.value, self._state.current.truncation
        if self._drawn == wanted:
            return
        self._drawn = wanted
        sheet = self._renderer.thumbnails(self._points(self._first, self.count.value), _IN_A_ROW)
        self.tiles.show(sheet, [f"seed {self._first + k}" for k in range(self.count.value)])

    def _points(self, seed: int, count: int) -> Tensor:
        """The points (count, latent_dim + classes) of seeds, at the current truncation."""
        state = self._state
        z = sample_latent(count, state.latent_dim, seed)
        return state.truncated(complete(z, state.latent_dim, len(state.classes)))

    def _choose(self, index: int) -> None:
        seed = self._first + index
        self._context.act(lambda: self._pin(seed) if self.pins.value else self._state.go_to_seed(seed))

    def _pin(self, seed: int) -> str:
        """Pin the picture of a seed, and stay where one is."""
        self._state.pin(self._points(seed, 1)[0], f"seed {seed}")
        return f"Pinned seed {seed}; {self._context.keep_notes()}"

    def _turn(self, by: int) -> None:
        self._first = max(0, self._first + by * self.count.value)

    def _from_here(self) -> None:
        self._first = self._state.current.seed

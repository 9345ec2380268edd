"""The panel that crosses two favourites: children that have some numbers of z from each."""

import ipywidgets as widgets
import torch

from ganlib.studio.context import Panel
from ganlib.studio.widgets import Tiles, chooser, column, note, row

_CHILDREN = 8
_IN_A_ROW = 4


class CrossingPanel(Panel):
    """Two favourites, how much of the second a child has, and a handful of children to choose from."""

    title = "Cross"

    def _build(self) -> widgets.Box:
        self._share, self._round = 0.5, 0
        self._drawn: tuple[object, ...] = ()
        self._children = torch.empty(0)
        self.one = chooser("Cross", "parent-one", [("none", -1)], self._refresh)
        self.other = chooser("with", "parent-other", [("none", -1)], self._refresh)
        read, ends = (lambda: self._share), (0.0, 1.0)
        self.share = self._slider("Of the second", "cross-share", ends, 0.05, read, self._set)
        self.tiles = Tiles("child", _IN_A_ROW, self._go)
        others = row(self._button("Other children", "other-children", self._turn))
        help_ = note(
            "Pin two pictures or more, and cross two of them: each child has some of the numbers of one, the "
            "others of the other. What a picture descends from is kept when it is pinned."
        )
        self.parents = row(self.one, self.other)
        self.inside = column(self.share.widget, self.tiles.box, others)
        return column(help_, self.parents, self.inside)

    def show(self) -> None:
        """List the favourites, and generate the children of the two that are chosen."""
        count = len(self._state.favourites)
        options = [(f"favourite {k + 1}", k) for k in range(count)] or [("none", -1)]
        for place, widget in enumerate((self.one, self.other)):
            if widget.options != tuple(options):
                kept, widget.options = widget.value, options
                widget.value = kept if 0 <= kept < count else options[min(place, len(options) - 1)][1]
        self.inside.layout.display = "" if count > 1 else "none"
        self.share.show()
        pair = self.one.value, self.other.value
        wanted = (*pair, self._share, self._round, count)
        if count > 1 and self._drawn != wanted:
            self._drawn = wanted
            self._children = self._state.cross(*pair, self._share, _CHILDREN, self._round)
            sheet = self._renderer.thumbnails(self._children, _IN_A_ROW)
            self.tiles.show(sheet, [f"child {k + 1}" for k in range(_CHILDREN)])

    def _refresh(self, _: object) -> None:
        self._context.act(lambda: None)

    def _set(self, share: float) -> None:
        self._share = share

    def _turn(self) -> None:
        self._round += 1

    def _go(self, index: int) -> None:
        name = self._state.child_name(self.one.value, self.other.value, self._share)
        self._context.act(lambda: self._state.go_to(self._children[index], name))

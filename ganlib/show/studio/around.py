"""The panels with many pictures: neighbours of the one that is shown, and favourites."""

import torch
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.show.studio.controls import Dial, Tiles, button, column, note, row
from ganlib.show.studio.desk import Desk
from ganlib.show.studio.later import Later
from ganlib.show.studio.place import Place

_SIDE = 3
_COUNT = _SIDE * _SIDE
_MIDDLE = _COUNT // 2
_AFTER_A_MOVE = 0.3  # seconds: the large picture comes first
_DISTANCE = 0.5
_FURTHEST = 1.5
_FAVOURITES_IN_A_ROW = 4


class NeighboursPanel:
    """The present picture in the middle, and eight around it; a click goes there."""

    title = "Neighbours"

    def __init__(self, desk: Desk) -> None:
        """Nothing is painted before the panel is open."""
        self._desk = desk
        self._round = 0
        self._drawn: tuple[Place, float, int] | None = None
        self._points = torch.empty(0)
        self._later = Later(self._draw, _AFTER_A_MOVE)
        self.tiles = Tiles("neighbour", _SIDE, self._go)
        self._distance = _DISTANCE
        self.distance = Dial(
            "Distance",
            "distance",
            (0.0, _FURTHEST),
            0.05,
            lambda: self._distance,
            lambda distance: desk.act(lambda: self._spread(distance)),
        )
        self.box = column(
            note("Pictures near the one in the middle: click one to go there."),
            self.tiles.box,
            self.distance.widget,
            row(button("Other neighbours", "more", lambda: desk.act(self._turn))),
        )

    def show(self) -> None:
        """Paint them soon, if they are others than before."""
        self.distance.show()
        if self._drawn != self._wanted():
            self._later.ask()

    def _wanted(self) -> tuple[Place, float, int]:
        return self._desk.state.place, self._distance, self._round

    def _draw(self) -> None:
        self._drawn = self._wanted()
        state = self._desk.state
        around = state.neighbours(_COUNT - 1, self._distance, self._round)
        self._points = torch.cat([around[:_MIDDLE], state.point[None], around[_MIDDLE:]])
        texts = [f"neighbour {k + 1}" for k in range(_COUNT)]
        texts[_MIDDLE] = "here"
        self.tiles.show(self._desk.easel.thumbnails(state.painted(self._points), _SIDE), texts)

    def _go(self, place: int) -> None:
        if place != _MIDDLE:
            self._desk.act(lambda: self._go_near(self._points[place]))

    def _go_near(self, point: Tensor) -> None:
        present = self._desk.state.place
        self._desk.state.go_to(point, f"near {present.name.removeprefix('near ')}", present.truncation)

    def _spread(self, distance: float) -> None:
        if not 0 <= distance <= _FURTHEST:
            raise GanlibError(f"Neighbours are 0 to {_FURTHEST} away, not {distance}.")
        self._distance = distance

    def _turn(self) -> None:
        self._round += 1


class FavouritesPanel:
    """The pictures that were pinned; a click goes there."""

    title = "Favourites"

    def __init__(self, desk: Desk) -> None:
        """Nothing is painted before the panel is open."""
        self._desk = desk
        self._drawn: list[Tensor] = []
        self.tiles = Tiles("favourite", _FAVOURITES_IN_A_ROW, self._go)
        self.box = column(
            note("Pin what is shown, and find it here the next time, too. Click one to go there."),
            row(
                button("Pin this picture", "pin", lambda: desk.act(self._pin)),
                button("Unpin this picture", "unpin", lambda: desk.act(self._unpin)),
            ),
            self.tiles.box,
        )
        self.tiles.box.layout.display = "none"

    def show(self) -> None:
        """Paint them, if they are others than before."""
        pinned = self._desk.state.favourites
        if [*map(id, self._drawn)] == [*map(id, pinned)]:
            return
        self._drawn = list(pinned)
        texts = [f"favourite {k + 1}" for k in range(len(pinned))]
        sheet = self._desk.easel.thumbnails(torch.stack(pinned), _FAVOURITES_IN_A_ROW) if pinned else b""
        self.tiles.show(sheet, texts)

    def _go(self, place: int) -> None:
        state = self._desk.state
        self._desk.act(lambda: state.go_to(state.favourites[place], f"favourite {place + 1}"))

    def _pin(self) -> str:
        self._desk.state.pin()
        return self._kept("Pinned")

    def _unpin(self) -> str:
        self._desk.state.unpin()
        return self._kept("Unpinned")

    def _kept(self, what: str) -> str:
        self._desk.keep_notes()
        return f"{what}; kept in {self._desk.easel.notes_file}."

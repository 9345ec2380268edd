"""The panel with two slots, A and B, and the way between them."""

from collections.abc import Callable

import ipywidgets as widgets
from PIL import Image

from ganlib.show.studio.controls import Dial, button, column, note, row
from ganlib.show.studio.desk import Desk
from ganlib.show.studio.easel import encode

_THUMBNAIL = "112px"


class BetweenPanel:
    """Two pictures that were kept, and a slider from the one to the other."""

    title = "A to B"

    def __init__(self, desk: Desk) -> None:
        """Both slots are empty."""
        self._desk = desk
        self._last_share = 0.0
        self.pictures = {slot: _picture(slot) for slot in "AB"}
        self.share = Dial(
            "From A to B",
            "between",
            (0.0, 1.0),
            0.01,
            self._share,
            lambda share: desk.act(lambda: desk.state.go_between(share)),
        )
        slots = [
            column(self.pictures[slot], button(f"Keep as {slot}", f"keep-{slot.lower()}", self._keeper(slot)))
            for slot in "AB"
        ]
        self.box = column(
            note(
                "Keep what is shown as A, go elsewhere and keep that as B; the slider takes the arc between."
            ),
            row(*slots),
            self.share.widget,
        )

    def show(self) -> None:
        """Bring the widgets in line with the state."""
        self.share.show()

    def _share(self) -> float:
        """How far it is from A to B; where one is elsewhere now, how far one was last."""
        present = self._desk.state.place.share
        self._last_share = self._last_share if present is None else present
        return self._last_share

    def _keeper(self, slot: str) -> Callable[[], None]:
        return lambda: self._desk.act(lambda: self._keep(slot))

    def _keep(self, slot: str) -> None:
        desk = self._desk
        desk.state.keep(slot)
        self.pictures[slot].value = desk.easel.thumbnails(desk.state.z[None], 1)


def _picture(slot: str) -> widgets.Image:
    empty = encode(Image.new("RGB", (1, 1), "grey"))
    made = widgets.Image(
        value=empty, format="png", layout=widgets.Layout(width=_THUMBNAIL, height=_THUMBNAIL)
    )
    made.add_class(f"ganlib-slot-{slot.lower()}")
    made.add_class("ganlib-slot")
    return made

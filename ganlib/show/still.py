"""What widgets leave behind where there is no kernel: a picture of them, and a line of text."""

from collections.abc import Callable
from html import escape
from typing import Any

from ganlib.show.figure import Figure

_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def widgets_or_still(
    box: Any, figure: Figure, told: str, *, invitation: str = "there are sliders", width: int | None = None
) -> dict[str, Any]:
    """What `_repr_mimebundle_` returns: the widgets in `box`, and `figure` for pages that cannot show them.

    `told` is the line below the picture, and all that a terminal prints; `width` is in px.
    """
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    caption = escape(f"{told.rstrip('.')}. Run this cell in a notebook, and {invitation}.")
    html = f"<figure>{figure.html(width)}<figcaption>{caption}</figcaption></figure>"
    return {_WIDGET_VIEW: view, "text/html": html, "text/plain": told}


class Interactive:
    """Widgets of your own, `box`, that leave a still picture behind where there is no kernel."""

    def __init__(self, box: Any, still: Callable[[], Figure]) -> None:
        """`still` draws what the widgets show at the moment."""
        self.box = box
        self._still = still

    def __repr__(self) -> str:
        """What is shown, in words."""
        return self._still().alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        figure = self._still()
        return widgets_or_still(self.box, figure, figure.alt)

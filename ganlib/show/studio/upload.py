"""The button that uploads a file: ipywidgets 7 and 8 keep what it received in different ways."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets


class Upload:
    """A button; what a person chooses with it is handed to `receive` as a name and bytes."""

    def __init__(self, text: str, accept: str, receive: Callable[[str, bytes], None]) -> None:
        """`text` stands on the button; `accept` says which files the browser offers."""
        self.widget = widgets.FileUpload(
            description=text, accept=accept, multiple=False, layout=widgets.Layout(width="auto")
        )
        self._receive = receive
        self.widget.observe(self._on_value, "value")

    def _on_value(self, change: dict[str, Any]) -> None:
        files = received(change["new"])
        if files:
            _clear(self.widget)  # else the same file could not be chosen again
            self._receive(*files[0])


def received(value: Any) -> list[tuple[str, bytes]]:
    """The names and contents in the value of a `FileUpload`."""
    if isinstance(value, dict):  # ipywidgets 7
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def _clear(widget: Any) -> None:
    if isinstance(widget.value, dict):
        widget.metadata, widget.data, widget._counter = [], [], 0
    else:
        widget.value = ()

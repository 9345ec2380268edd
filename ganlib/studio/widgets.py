"""The widgets that panels are made of, each with a class by which a style or a test finds it."""

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets
from PIL import Image

from ganlib.errors import plain
from ganlib.show.figure import encode

Limits = tuple[float, float]
Read = Callable[[], float]
Act = Callable[[Any], object]  # what is done with a new value
LABELS = "144px"
BETWEEN_MESSAGES = 0.004  # seconds in which a kernel reads what waits to be read
_LONGEST = 1000  # letters of a sentence
_SAME = 1e-4  # a float32 comes back from a slider a little changed


class Debounce:
    """Call `work` once, `seconds` after the first of several requests.

    A kernel reads the messages of its browser one by one: what runs after them, with the latest state, skips
    everything that was overtaken. Without a running event loop, as in a script, `work` is called at once.
    """

    def __init__(self, work: Callable[[], object], seconds: float) -> None:
        """Wait for a request."""
        self._work = work
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Request the work."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._work()
            return
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._run)

    def _run(self) -> None:
        self._timer = None
        self._work()


class Idle:
    """Do pieces of work one by one once nothing was asked for some time; a new request begins anew.

    Between two pieces a kernel reads its messages. Without a running event loop all is done at once.
    """

    def __init__(self, seconds: float) -> None:
        """Wait for a request."""
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, pieces: Iterable[Callable[[], object]]) -> None:
        """Request the work, in place of what is left of an earlier request."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for piece in pieces:
                piece()
            return
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_later(self._seconds, self._next, loop, iter(pieces))

    def _next(self, loop: asyncio.AbstractEventLoop, pieces: Iterator[Callable[[], object]]) -> None:
        if piece := next(pieces, None):
            piece()
            self._timer = loop.call_later(BETWEEN_MESSAGES, self._next, loop, pieces)


def tagged(widget: Any, handle: str) -> Any:
    """Return the widget itself, with the class `ganlib-HANDLE`."""
    widget.add_class(f"ganlib-{handle}")
    return widget


def watched(widget: Any, handle: str, act: Act) -> Any:
    """Return the widget itself, with a class, and hand each new value to `act`.

    A choice that Python takes away, by a value of None, is put back.
    """

    def on_value(change: Any) -> None:
        if change["new"] is not None:
            act(change["new"])
        elif change["old"] is not None:
            widget.value = change["old"]

    widget.observe(on_value, "value")
    return tagged(widget, handle)


def announced(text: str, role: str = "status") -> str:
    """Return HTML that a screen reader reads aloud when it changes; no text is no element."""
    return f'<p role="{role}">{escape(plain(text, _LONGEST))}</p>' if text else ""


def described(text: str) -> str:
    """Return a description that shows `text` as it is: ipywidgets 7 takes descriptions for HTML."""
    return text if hasattr(widgets.FloatSlider, "description_allow_html") else escape(text)


def button(text: str, handle: str, act: Callable[[], object]) -> widgets.Button:
    """Make a button that says what it does."""
    made = tagged(widgets.Button(description=text, layout={"width": "auto"}), handle)
    made.on_click(lambda _: act())
    return made


class BoundSlider:
    """A slider for a number that is kept elsewhere, with its value beside it, where one can type."""

    def __init__(self, text: str, handle: str, limits: Limits, step: float, read: Read, act: Act) -> None:
        """Show the number that `read` returns, a multiple of `step`; `act` is given the next one."""
        self._read = read
        self._act = act
        self.widget = widgets.FloatSlider(
            description=described(text),
            value=read(),
            min=min(limits[0], read()),
            max=max(limits[1], read()),
            step=step,
            readout_format="+.1f" if limits[0] < 0 else ".2f",
            layout={"width": "auto"},
            style={"description_width": LABELS},
        )
        self._seen = self.widget.value
        watched(self.widget, handle, self._on_value)

    def show(self) -> None:
        """Show the number, and widen the limits if it lies beyond them.

        The slider stays as it is where a person has moved it since: the message with that move may still wait
        in another thread of the kernel.
        """
        if self.widget.value == self._seen:
            self._put(self._read())

    def _put(self, value: float) -> None:
        if not self._is_off(self.widget.value):
            return
        self.widget.min = min(self.widget.min, value)
        self.widget.max = max(self.widget.max, value)
        self._seen = value
        self.widget.value = value

    def _on_value(self, value: float) -> None:
        # If it is not off, a browser has only rounded it, or the studio has set it.
        if self._is_off(value) and math.isfinite(value):
            self._act(value)
        self._seen = value
        self._put(self._read())  # what was refused is put back

    def _is_off(self, value: float) -> bool:
        return not abs(value - self._read()) < _SAME  # a NaN is off, too


def control(kind: Any, text: str, handle: str, layout: dict[str, str] | None = None, **traits: Any) -> Any:
    """Make a widget of this kind with a label as wide as its text; by default it takes the room there is."""
    grows = {"width": "auto", "min_width": "0", "flex": "1 1 128px"}
    style = {"description_width": "initial"}
    return tagged(kind(description=text, layout=layout or grows, style=style, **traits), handle)


def chooser(text: str, handle: str, options: Sequence[Any], act: Act = lambda _: None) -> widgets.Dropdown:
    """Make a list from which one option is chosen."""
    return watched(control(widgets.Dropdown, text, handle, options=options), handle, act)


def line(text: str, handle: str, value: str = "", hint: str = "") -> widgets.Text:
    """Make a line to type in."""
    return control(widgets.Text, text, handle, value=value, placeholder=hint, continuous_update=False)


def uploader(text: str, handle: str, accept: str, receive: Callable[[str, bytes], None]) -> Any:
    """Make a button for choosing a file; `receive` gets its name and content, `accept` filters the choice."""
    made = widgets.FileUpload(description=text, accept=accept, multiple=False, layout={"width": "auto"})

    def on_value(value: Any) -> None:
        if files := uploaded(value):
            if isinstance(value, dict):  # empty it, or the same file could not be chosen again
                made.metadata, made.data, made._counter = [], [], 0
            else:
                made.value = ()
            receive(*files[0])

    return watched(made, handle, on_value)


def uploaded(value: Any) -> list[tuple[str, bytes]]:
    """Return the names and contents in the value of a `FileUpload`."""
    if isinstance(value, dict):  # ipywidgets 7
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def row(*children: widgets.Widget) -> widgets.Box:
    """Put widgets side by side, or below each other where there is no room."""
    return tagged(widgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"}), "row")


def column(*children: widgets.Widget) -> widgets.Box:
    """Put widgets below each other."""
    return tagged(widgets.VBox(children), "column")


def note(text: str) -> widgets.HTML:
    """Make a quiet line of help."""
    return tagged(widgets.HTML(f"<p>{text}</p>"), "note")


def blank(handle: str, layout: dict[str, str] | None = None) -> widgets.Image:
    """Make a picture that is grey until it has another value."""
    grey = encode(Image.new("RGB", (1, 1), "grey"), "WEBP")
    return tagged(widgets.Image(value=grey, format="webp", layout=layout or {}), handle)


class Tiles:
    """Small pictures in one image, below buttons: each can be clicked, or reached by the keyboard."""

    def __init__(self, handle: str, columns: int, act: Callable[[int], object]) -> None:
        """Hand the index of the picture that is chosen to `act`."""
        self._handle = handle
        self._act = act
        grid = {"grid_template_columns": f"repeat({columns}, 1fr)"}
        self._image = tagged(widgets.Image(format="webp", layout={"width": "100%"}), f"{handle}-image")
        self._buttons = tagged(widgets.GridBox(layout=grid), "over")
        self.box = tagged(widgets.VBox([self._image, self._buttons]), "tiles")

    def show(self, sheet: bytes, texts: Sequence[str]) -> None:
        """Show a sheet of pictures, one button with a text over each."""
        self.box.layout.display = "" if texts else "none"
        if [made.description for made in self._buttons.children] != list(texts):
            made = (
                button(text, f"{self._handle}-{k + 1}", partial(self._act, k)) for k, text in enumerate(texts)
            )
            self._buttons.children = [tagged(one, "tile") for one in made]
        self._image.value = sheet

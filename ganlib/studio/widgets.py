"""The widgets that panels are made of, each with a class by which a style or a test finds it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets


class Debounce:
    """Does its `work` so many `seconds` after it was asked to, once, however often it was asked meanwhile.

    A kernel reads the messages of its browser in turn: what it does between them, with the state as it is
    then, leaves out all that was overtaken. Without a running event loop, as in a script, it is done at once.
    """

    def __init__(self, work: Callable[[], object], seconds: float) -> None:
        """Nothing is done until it is asked for."""
        self._work = work
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Let the work be done soon."""
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


_SAME = 1e-4  # a float32 comes back from a slider a little changed
LABELS = "144px"


def button(text: str, handle: str, act: Callable[[], None]) -> widgets.Button:
    """A button that says what it does."""
    made = widgets.Button(description=text, layout=widgets.Layout(width="auto"))
    made.add_class(f"ganlib-{handle}")
    made.on_click(lambda _: act())
    return made


class BoundSlider:
    """A slider for a number that is kept elsewhere, with its value beside it, where one can type."""

    def __init__(
        self,
        text: str,
        handle: str,
        limits: tuple[float, float],
        step: float,
        read: Callable[[], float],
        act: Callable[[float], None],
    ) -> None:
        """`read` gives the number, a multiple of `step`; `act` is given another that a person chose."""
        self._read = read
        self._act = act
        self.widget = widgets.FloatSlider(
            description=text,
            value=read(),
            min=min(limits[0], read()),
            max=max(limits[1], read()),
            step=step,
            readout_format="+.1f" if limits[0] < 0 else ".2f",
            layout=widgets.Layout(width="auto"),
            style={"description_width": LABELS},
        )
        self._seen = self.widget.value
        watched(self.widget, handle, self._on_value)

    def show(self) -> None:
        """Show the number, with wider limits if need be.

        Left alone is what shows it already, but for rounding, and what a person has moved since, for the
        message with that move may wait in another thread of the kernel.
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
        if self._is_off(value):  # else a browser has only rounded it, or the studio has put it
            self._act(value)
        self._seen = value
        self._put(self._read())  # what was refused is put back

    def _is_off(self, value: float) -> bool:
        return not abs(value - self._read()) < _SAME  # NaN is


def chooser(
    text: str, handle: str, options: Sequence[Any], act: Callable[[Any], None] = lambda _: None
) -> widgets.Dropdown:
    """A list of which one is chosen."""
    made = widgets.Dropdown(
        description=text,
        options=options,
        layout=_growing(),
        style={"description_width": "initial"},
    )
    return watched(made, handle, act)


def seconds(text: str, handle: str, usual: float, most: float) -> widgets.BoundedFloatText:
    """A box for a number of seconds, above zero."""
    made = widgets.BoundedFloatText(
        description=text,
        value=usual,
        min=0.5,
        max=most,
        layout=widgets.Layout(width="128px"),
        style={"description_width": "initial"},
    )
    made.add_class(f"ganlib-{handle}")
    return made


def tick(text: str, handle: str) -> widgets.Checkbox:
    """A box that is ticked."""
    made = widgets.Checkbox(value=True, description=text, indent=False, layout=widgets.Layout(width="auto"))
    made.add_class(f"ganlib-{handle}")
    return made


def line(text: str, handle: str, value: str = "", hint: str = "") -> widgets.Text:
    """A line to type in."""
    made = widgets.Text(
        description=text,
        value=value,
        placeholder=hint,
        continuous_update=False,
        layout=_growing(),
        style={"description_width": "initial"},
    )
    made.add_class(f"ganlib-{handle}")
    return made


def _growing() -> widgets.Layout:
    return widgets.Layout(width="auto", min_width="0", flex="1 1 128px")


def watched(widget: Any, handle: str, act: Callable[[Any], None]) -> Any:
    """The widget itself, with a class, handing each new value to `act`."""
    widget.add_class(f"ganlib-{handle}")
    widget.observe(lambda change: act(change["new"]), "value")
    return widget


def row(*children: widgets.Widget) -> widgets.Box:
    """Side by side, or below each other where there is no room."""
    made = widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
    made.add_class("ganlib-row")
    return made


def column(*children: widgets.Widget) -> widgets.Box:
    """Below each other."""
    made = widgets.VBox(children)
    made.add_class("ganlib-column")
    return made


def note(text: str) -> widgets.HTML:
    """A quiet line of help."""
    made = widgets.HTML(f"<p>{text}</p>")
    made.add_class("ganlib-note")
    return made


class Tiles:
    """Small pictures in one image, below buttons: each can be clicked, or reached by the keyboard."""

    def __init__(self, handle: str, columns: int, act: Callable[[int], None]) -> None:
        """`act` is given the number of the picture that was chosen, from 0."""
        self.columns = columns
        self._handle = handle
        self._act = act
        self._image = widgets.Image(format="png", layout=widgets.Layout(width="100%"))
        self._buttons = widgets.GridBox(
            layout=widgets.Layout(grid_template_columns=f"repeat({columns}, 1fr)")
        )
        self._image.add_class(f"ganlib-{handle}-image")
        self._buttons.add_class("ganlib-over")
        self.box = widgets.VBox([self._image, self._buttons])
        self.box.add_class("ganlib-tiles")

    def show(self, sheet: bytes, texts: Sequence[str]) -> None:
        """Show a sheet of pictures, each of which one button with a text stands for."""
        self.box.layout.display = "" if texts else "none"
        if [made.description for made in self._buttons.children] != list(texts):
            self._buttons.children = [self._button(k, text) for k, text in enumerate(texts)]
        self._image.value = sheet

    def _button(self, place: int, text: str) -> widgets.Button:
        made = button(text, f"{self._handle}-{place + 1}", lambda: self._act(place))
        made.add_class("ganlib-tile")
        return made

"""How a change that a person asks for is made, and comes to be seen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any, TypeVar

import ipywidgets as widgets
from torch import Tensor

from ganlib.errors import GanlibError
from ganlib.show.film import film_of_path
from ganlib.studio.notes import NotedDirection, Notes, decode_notes, read_notes, write_notes
from ganlib.studio.renderer import Renderer
from ganlib.studio.state import StudioState
from ganlib.studio.widgets import (
    BETWEEN_MESSAGES,
    BoundSlider,
    Debounce,
    Limits,
    Read,
    announced,
    button,
    control,
    tagged,
)

Change = Callable[[], str | None]
Picture = TypeVar("Picture")


class StudioContext:
    """What all panels share: the state, the renderer, the notes, a line for messages and one for progress."""

    def __init__(self, state: StudioState, renderer: Renderer, refresh: Callable[[], None]) -> None:
        """Call `refresh` to show the state: once, however many changes wait to be read."""
        self.state = state
        self.renderer = renderer
        self.message = tagged(widgets.HTML(), "message")
        hidden = {"width": "100%", "display": "none"}
        style = {"description_width": "initial"}
        self.progress = tagged(widgets.IntProgress(layout=hidden, style=style), "progress")
        auto = {"width": "auto"}
        self.squares = control(widgets.Checkbox, "pixels as squares", "squares", auto, indent=False)
        self._refresh = refresh
        self._refresh_soon = Debounce(self.refresh, BETWEEN_MESSAGES)
        self._is_refreshing = False
        self._lock = RLock()  # JupyterLab 4.4 hands some widgets' messages to a second thread of the kernel
        self._notes = self._read_notes()
        state.add_favourites(self._notes.favourites, self._notes.origins)

    @property
    def smooth(self) -> bool:
        """Whether pictures are enlarged smoothly, not with every pixel as a square."""
        return not self.squares.value

    def act(self, change: Change) -> None:
        """Make a change, say what it returns or why it failed, and show the state soon."""
        with self._lock:
            if self._is_refreshing:  # the studio itself has set the widget
                return
            try:
                self.say(change() or "")
            except GanlibError as error:
                self.say(str(error), role="alert")
            except KeyboardInterrupt:
                self.say("Interrupted: everything is as it was.", role="alert")
            self._refresh_soon()

    def say(self, text: str, role: str = "status") -> None:
        """Show a sentence, or none; its `role` is "alert" if something went wrong."""
        self.message.value = announced(text, role)

    def refresh(self) -> None:
        """Show the state; what the widgets are set to meanwhile is no change by a person."""
        with self._lock:
            self._is_refreshing = True
            try:
                self._refresh()
            finally:
                self._is_refreshing = False

    @contextmanager
    def working(self, what: str, steps: int) -> Iterator[Callable[[int], None]]:
        """Say what is being done, above a bar with the seconds left; yield what is told the steps done."""
        self.say(what)
        bar, began = self.progress, monotonic()

        def progress(done: int) -> None:
            bar.value = done
            bar.description = f"{(monotonic() - began) / done * (steps - done):.0f} s left"

        bar.max, bar.value, bar.description = steps, 0, ""
        bar.layout.display = ""
        try:
            yield progress
        finally:
            self.progress.layout.display = "none"

    @contextmanager
    def generating(self, count: int) -> Iterator[Callable[[Iterable[Picture]], Iterator[Picture]]]:
        """Yield what hands on `count` pictures one by one, and moves the bar."""
        with self.working("Generating …", count) as progress:

            def shown(pictures: Iterable[Picture]) -> Iterator[Picture]:
                for done, picture in enumerate(pictures, 1):
                    progress(done)
                    yield picture

            yield shown

    def film(self, z: Tensor, path: Path, seconds: float, width: int, sound: str | None = None) -> None:
        """Write the pictures of z, (N, latent_dim), `width` px wide, as a film at `path`."""
        look: dict[str, Any] = {"width": width, "smooth": self.smooth, "sound": sound}
        with self.generating(len(z)) as shown:
            film_of_path(self.renderer.generator, z, path, seconds, alt="A film.", shown=shown, **look)

    def keep_notes(self) -> str:
        """Write the directions and the favourites, unless the file is damaged; say where."""
        path = self.renderer.notes_file
        notes = read_notes(self.renderer.notes_to_read, self.state.dim)
        for title, order in self.state.sets.items():
            notes = notes.with_set(self.state.vectors[order], self._noted(title))
        self._notes = notes._replace(favourites=self.state.favourites, origins=self.state.origins)
        write_notes(path, self._notes)
        return f"kept in {path}."

    def take_notes(self, content: bytes, name: str) -> str:
        """Add the names and favourites of the file called `name`, and keep them."""
        try:
            self._notes = decode_notes(content, self.state.dim)
        except ValueError as error:
            raise GanlibError(f"The names and favourites in '{name}' cannot be read ({error}).") from error
        for title in self.state.sets:
            self._apply_notes(title)
        self.state.add_favourites(self._notes.favourites, self._notes.origins)
        return f"Opened the names and favourites in {name}; {self.keep_notes()}"

    def add_directions(self, title: str, vectors: Tensor, names: Sequence[str] = ()) -> None:
        """Add a set of directions as `StudioState.add_directions` does, and what was noted of them."""
        self.state.add_directions(title, vectors, names)
        self._apply_notes(title)

    def _read_notes(self) -> Notes:
        try:
            return read_notes(self.renderer.notes_to_read, self.state.dim)
        except GanlibError as error:
            self.say(str(error), role="alert")
            return Notes([], [])

    def _noted(self, title: str) -> list[NotedDirection]:
        """A set in its order, with names and what is hidden; nothing, if nobody has changed it."""
        state, order = self.state, self.state.sets[title]
        named = ["" if state.names[k] == state.default_names[k] else state.names[k] for k in order]
        hidden = [k in state.hidden for k in order]
        if not any(named) and not any(hidden) and order == sorted(order):
            return []
        return [NotedDirection(*row) for row in zip(named, state.vectors[order], hidden, strict=True)]

    def _apply_notes(self, title: str) -> None:
        """Name, hide and order a set as was noted; an order was noted only with all of its directions."""
        state, order = self.state, sorted(self.state.sets[title])
        places = self._notes.places(state.vectors[order])
        for k, place in zip(order, places, strict=True):
            noted = None if place is None else self._notes.directions[place]
            state.names[k] = noted.name or state.names[k] if noted else state.names[k]
            state.hidden |= {k} if noted and noted.hidden else set()
        if None not in places:
            state.sets[title] = [k for _, k in sorted(zip(places, order, strict=True))]
        if state.hidden >= {*order}:
            state.hidden -= {*order}


class Panel:
    """A part of the studio that a person can open, with a `title` and a `box` of widgets."""

    title: str

    def __init__(self, context: StudioContext) -> None:
        """Make the widgets."""
        self._context = context
        self._state = context.state
        self._renderer = context.renderer
        self.box = self._build()

    def _build(self) -> widgets.Box:
        raise NotImplementedError

    def _button(self, text: str, handle: str, change: Change) -> widgets.Button:
        return button(text, handle, lambda: self._context.act(change))

    def _slider(
        self, text: str, handle: str, limits: Limits, step: float, read: Read, change: Callable[[float], None]
    ) -> BoundSlider:
        act = self._context.act
        return BoundSlider(text, handle, limits, step, read, lambda value: act(lambda: change(value)))

    def show(self) -> None:
        """Bring the widgets in line with the state, if they depend on it."""

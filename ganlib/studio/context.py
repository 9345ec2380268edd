"""How a change that a person asks for is made, and comes to be seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from threading import RLock
from typing import Protocol

import ipywidgets as widgets

from ganlib.errors import GanlibError
from ganlib.studio.notes import Notes, read_notes, write_notes
from ganlib.studio.renderer import Renderer
from ganlib.studio.state import StudioState
from ganlib.studio.widgets import Debounce

_BETWEEN_MESSAGES = 0.004  # seconds in which a kernel reads what waits to be read


class Panel(Protocol):
    """A part of the studio that a person can open."""

    title: str
    box: widgets.Box

    def show(self) -> None:
        """Bring the widgets in line with the state."""


class StudioContext:
    """What all panels share: the state, the renderer, the notes, a line for messages and one for progress."""

    def __init__(self, state: StudioState, renderer: Renderer, refresh: Callable[[], None]) -> None:
        """`refresh` shows the state; it is called once, however many changes wait to be read."""
        self.state = state
        self.renderer = renderer
        self.message = widgets.HTML()
        self.message.add_class("ganlib-message")
        self.progress = widgets.IntProgress(layout=widgets.Layout(width="100%", display="none"))
        self.progress.add_class("ganlib-progress")
        self._later = Debounce(self._refreshed, _BETWEEN_MESSAGES)
        self._refresh = refresh
        self._is_showing = False
        self._turn = RLock()  # JupyterLab 4.4 hands some widgets' messages to a second thread of the kernel
        self._read_notes()

    def act(self, change: Callable[[], str | None]) -> None:
        """Make a change, say what it returns or why it cannot be made, and let it be shown soon."""
        with self._turn:
            if self._is_showing:  # the studio itself has set the widget
                return
            try:
                self.say(change() or "")
            except GanlibError as error:
                self.warn(str(error))
            except KeyboardInterrupt:
                self.warn("Interrupted: everything is as it was.")
            self._later.ask()

    def say(self, text: str) -> None:
        """Show a sentence, or none."""
        self.message.value = f'<p role="status">{escape(text)}</p>' if text else ""

    def warn(self, text: str) -> None:
        """Show a sentence that says what went wrong."""
        self.message.value = f'<p role="alert">{escape(text)}</p>'

    @contextmanager
    def showing(self) -> Iterator[None]:
        """What is set meanwhile was set by the studio, and not by a person."""
        with self._turn:
            before, self._is_showing = self._is_showing, True
            try:
                yield
            finally:
                self._is_showing = before

    @contextmanager
    def working(self, what: str, steps: int) -> Iterator[Callable[[int], None]]:
        """Say what is being done, with a bar that is told by what this gives how many steps are done."""
        self.say(what)
        self.progress.max, self.progress.value = steps, 0
        self.progress.layout.display = ""
        try:
            yield lambda done: setattr(self.progress, "value", done)
        finally:
            self.progress.layout.display = "none"

    def keep_notes(self) -> None:
        """Keep the names of the directions and the favourites.

        Raises:
            GanlibError: the file is damaged, and is not overwritten, or it cannot be written.
        """
        path = self.renderer.notes_file
        kept = read_notes(path, self.state.latent_dim)
        notes = kept.with_names(self.state.directions, self.state.names)
        write_notes(path, notes._replace(favourites=self.state.favourites))

    def _read_notes(self) -> None:
        notes = Notes([], [])
        try:
            notes = read_notes(self.renderer.notes_file, self.state.latent_dim)
        except GanlibError as error:
            self.warn(str(error))
        self.state.names = notes.named(self.state.directions)
        self.state.favourites = list(notes.favourites)

    def _refreshed(self) -> None:
        with self.showing():
            self._refresh()

"""Stopping between two steps, never inside one."""

import signal
import threading
from types import FrameType


class Interrupt:
    """While entered, the first Ctrl-C or stop button is only noted, a second one stops at once."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self.requested = False

    def __enter__(self) -> "Interrupt":
        """Begin to take note; outside the main thread there is nothing to take note of."""
        self._in_main_thread = threading.current_thread() is threading.main_thread()
        if self._in_main_thread:
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave interrupts to whoever had them before."""
        if self._in_main_thread:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, signum: int, _: FrameType | None) -> None:
        self.requested = True
        signal.signal(signum, signal.default_int_handler)

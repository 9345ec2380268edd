"""Doing the newest of many things, once, when nothing newer is waiting."""

import asyncio
from collections.abc import Callable


class Later:
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

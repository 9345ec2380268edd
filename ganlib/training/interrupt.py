"""Stopping between two steps, never inside one."""

import multiprocessing
import signal
import threading
from types import FrameType

_ENDING = ("SIGTERM", "SIGHUP")  # a scheduler or Colab wants the process to end, or its terminal is gone


class Interrupt:
    """While entered, the first Ctrl-C, stop button or request to end is only noted; a second Ctrl-C stops.

    Where several processes train together their launcher passes a Ctrl-C on, which so arrives twice: there a
    second one is only noted, too, and it is the launcher that stops who has not ended in half a minute. A
    process that a notebook has forked ends when this is left, since its launcher listens no longer.

    A request to end is passed on when this is left, so that the process ends as it was asked to; not if an
    error ends it anyway, which would go unheard.
    """

    def __init__(self, processes: int = 1) -> None:
        """Nothing noted yet; so many processes train together."""
        self._processes = processes
        self.requested = False
        self._ending: int | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        """Begin to take note; outside the main thread there is nothing to take note of."""
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", *_ENDING):
                if hasattr(signal, name):
                    self._listen(getattr(signal, name))
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Leave signals to whoever had them before."""
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)  # type: ignore[arg-type]
        if error is not None:
            return
        if self._ending is not None:
            signal.raise_signal(self._ending)
        if self.requested and self._processes > 1 and multiprocessing.parent_process():
            raise KeyboardInterrupt

    def _listen(self, signum: int) -> None:
        handler = signal.getsignal(signum)
        if handler not in {signal.SIG_IGN, None}:  # `nohup` ignores one of them on purpose
            self._previous[signum] = signal.signal(signum, self._note)

    def _note(self, signum: int, _: FrameType | None) -> None:
        self.requested = True
        if signum != signal.SIGINT:
            self._ending = signum
        elif self._processes == 1:
            signal.signal(signum, signal.default_int_handler)

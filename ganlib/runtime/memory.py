"""How much memory preparing pictures may take, and who may take it."""

import ctypes
import os
import threading
from contextlib import suppress

from ganlib.errors import GanlibError

LIMIT = "GANLIB_MEMORY_GIB"
_MUCH = 16 * 2**20


def most_memory() -> int:
    """Return how many bytes decoded pictures may take: 3/4 of `$GANLIB_MEMORY_GIB`, which is 1 if not set."""
    return _total() * 3 // 4


def most_waiting() -> int:
    """Return how many bytes files may take that wait to be decoded: 3/16 of `$GANLIB_MEMORY_GIB`."""
    return _total() * 3 // 16


def _total() -> int:
    named = os.environ.get(LIMIT) or "1"
    try:
        return round(min(max(float(named), 0.25), 1024) * 2**30)
    except ValueError:
        raise GanlibError(f"{LIMIT} is a number of GiB such as 2, not '{named}'.") from None


class Memory:
    """Bytes for many threads, given out in the order of their work: the first never waits for a later one."""

    def __init__(self, most: int) -> None:
        self._free: float = most
        self._turn = 0
        self._changed = threading.Condition()

    def take(self, turn: int, amount: int) -> None:
        """Wait until every earlier turn has been taken, and until `amount` bytes are free."""
        with self._changed:
            self._changed.wait_for(lambda: turn == self._turn and amount <= self._free)
            self._free -= amount
            self._turn += 1
            self._changed.notify_all()

    def give_back(self, amount: float) -> None:
        """Free `amount` bytes; the C library would keep much of it for the thread that had it."""
        if amount > _MUCH:
            with suppress(AttributeError, OSError, TypeError):  # only Linux has it, and needs it
                ctypes.CDLL(None).malloc_trim(0)
        with self._changed:
            self._free += amount
            self._changed.notify_all()

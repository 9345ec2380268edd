"""How many threads torch computes with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of torch, and afterwards on as many as before; it decorates functions, too.

    What takes a fraction of a millisecond is too little to share: where something else is running, threads
    wait for each other many times as long as they work.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

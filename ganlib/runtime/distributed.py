"""The processes that train one run together, each on a device of its own."""

import atexit
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple, cast

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from ganlib.errors import GanlibError, first_line
from ganlib.runtime.device import Machine
from ganlib.runtime.files import cache_folder, locked


class Share(NamedTuple):
    """The equal part of every batch that belongs to process `rank` of `size`; the whole if it is alone.

    All processes draw the same random numbers for the whole batch, so a run does not depend on how many
    they are.
    """

    rank: int = 0
    size: int = 1

    def of(self, whole: Tensor) -> Tensor:
        """Take this process's block of `whole`, (N / size, ...) of (N, ...); `size` divides N."""
        return whole if self.size == 1 else whole.unflatten(0, (self.size, -1))[self.rank]


ALONE = Share()


class Distributed:
    """What the processes of a run do together; a process that is alone has nothing to wait for.

    Every process calls the same methods in the same order; all raise `GanlibError` where another is gone.
    """

    def __init__(self, share: Share = ALONE, flags: dist.ProcessGroup | None = None) -> None:
        """Keep `flags`, a group in which `any` never waits for a GPU; none means torch's default group."""
        self.share = share
        self._flags = flags

    @classmethod
    def join(cls, machine: Machine) -> "Distributed":
        """Meet the processes that accelerate, torchrun or a notebook has started; alone if there are none.

        Raises:
            GanlibError: the others are not met, or cannot work together on this device.
        """
        kind = machine.device.type
        try:
            state = PartialState(cpu=kind == "cpu")
        except (RuntimeError, ValueError) as error:
            raise GanlibError(f"The processes of this run did not meet: {first_line(error)}") from error
        started = int(os.environ.get("WORLD_SIZE", "1"))
        if state.num_processes != started:
            raise GanlibError(
                f"{started} processes were started, and on '{kind}' each would train by itself: start one, "
                "or add --device cpu."
            )
        if started == 1:
            return cls()
        atexit.register(_leave)
        flags = None if kind == "cpu" else cast("dist.ProcessGroup", dist.new_group(backend="gloo"))
        return cls(Share(state.process_index, started), flags)

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.share.size

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that writes and shows progress."""
        return self.share.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, values: Tensor) -> Tensor:
        """Turn `values`, on the device, in place into the mean of all processes' values."""
        if self.size > 1:
            with _losses_explained():
                dist.all_reduce(values)
            values /= self.size
        return values

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Tell for each flag whether it is set in any process; asking waits for no GPU."""
        if self.size == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.uint8)
        with _losses_explained():
            dist.all_reduce(votes, dist.ReduceOp.MAX, self._flags)
        return tuple(votes.bool().tolist())

    def all(self, flag: bool) -> bool:
        """Tell whether the flag is set in every process."""
        return not self.any(not flag)[0]

    def broadcast(self, value: Any) -> Any:
        """Return the main process's value in every process."""
        if self.size == 1:
            return value
        with _losses_explained():
            return broadcast_object_list([value if self.is_main else None])[0]

    def agree_on(self, value: str) -> bool:
        """Tell whether all processes pass the same text."""
        return self.all(self.broadcast(value) == value)

    def one_by_one(self) -> AbstractContextManager[None]:
        """Let the processes of a machine take turns in what follows, such as fetching the same files."""
        if self.size == 1:
            return nullcontext()
        return locked(cache_folder() / "locks" / "processes.lock", "fetching pictures")


def division(processes: int, batch_size: int, nets: Iterable[nn.Module]) -> str:
    """Say in a line how so many processes share the work, and whose statistics BatchNorm takes."""
    kinds = {type(layer) for net in nets for layer in net.modules()}
    if nn.SyncBatchNorm in kinds:
        norms = "BatchNorm statistics synchronised"
    else:
        norms = "BatchNorm statistics of each process" if nn.BatchNorm2d in kinds else "no BatchNorm"
    return f"{processes} processes share each batch of {batch_size}; {norms}."


def _leave() -> None:
    if dist.is_initialized():  # torch aborts a process that ends while its group still listens
        dist.destroy_process_group()


@contextmanager
def _losses_explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise GanlibError(
            "Another process of this run has ended, so this one ends as well: what it printed says why. "
            "Start the same command again, with fewer processes if need be; it goes on from the last "
            "checkpoint."
        ) from error

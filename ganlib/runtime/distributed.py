"""The processes that train one run together, each on a device of its own."""

import atexit
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import torch
import torch.distributed as dist
from accelerate import PartialState
from filelock import FileLock
from torch import Tensor, nn

from ganlib.errors import GanlibError
from ganlib.runtime.device import Machine
from ganlib.runtime.files import cache_folder, make_folder


class Share(NamedTuple):
    """The equal part of every batch that belongs to process `rank` of `size`; the whole if it is alone.

    All processes draw the same random numbers for the whole batch, so a run does not depend on how many
    they are.
    """

    rank: int = 0
    size: int = 1

    def of(self, whole: Tensor) -> Tensor:
        """This process's block of `whole`, (N / size, ...) of (N, ...); `size` divides N."""
        return whole if self.size == 1 else whole.unflatten(0, (self.size, -1))[self.rank]


ALONE = Share()


_LOST = (
    "Another process of this run has ended, so this one ends as well: what it printed says why. Start the "
    "same command again, with fewer processes if need be; it goes on from the last checkpoint."
)


class Distributed:
    """What the processes of a run do together; a process that is alone has nothing to wait for.

    Every process calls the same methods in the same order. Where another process is gone, each of them
    raises `GanlibError`.
    """

    def __init__(self, share: Share = ALONE, messages: dist.ProcessGroup | None = None) -> None:
        """`messages` is a group whose talk never waits for a GPU; none means torch's default group."""
        self.share = share
        self._messages = messages

    @classmethod
    def join(cls, machine: Machine) -> "Distributed":
        """Meet the processes that accelerate, torchrun or a notebook has started; alone if there are none.

        Raises:
            GanlibError: the others are not met, or cannot work together on this device.
        """
        state = _meet(machine)
        if state.num_processes == 1:
            return cls()
        share = Share(state.process_index, state.num_processes)
        if machine.device.type == "cpu":
            return cls(share)
        return cls(share, cast("dist.ProcessGroup", dist.new_group(backend="gloo")))

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.share.size

    @property
    def leads(self) -> bool:
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
        """`values`, on the device, turned in place into the mean of all processes' values."""
        if self.size > 1:
            with _losses_explained():
                dist.all_reduce(values)
            values /= self.size
        return values

    def agree(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether it is up in any process."""
        if self.size == 1:
            return flags
        votes = torch.tensor(flags, dtype=torch.uint8)
        with _losses_explained():
            dist.all_reduce(votes, dist.ReduceOp.MAX, self._messages)
        return tuple(votes.bool().tolist())

    def broadcast(self, values: Any) -> Any:
        """What the leading process passes, in every process; what the others pass is not looked at."""
        if self.size == 1:
            return values
        box = [values if self.leads else None]
        with _losses_explained():
            dist.broadcast_object_list(box, 0, self._messages)
        return box[0]

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let one process of a machine after the other do what follows, such as fetching the same files."""
        if self.size == 1:
            yield
            return
        with FileLock(make_folder(cache_folder() / "locks") / "team.lock"):
            yield

    def same(self, value: str) -> bool:
        """Whether all processes pass the same text."""
        if self.size == 1:
            return True
        texts: list[str | None] = [None] * self.size
        with _losses_explained():
            dist.all_gather_object(texts, value, self._messages)
        return len(set(texts)) == 1


def division(processes: int, batch_size: int, nets: Iterable[nn.Module]) -> str:
    """How so many processes share the work, and whose statistics BatchNorm takes, in a line."""
    kinds = {type(layer) for net in nets for layer in net.modules()}
    if nn.SyncBatchNorm in kinds:
        norms = "BatchNorm statistics synchronised"
    else:
        norms = "BatchNorm statistics of each process" if nn.BatchNorm2d in kinds else "no BatchNorm"
    return f"{processes} processes share each batch of {batch_size}; {norms}."


def _meet(machine: Machine) -> PartialState:
    kind = machine.device.type
    try:
        state = PartialState(cpu=kind == "cpu")
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise GanlibError(f"The processes of this run did not meet: {reason}") from error
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if state.num_processes != started:
        raise GanlibError(
            f"{started} processes were started, and on '{kind}' each would train by itself: start one, or "
            "add --device cpu."
        )
    atexit.register(_part)
    return state


def _part() -> None:
    if dist.is_initialized():  # torch aborts a process that ends while its group still listens
        dist.destroy_process_group()


@contextmanager
def _losses_explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise GanlibError(_LOST) from error

"""Counts the arithmetic of each cell of a notebook, from inside its kernel."""

import json
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Arithmetic(TorchDispatchMode):
    """Floating-point operations, by torch's own formulas, and how many operators did them.

    The same sum as `FlopCounterMode` gives. That one hooks into every module besides, to tell whose they are,
    which costs time and does not bear the double backward pass of a gradient penalty. Views are no operators
    here, for they compute nothing; neither is anything on the device "meta".
    """

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.flops = 0
        self.operators = 0
        self._whole: set[Any] = set()  # operators known to consist of no others

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let one operator do its work and count it."""
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None and func not in self._whole:  # in inference mode linear is not taken apart before
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
            self._whole.add(func)
        out = func(*args, **kwargs)
        if not func.is_view and not _is_meta(out):
            self.operators += 1
            self.flops += formula(*args, **kwargs, out_val=out) if formula else 0
        return out


def _is_meta(out: Any) -> bool:
    first = out[0] if isinstance(out, tuple | list) and out else out
    return isinstance(first, torch.Tensor) and first.device.type == "meta"


def watch(shell: Any, path: Path) -> None:
    """From the next cell of an IPython shell on, add a line to `path` for each that has run."""
    running: list[Arithmetic] = []

    def begin(_: Any) -> None:
        running.append(Arithmetic())
        running[-1].__enter__()

    def end(_: Any) -> None:
        if running:  # the cell that called `watch` ends, but was never begun
            counted = running.pop()
            counted.__exit__(None, None, None)
            with path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps([counted.flops, counted.operators]) + "\n")

    shell.events.register("pre_run_cell", begin)
    shell.events.register("post_run_cell", end)

"""The operators that a computation consists of, recorded as they do their work."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

_TWO_KERNELS = {torch.ops.aten.convolution_backward}  # to the input and to the weights


class Operator(NamedTuple):
    """One operator that computes: its kernels on a GPU, its arithmetic, the bytes it reads and writes."""

    kernels: int
    flops: float
    bytes: float
    is_half: bool  # whether some of it is in half precision


class Recorder(TorchDispatchMode):
    """Keep a line for every operator that computes something, with its arithmetic by torch's own formulas.

    The same sum as `FlopCounterMode` gives. That one hooks into every module besides, to tell whose they are,
    which costs time and does not bear the double backward pass of a gradient penalty. Views are no operators
    here, for they compute nothing; neither is anything on the device "meta".
    """

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.operators: list[Operator] = []
        self._whole: set[Any] = set()  # operators known to consist of no others

    @property
    def flops(self) -> float:
        """All floating-point operations."""
        return sum(operator.flops for operator in self.operators)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let one operator do its work and note it."""
        kwargs = kwargs or {}
        formula = flop_registry.get(func.overloadpacket)
        if formula is None and func not in self._whole:  # in inference mode linear is not taken apart before
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
            self._whole.add(func)
        out = func(*args, **kwargs)
        tensors = [tensor for tensor in tree_iter((args, kwargs, out)) if isinstance(tensor, Tensor)]
        if not func.is_view and not _is_meta(out):
            moved = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.operators.append(
                Operator(
                    kernels=2 if func.overloadpacket in _TWO_KERNELS else 1,
                    flops=formula(*args, **kwargs, out_val=out) if formula else 0,
                    bytes=moved,
                    is_half=any(tensor.dtype in {torch.bfloat16, torch.float16} for tensor in tensors),
                )
            )
        return out


def _is_meta(out: Any) -> bool:
    first = out[0] if isinstance(out, tuple | list) and out else out
    return isinstance(first, Tensor) and first.device.type == "meta"

"""A second device without a GPU: its tensors compute on the CPU, and complain as CUDA's would.

It is torch's backend for devices of one's own, "PrivateUse1", with a Python class in the place of kernels.
Each tensor of the device holds one on the CPU; an operation takes these out, computes, and wraps the result.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretended"
_aten = torch.ops.aten
_COPIES = {_aten._to_copy.default, _aten.copy_.default, _aten._foreach_copy_.default}
_WAITS = {  # for what these give, or its shape, the host has to know numbers that lie on the device
    _aten._local_scalar_dense,
    _aten._unique2,
    _aten.bincount,
    _aten.equal,
    _aten.masked_select,
    _aten.nonzero,
    _aten.repeat_interleave,
    _aten.unique_consecutive,
    _aten.unique_dim,
}
_INDEXED_BY = {_aten.index, _aten.index_put, _aten.index_put_, _aten._index_put_impl_}


class WaitError(RuntimeError):
    """The host would wait for the device where it must not."""


class DrawError(RuntimeError):
    """Random numbers come from another device's stream."""


class _Module:
    """What torch asks of `torch.pretended`."""

    def __init__(self) -> None:
        self.state = torch.Generator().get_state()
        self.is_here = False  # as other tests of the process have no such device

    def is_initialized(self) -> bool:
        return self.is_here

    is_available = is_initialized

    def _is_in_bad_fork(self) -> bool:
        return False

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return int(self.is_here)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def manual_seed_all(self, seed: int) -> None:
        self.state = torch.Generator().manual_seed(seed).get_state()

    def get_rng_state(self, _: Any = None) -> Tensor:
        return self.state.clone()

    def set_rng_state(self, state: Tensor, _: Any = None) -> None:
        self.state = state.clone()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Let the global stream of the CPU be that of the device."""
        outside = torch.get_rng_state()
        torch.set_rng_state(self.state)
        try:
            yield
        finally:
            self.state = torch.get_rng_state()
            torch.set_rng_state(outside)


_MODULE = _Module()
_setup_privateuseone_for_python_backend(NAME, backend_module=_MODULE)
DEVICE = torch.device(NAME, 0)


class _Held(Tensor):
    """A tensor of the device, and the one on the CPU in which its numbers lie."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> "_Held":
        wrapper = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        wrapper.held = held
        return wrapper

    @classmethod
    def __torch_dispatch__(cls, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(operation, args, kwargs or {})

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse, as a tensor of CUDA does."""
        raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() first.")

    def tolist(self) -> Any:
        """Fetch the numbers."""
        return self.cpu().tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Let a file hold what is read from it with `map_location="cpu"`."""
        return self.cpu().__reduce_ex__(protocol)


def _computed(operation: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = _tensors(args, kwargs)
    asked = _asked(kwargs)
    held = any(isinstance(tensor, _Held) for tensor in tensors)
    there = held if asked is None else asked == NAME
    if operation not in _COPIES and (held or there):
        _check_places(operation, tensors)
    inner = {**kwargs, "device": torch.device("cpu")} if asked == NAME else kwargs
    work, options = tree_map_only(_Held, lambda tensor: tensor.held, (args, inner))
    if not there:
        return operation(*work, **options)
    if kwargs.get("generator"):
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu' ({operation}).")
    with _MODULE.stream() if _is_random(operation) else nullcontext():
        result = operation(*work, **options)
    return return_and_correct_aliasing(operation, args, kwargs, tree_map_only(Tensor, _Held, result))


def _tensors(args: Any, kwargs: dict[str, Any]) -> list[Tensor]:
    return [tensor for tensor in tree_iter((args, kwargs)) if isinstance(tensor, Tensor)]


def _asked(kwargs: dict[str, Any]) -> str | None:
    """The kind of device that an operation is asked to bring its result to."""
    return None if kwargs.get("device") is None else torch.device(kwargs["device"]).type


def _is_random(operation: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in operation.tags


def _check_places(operation: Any, tensors: list[Tensor]) -> None:
    """Raise unless all lie on the device, but for numbers, which the operations of CUDA take as they are."""
    may_be_number = torch.Tag.pointwise in operation.tags
    for tensor in tensors:
        if not isinstance(tensor, _Held) and (tensor.ndim or not may_be_number):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{DEVICE} and {tensor.device} ({operation})."
            )


class Pretended(TorchDispatchMode):
    """While entered there is a device called "pretended"."""

    def __init__(self) -> None:
        """Within no step yet."""
        super().__init__()
        self._strict = False
        self._pinned: set[int] = set()

    def pin(self, tensor: Tensor) -> Tensor:
        """Return the tensor itself, which the device now can fetch while the host goes on."""
        self._pinned.add(tensor.data_ptr())
        return tensor

    @contextmanager
    def never_waits(self) -> Iterator[None]:
        """Raise `WaitError` at what waits for the device, and `DrawError` at what the CPU draws for it."""
        self._strict = True
        try:
            yield
        finally:
            self._strict = False

    def __enter__(self) -> "Pretended":
        """Let there be the device."""
        _MODULE.is_here = True
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        """Take it away again."""
        _MODULE.is_here = False
        super().__exit__(*error)

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave for a while."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def __torch_dispatch__(self, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute, on the device where that is asked for."""
        kwargs = kwargs or {}
        if operation.namespace == "aten":
            with self:  # with tensors of inference mode some come here that consist of others
                parts = operation.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        if self._strict:
            _check_waits(operation, args, kwargs, self._pinned)
        return _computed(operation, args, kwargs)


def _check_waits(operation: Any, args: Any, kwargs: dict[str, Any], pinned: set[int]) -> None:
    tensors, asked = _tensors(args, kwargs), _asked(kwargs)
    places = {NAME if isinstance(tensor, _Held) else "cpu" for tensor in tensors} | ({asked} - {None})
    if operation in _COPIES:
        fetched = all(isinstance(tensor, _Held) or tensor.data_ptr() in pinned for tensor in tensors)
        if len(places) > 1 and not (fetched and _is_non_blocking(operation, args, kwargs)):
            raise WaitError(f"{operation} copies between host and device, and waits.")
    elif NAME in places and (operation.overloadpacket in _WAITS or _is_masked(operation, tensors)):
        raise WaitError(f"{operation} waits for the device.")
    elif NAME not in places and _is_random(operation) and not kwargs.get("generator"):
        raise DrawError(f"{operation} draws from the stream of the CPU.")


def _is_non_blocking(operation: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    names = [argument.name for argument in operation._schema.arguments]
    return {**dict(zip(names, args, strict=False)), **kwargs}.get("non_blocking", False)


def _is_masked(operation: Any, tensors: list[Tensor]) -> bool:
    return operation.overloadpacket in _INDEXED_BY and any(t.dtype == torch.bool for t in tensors[1:])

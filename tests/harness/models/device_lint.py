"""PyTorch's rules about tensors on two devices, enforced on CPU tensors that pretend to be on a GPU. No GPU is needed.

Inside `DeviceLint`, `DEVICE` stands for the GPU: what is created on it or moved to it becomes a `DeviceTensor`, which
holds its numbers on the CPU. The pretended device is called "meta" because every build of PyTorch accepts that name.

What it enforces:

- An operator takes tensors of one device. A CPU tensor with no dimensions may meet device tensors only in elementwise
  operators of two tensors; `stack`, `cat`, `einsum`, `solve` and the like refuse it.
- No operator writes to a CPU tensor what it computed on the device, except for copies.
- Device memory is not read as a NumPy array.
- Random numbers are drawn on the CPU. PyTorch only asks that a generator belongs to the device; we also want the same
  noise on every device.

It is stricter than PyTorch in two rare cases: CPU indices into a device tensor, and CPU scalars in elementwise
operators of three tensors, such as `where`. It also counts the transfers for which the host waits (`transfers`), and
the operators that give the device work (`kernels`).

What it cannot show: the numbers of a real GPU's kernels, the order of work on streams, memory, speed, and code that
runs only where a device is called "cuda". It sees operators after PyTorch has split composite ones into their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE: Final = torch.device("meta")
CPU: Final = torch.device("cpu")

_COPIES: Final = frozenset({"_to_copy", "copy_"})
"""Operators that copy tensors from one device to another."""
_READING_TAGS: Final = frozenset({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape})
"""Tags of operators whose result the host must know before it can go on."""


_ALLOCATIONS: Final = frozenset({"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"})


class MixedDevicesError(RuntimeError):
    """An operation that a GPU, or our rule about random numbers, refuses."""


@dataclass
class Transfers:
    """Transfers for which the host waits."""

    to_cpu: int = 0
    to_device: int = 0


class DeviceTensor(Tensor):
    """Numbers on the CPU that are said to be on `DEVICE`."""

    numbers: Tensor

    @staticmethod
    def __new__(cls: type[DeviceTensor], numbers: Tensor) -> DeviceTensor:
        # PyTorch lets a normal tensor have views in inference mode only if they are normal tensors too.
        with torch.inference_mode(mode=False):
            tensor: DeviceTensor = Tensor._make_wrapper_subclass(
                cls,
                numbers.size(),
                strides=numbers.stride(),
                storage_offset=numbers.storage_offset(),
                dtype=numbers.dtype,
                device=DEVICE,
            )
        tensor.numbers = numbers
        return tensor

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]  # the base method has no types to match
        return f"DeviceTensor({self.numbers})"

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]  # `data` is a property in C, typed as a plain Tensor
            # `Module.to` assigns to `data` when it changes a parameter's dtype.
            args[0].numbers = args[1].numbers
        if func is Tensor.tolist:
            # PyTorch refuses it for subclasses; for a device tensor it copies first.
            return args[0].cpu().tolist()
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch types it as a variable, not a method
        cls,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        raise RuntimeError("Device tensors can be used only inside a DeviceLint.")


class DeviceLint(TorchDispatchMode):  # type: ignore[no-untyped-call]  # __init_subclass__ is untyped
    """A context in which tensors can be on `DEVICE`. Raises `MixedDevicesError`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.transfers = Transfers()
        self.kernels = 0
        """Operators that compute or copy on the device. Views and allocations are none."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        leaves = list(_leaves((*args, *options.values())))
        if not any(isinstance(leaf, DeviceTensor) or _is_device(leaf) for leaf in leaves):
            return func(*args, **options)
        # In inference mode, composite operators arrive before PyTorch has split them into their parts.
        with self:
            parts_result = func.decompose(*args, **options)
        if parts_result is not NotImplemented:
            return parts_result
        operands = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        to_device = options.get("device") in (None, DEVICE)
        _check_random(func, options, to_device=to_device)
        if func.overloadpacket.__name__ not in _COPIES:
            _check_operands(func, args, options, operands)
        self._count(func, args, options, operands)
        return _run(func, args, options, to_device=to_device)

    def _count(self, func: Any, args: tuple[Any, ...], options: dict[str, Any], operands: Sequence[Tensor]) -> None:
        name = func.overloadpacket.__name__
        self.kernels += not func.is_view and name not in _ALLOCATIONS
        if name == "_to_copy":
            source_on_device = isinstance(args[0], DeviceTensor)
            target_on_device = options.get("device", args[0].device) == DEVICE
            waits = not options.get("non_blocking")
            self.transfers.to_cpu += waits and source_on_device and not target_on_device
            self.transfers.to_device += waits and target_on_device and not source_on_device
        elif name == "copy_":
            source_on_device, target_on_device = isinstance(args[1], DeviceTensor), isinstance(args[0], DeviceTensor)
            self.transfers.to_cpu += source_on_device and not target_on_device
            self.transfers.to_device += target_on_device and not source_on_device
        elif name == "index":
            self.transfers.to_cpu += any(operand.dtype == torch.bool for operand in operands[1:])
        else:
            self.transfers.to_cpu += name == "_linalg_check_errors" or not _READING_TAGS.isdisjoint(func.tags)


def _is_device(leaf: object) -> bool:
    return isinstance(leaf, torch.device) and leaf == DEVICE


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    """The arguments or results of an operator, which are values and lists of values."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _map(change: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(change(leaf) for leaf in value)
    return change(value)


def _check_random(func: Any, options: dict[str, Any], *, to_device: bool) -> None:
    draws = options.get("generator") is not None or torch.Tag.nondeterministic_seeded in func.tags
    if draws and to_device:
        raise MixedDevicesError(f"{func} draws random numbers on the device.")


def _check_operands(func: Any, args: tuple[Any, ...], options: dict[str, Any], operands: Sequence[Tensor]) -> None:
    on_cpu = [operand for operand in operands if not isinstance(operand, DeviceTensor)]
    if not on_cpu or len(on_cpu) == len(operands):
        return
    takes_scalars = torch.Tag.pointwise in func.tags and len(operands) <= 2
    if any(operand.dim() or not takes_scalars for operand in on_cpu):
        raise MixedDevicesError(f"{func} expects all tensors to be on one device; some are on the CPU.")
    values = options | {argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)}
    for argument in func._schema.arguments:
        written = argument.alias_info is not None and argument.alias_info.is_write
        if written and any(operand is values[argument.name] for operand in on_cpu):
            raise MixedDevicesError(f"{func} writes a result of the device to a CPU tensor.")


def _run(func: Any, args: tuple[Any, ...], options: dict[str, Any], *, to_device: bool) -> Any:
    if torch.Tag.inplace_view in func.tags:
        raise NotImplementedError(f"A DeviceTensor cannot follow {func}, which changes a tensor's shape in place.")
    wrappers: dict[int, DeviceTensor] = {}

    def unwrap(leaf: Any) -> Any:
        if isinstance(leaf, DeviceTensor):
            wrappers[id(leaf.numbers)] = leaf
            return leaf.numbers
        return CPU if _is_device(leaf) else leaf

    def wrap(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        # An operator that writes in place returns its argument, which must stay the same object.
        return wrappers[id(leaf)] if id(leaf) in wrappers else DeviceTensor(leaf)

    unwrapped = {name: _map(unwrap, value) for name, value in options.items()}
    result = func(*(_map(unwrap, value) for value in args), **unwrapped)
    return _map(wrap, result) if to_device else result

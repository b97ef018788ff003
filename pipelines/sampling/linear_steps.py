"""Reads from a diffusers scheduler the linear map that each of its steps is.

A step of a sampler adds up multiples of the latents, of the UNet's output, of noise and of tensors that the scheduler
kept from earlier steps. The factors depend on the step alone. So one run of the scheduler on vectors that have a
number for each of these operands gives all factors, and no formula of a sampler is repeated here. Numbers beside them
show whether the step is linear at all, which clipping and thresholding are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

MEMORY: Final = 4
"""Most tensors that a sampler with a linear form keeps from one step to the next."""
LATENTS, CLEAN, FIRST_KEPT = 0, 1, 2
"""Rows of a step's matrix: the next latents, the clean latents that the output predicts, what later steps need."""
ROWS: Final = FIRST_KEPT + MEMORY
NOISE, OUTPUT, FIRST_SLOT = 0, 1, 2
"""Columns of a step's matrix: the noise, the guided output, and the rows that the step before made."""
COLUMNS: Final = FIRST_SLOT + ROWS

_OPERANDS: Final = 3
"""The latents, the output and the noise. What the scheduler kept comes after them."""
_MOST_KEPT: Final = 12
_CHECKS: Final = 3
_WIDTH: Final = _OPERANDS + _MOST_KEPT + _CHECKS + 1
"""A number for each operand, random numbers to check linearity, and a zero that must stay zero."""
_CHECK_SIZE: Final = 1000.0
"""Size of the random numbers. Latents are of size 1, so what clips latents clips these."""
_TOLERANCE: Final = 1e-9
_SHAPE: Final = (1, _WIDTH, 1, 1)

_Name = tuple[str, int | None]
"""An attribute of a scheduler, and the index in it if it is a list."""


@dataclass(frozen=True, slots=True)
class LinearSteps:
    """The matrices of all calls of one sampler, noise schedule and number of steps."""

    matrices: Tensor
    """[calls, ROWS, COLUMNS], float32 on the CPU. Rows and columns that are not used hold zeros."""
    rows: int
    """The rows that are used: the first ones."""
    input_scales: tuple[float, ...]
    """Factors on the latents, one for each UNet call."""
    draws: tuple[bool, ...]
    """Whether the call draws noise. It then draws one tensor of the latents' shape, even where its factor is zero."""


@dataclass(frozen=True, slots=True)
class _Response:
    """The result of one step, as a matrix on its operands."""

    matrix: Tensor
    """[1 + kept after, 3 + kept before], float64: the latents and what the scheduler keeps."""
    draws: int
    linear: bool


class _Probing(TorchFunctionMode):
    """Puts a given tensor in the place of the noise that is drawn, counts the draws, and keeps operands in float64."""

    def __init__(self, noise: Tensor) -> None:
        super().__init__()
        self._noise = noise
        self.draws = 0

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.randn:
            self.draws += 1
            return self._noise.clone()
        if func is Tensor.to and args[0].shape == _SHAPE:
            return args[0]
        return func(*args, **(kwargs or {}))


@torch.inference_mode()
def read(scheduler: Any, timesteps: Sequence[Tensor], clean: Sequence[tuple[float, float]]) -> LinearSteps | None:
    """Return the matrices of a scheduler's steps, or None if they are not linear or keep too much.

    The scheduler must not have made a step; this function makes all of them. `clean` holds for each call the factors of
    the UNet's input and output in the clean latents.
    """
    responses, input_scales = [], []
    kept: dict[_Name, int] = {}
    for timestep in timesteps:
        input_scales.append(float(scheduler.scale_model_input(torch.ones(1, dtype=torch.float64), timestep)))
        response, kept = _respond(scheduler, timestep, kept)
        if not response.linear or response.draws > 1 or len(kept) > _MOST_KEPT:
            return None
        responses.append(response)
    by_latents = [
        (scale * on_input, on_output) for scale, (on_input, on_output) in zip(input_scales, clean, strict=True)
    ]
    return _assemble(responses, by_latents, tuple(input_scales))


def _respond(scheduler: Any, timestep: Tensor, kept: Mapping[_Name, int]) -> tuple[_Response, dict[_Name, int]]:
    """Make one step. `kept`, before it, and the result, after it, number the tensors that the scheduler keeps."""
    operands = _operands(_OPERANDS + len(set(kept.values())))
    for name, index in kept.items():
        _put(scheduler, name, operands[_OPERANDS + index].view(_SHAPE).clone())
    latents, output, noise = (operand.view(_SHAPE).clone() for operand in operands[:_OPERANDS])
    with _Probing(noise) as probing:
        made = [scheduler.step(output, timestep, latents, return_dict=False)[0].double().flatten()]
    names: dict[_Name, int] = {}
    distinct: dict[tuple[float, ...], int] = {}
    for name, tensor in _kept_by(scheduler):
        vector = tensor.double().flatten()
        names[name] = distinct.setdefault(tuple(vector.tolist()), len(distinct))
        if len(distinct) == len(made):
            made.append(vector)
    results = torch.stack(made)
    matrix = results[:, : len(operands)]
    return _Response(matrix, probing.draws, _is_linear(matrix, operands, results)), names


@cache
def _operands(count: int) -> Tensor:
    """Return [count, _WIDTH]: for each operand a unit vector, followed by random numbers and a zero."""
    operands = torch.zeros(count, _WIDTH, dtype=torch.float64)
    operands[:, :count] = torch.eye(count)
    generator = torch.Generator("cpu").manual_seed(count)
    checks = torch.randn(count, _CHECKS, dtype=torch.float64, generator=generator)
    operands[:, -_CHECKS - 1 : -1] = _CHECK_SIZE * checks
    return operands


def _is_linear(matrix: Tensor, operands: Tensor, results: Tensor) -> bool:
    sizes = matrix.abs() @ operands.abs()
    return bool(((matrix @ operands - results).abs() <= _TOLERANCE * sizes).all())


def _kept_by(scheduler: Any) -> list[tuple[_Name, Tensor]]:
    """Return the tensors of the latents' shape that the scheduler holds."""
    found: list[tuple[_Name, Tensor]] = []
    for attribute, value in vars(scheduler).items():
        members = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        found += [
            ((attribute, index), member)
            for index, member in members
            if isinstance(member, Tensor) and member.shape == _SHAPE
        ]
    return found


def _put(scheduler: Any, name: _Name, tensor: Tensor) -> None:
    attribute, index = name
    if index is None:
        setattr(scheduler, attribute, tensor)
    else:
        getattr(scheduler, attribute)[index] = tensor


def _assemble(
    responses: Sequence[_Response], clean: Sequence[tuple[float, float]], input_scales: tuple[float, ...]
) -> LinearSteps | None:
    """Lay out the matrices, without the kept tensors that no later call reads."""
    matrices = torch.zeros(len(responses), ROWS, COLUMNS, dtype=torch.float64)
    needed: list[int] = []
    most_kept = 0
    for matrix, response, factors in reversed(list(zip(matrices, responses, clean, strict=True))):
        rows = response.matrix[[0, *(1 + index for index in needed)]]
        read = [index for index in range(rows.shape[1] - _OPERANDS) if rows[:, _OPERANDS + index].any()]
        if len(read) > MEMORY:
            return None
        most_kept = max(most_kept, len(read))
        at = [LATENTS, *range(FIRST_KEPT, FIRST_KEPT + len(needed))]
        matrix[at, FIRST_SLOT + LATENTS], matrix[at, OUTPUT], matrix[at, NOISE] = rows[:, :_OPERANDS].T
        for position, index in enumerate(read):
            matrix[at, FIRST_SLOT + FIRST_KEPT + position] = rows[:, _OPERANDS + index]
        matrix[CLEAN, FIRST_SLOT + LATENTS], matrix[CLEAN, OUTPUT] = factors
        needed = read
    draws = tuple(response.draws > 0 for response in responses)
    return LinearSteps(matrices.float(), FIRST_KEPT + most_kept, input_scales, draws)

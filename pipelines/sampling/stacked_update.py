"""The sampler updates of all images of a call as a few operations, however many images there are.

Every image brings the matrix of its step (`linear_steps`). The sums run over a matrix's columns in their fixed order,
with one multiply-add for each column. A column that is zero for all images is left out, and one that is zero for an
image adds zero to it, so an image's bits do not depend on the other images.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.sampling.linear_steps import FIRST_SLOT, NOISE, OUTPUT, LinearSteps
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.transfers import upload, upload_stacked


def next_slots(runs: Sequence[SamplerRun], guided: Tensor) -> list[Tensor | Exception]:
    """Return the slots of each image after its next step, or the error that its own scheduler raised.

    `guided` [images, C, h, w] is the output of the UNet after guidance. Apart from the schedulers of samplers without
    a linear form, which make their step at the end, this changes nothing. `SamplerRun.commit` takes the slots.
    """
    results: dict[int, Tensor | Exception] = {}
    together = [index for index, run in enumerate(runs) if run.steps.linear]
    if together:
        outputs = guided if len(together) == len(runs) else torch.cat([guided[n : n + 1] for n in together])
        results.update(zip(together, _step_together([runs[n] for n in together], outputs), strict=True))
    for index, run in enumerate(runs):
        if index not in results:
            results[index] = _step_alone(run, guided[index : index + 1])
    return [results[index] for index in range(len(runs))]


def _step_alone(run: SamplerRun, guided: Tensor) -> Tensor | Exception:
    try:
        return run.step_alone(guided)
    except Exception as error:  # noqa: BLE001 -- it concerns this image alone, and its caller classifies it
        return error


def _step_together(runs: Sequence[SamplerRun], guided: Tensor) -> list[Tensor]:
    rows = max(_linear(run).rows for run in runs)
    matrices = torch.stack([_linear(run).matrices[run.position] for run in runs])[:, :rows, : FIRST_SLOT + rows]
    used = matrices.any(0).any(0).nonzero().flatten().tolist()
    factors = upload(matrices, guided.device)[..., None, None, None]
    slots = _stack([run.slots[:rows] for run in runs], rows)
    columns = {OUTPUT: guided[:, None]}
    if NOISE in used:
        columns[NOISE] = _stack_noise(runs, guided.device)[:, None]
    result = torch.zeros_like(slots)
    for column in used:
        operand = columns[column] if column in columns else slots[:, column - FIRST_SLOT, None]
        result.addcmul_(factors[:, :, column], operand)
    return _unstack(result)


def _linear(run: SamplerRun) -> LinearSteps:
    assert run.steps.linear is not None, "a sampler without a linear form is stepped alone"
    return run.steps.linear


def _stack(slots: Sequence[Tensor], rows: int) -> Tensor:
    """Stack the images' slots to [images, rows, C, h, w]. Missing rows are zeros."""
    shape = slots[0].shape[1:]
    zeros = slots[0].new_zeros(rows, *shape) if min(map(len, slots)) < rows else None
    parts = []
    for each in slots:
        parts.append(each)
        if zeros is not None and len(each) < rows:
            parts.append(zeros[len(each) :])
    return torch.cat(parts).view(len(slots), rows, *shape)


def _unstack(stacked: Tensor) -> list[Tensor]:
    """Copy each image's slots into memory of its own, which does not hold that of the others."""
    images, rows, *shape = stacked.shape
    parts = [stacked.new_empty(rows, *shape) for _ in range(images)]
    torch.split_with_sizes_copy(stacked.flatten(0, 1), [rows] * images, out=parts)
    return parts


def _stack_noise(runs: Sequence[SamplerRun], device: torch.device) -> Tensor:
    """Return the noise of the next step, [images, C, h, w]: zeros for an image that takes none."""
    zeros = torch.zeros(runs[0].slots.shape[1:])
    return upload_stacked([run.noise.peek() if run.draws else zeros for run in runs], device)

"""Linear layers in 8-bit floating point, with a scale for each row of the input and for each output feature.

Rows keep scales of their own, so that a row's result does not depend on the others. One scale for a whole input would
make it depend on their largest value.
"""

from __future__ import annotations

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from pipelines.errors import ModelLoadError

FP8: Final = torch.float8_e4m3fn
_LARGEST: Final = torch.finfo(FP8).max
_LEAST_SCALE: Final = 1e-12
"""Scale of a row of zeros."""
_LEAST_FEATURES: Final = 512
"""Layers with fewer inputs or outputs stay as they are: quantizing their input costs more than they save."""
_MULTIPLE: Final = 16
"""torch._scaled_mm takes inputs and outputs in multiples of this."""
_LEAST_CAPABILITY: Final = (8, 9)
"""Compute capability of the first GPUs with products of 8-bit floats (Ada)."""


def check(device: torch.device) -> None:
    """Raise `ModelLoadError` where the device has no products of 8-bit floats."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _LEAST_CAPABILITY:
        raise ModelLoadError(
            "quantize=fp8 needs a GPU of compute capability 8.9 or later (Ada, Hopper, Blackwell): set quantize=off."
        )


def quantize_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return [n, features] as 8-bit floats and the scale of each row, [n, 1] in float32. Their product is the input."""
    largest = rows.abs().amax(1, keepdim=True).float()
    scale = (largest / _LARGEST).clamp(min=_LEAST_SCALE)
    return (rows.float() / scale).clamp(-_LARGEST, _LARGEST).to(FP8), scale


def scaled_product(
    rows: Tensor, row_scale: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None
) -> Tensor:
    """Return `rows @ weight.T` of two quantized matrices, plus the bias, in bfloat16: [n, out].

    `rows` is [n, in] with scales [n, 1], `weight` [out, in] with scales [out, 1]. Only bfloat16 comes out of
    torch._scaled_mm with scales by row on every GPU that has it. Elsewhere than on a GPU this is the reference.
    """
    by_feature = weight_scale.t().contiguous()
    if not rows.is_cuda:
        product = (rows.float() @ weight.float().t()) * row_scale * by_feature
        return (product if bias is None else product + bias).bfloat16()
    # The second matrix has to be column-major.
    return torch._scaled_mm(  # noqa: SLF001 -- the oldest torch that is supported has no public function for it
        rows, weight.t(), row_scale, by_feature, bias, out_dtype=torch.bfloat16, use_fast_accum=True
    )


class RowwiseLinear(nn.Module):
    """A linear layer whose weights are kept, and multiplied, as 8-bit floats.

    Moved to another dtype (for an image that is made again in higher precision), it is the plain layer with those
    weights.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight, scale = quantize_rows(linear.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        bias: Tensor | None = linear.bias  # torch's type leaves out the None
        self.register_buffer("bias", None if bias is None else bias.detach().bfloat16())

    def forward(self, inputs: Tensor) -> Tensor:
        if self.weight.dtype is not FP8:
            return F.linear(inputs, self.weight * self.scale, self.bias)
        rows, row_scale = quantize_rows(inputs.flatten(0, -2))
        output = scaled_product(rows, row_scale, self.weight, self.scale, self.bias)
        return output.to(inputs.dtype).reshape(*inputs.shape[:-1], -1)


def quantize(unet: Any, *, least_features: int = _LEAST_FEATURES) -> None:
    """Replace the large linear layers of attention and feed-forward in a diffusers.UNet2DConditionModel, in place."""
    for block in [module for module in unet.modules() if isinstance(module, BasicTransformerBlock)]:
        for parent in list(block.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear) and _is_worth(child, least_features):
                    setattr(parent, name, RowwiseLinear(child))


def _is_worth(linear: nn.Linear, least_features: int) -> bool:
    sides = (linear.in_features, linear.out_features)
    return all(side >= least_features and side % _MULTIPLE == 0 for side in sides)

"""Products in 8-bit floats are close to those in float32, row by row, and replace the large layers of a UNet alone."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from pipelines.errors import ModelLoadError
from pipelines.runtime import fp8
from pipelines.runtime.fp8 import RowwiseLinear

STEP = 2.0**-4
"""Largest relative rounding error of a normal number of the format, which has three bits behind the point."""


def linear(inputs: int = 64, outputs: int = 32, *, bias: bool = True) -> nn.Linear:
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer


def rows(count: int, features: int = 64, seed: int = 1) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


def test_a_rows_largest_value_takes_the_largest_number_of_the_format() -> None:
    inputs = torch.tensor([[1.0, -3.0, 0.5], [1e-6, 2e-6, 0.0], [0.0, 0.0, 0.0], [30000.0, 60000.0, -1.0]])

    quantized, scale = fp8.quantize_rows(inputs)

    assert quantized.dtype is torch.float8_e4m3fn
    assert quantized.float().abs().amax(1).tolist() == [448.0, 448.0, 0.0, 448.0]
    torch.testing.assert_close(quantized.float() * scale, inputs, rtol=STEP, atol=float(scale.max()) * 2**-10)


@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_layer_differs_from_the_plain_one_by_no_more_than_the_format_does(bias: bool) -> None:
    layer, inputs = linear(bias=bias), rows(7)

    output = RowwiseLinear(layer)(inputs)

    # Each product has two rounded factors, and the errors of a sum do not exceed those of the products' magnitudes.
    bound = (2 * STEP + STEP**2) * (inputs.abs() @ layer.weight.abs().t()) + 2**-8 * layer(inputs).abs()
    assert output.dtype is inputs.dtype
    assert bool(((output - layer(inputs)).abs() <= bound).all())
    assert torch.nn.functional.cosine_similarity(output, layer(inputs)).min() > 0.998


@torch.inference_mode()
def test_a_row_does_not_depend_on_the_other_rows() -> None:
    layer, inputs = RowwiseLinear(linear()), rows(8)
    others = 1000 * rows(8, seed=2)
    others[3] = inputs[3]

    assert torch.equal(layer(inputs)[3], layer(others)[3])


@torch.inference_mode()
def test_a_row_that_overflowed_is_no_number_and_spoils_no_other() -> None:
    layer, inputs = RowwiseLinear(linear()), rows(3)
    expected = layer(inputs)
    inputs[1, 5] = torch.inf

    output = layer(inputs)

    assert output[1].isnan().all()
    assert torch.equal(output[[0, 2]], expected[[0, 2]])


@torch.inference_mode()
def test_inputs_may_have_any_number_of_dimensions() -> None:
    layer, inputs = RowwiseLinear(linear()), rows(6).view(2, 3, 64)

    assert torch.equal(layer(inputs), layer(inputs.view(6, 64)).view(2, 3, 32))


@torch.inference_mode()
def test_a_copy_in_a_wider_dtype_is_a_plain_layer_with_the_same_weights() -> None:
    layer, inputs = RowwiseLinear(linear()), rows(4)
    weight = layer.weight.double() * layer.scale.double()
    assert layer.bias is not None

    output = copy.deepcopy(layer).to(torch.float64)(inputs.double())

    torch.testing.assert_close(output, inputs.double() @ weight.t() + layer.bias.double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 5])
def test_torch_accepts_the_product_on_a_gpu(dtype: torch.dtype, count: int) -> None:
    # Within this mode nothing is computed, and the shapes and strides are checked as for the device that is named.
    with FakeTensorMode():
        inputs, weight = (torch.empty(n, 64, device="cuda", dtype=dtype) for n in (count, 32))
        bias = torch.empty(32, device="cuda", dtype=torch.bfloat16)
        output = fp8.scaled_product(*fp8.quantize_rows(inputs), *fp8.quantize_rows(weight), bias)

    assert output.is_cuda
    assert output.shape == (count, 32)
    assert output.dtype is torch.bfloat16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@torch.inference_mode()
def test_the_product_on_a_gpu_is_that_of_the_reference() -> None:
    layer, inputs = RowwiseLinear(linear(512, 512)), rows(9, 512)

    torch.testing.assert_close(layer.cuda()(inputs.cuda()).cpu(), layer.cpu()(inputs), rtol=0.02, atol=0.2)


def test_the_large_layers_of_attention_and_feed_forward_are_replaced_and_no_others() -> None:
    unet = UNet2DConditionModel(
        sample_size=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=40,
        attention_head_dim=4,
        norm_num_groups=4,
    ).eval()

    fp8.quantize(unet, least_features=32)

    layers = dict(unet.named_modules())
    replaced = {name.rpartition("transformer_blocks.")[2] for name in layers if isinstance(layers[name], RowwiseLinear)}
    kept = {name for name in layers if isinstance(layers[name], nn.Linear)}
    # 40 features of text are no multiple of 16, and the blocks of 16 channels are too small.
    assert replaced == {
        *(f"0.{attention}.{part}" for attention in ("attn1", "attn2") for part in ("to_q", "to_out.0")),
        *(f"0.attn1.{part}" for part in ("to_k", "to_v")),
        *("0.ff.net.0.proj", "0.ff.net.2"),
    }
    assert "time_embedding.linear_1" in kept
    assert any("down_blocks.0" in name for name in kept)
    assert unet.dtype is torch.float32
    sample, conditioning = torch.zeros(1, 4, 4, 4), torch.zeros(1, 3, 40)
    assert unet(sample, 1.0, encoder_hidden_states=conditioning, return_dict=False)[0].isfinite().all()


def test_a_device_without_8_bit_products_is_refused() -> None:
    with pytest.raises(ModelLoadError, match=r"compute capability 8\.9"):
        fp8.check(torch.device("cpu"))

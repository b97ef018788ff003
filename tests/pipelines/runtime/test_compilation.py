"""A UNet compiles once for each shape, ahead of time, and a machine that cannot compile is refused at once."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from torch import Tensor, nn

from pipelines.errors import ModelLoadError
from pipelines.runtime import compilation
from pipelines.runtime.batching import BatchingByNetwork, Padded
from pipelines.runtime.compilation import CompiledUNet, CompileMode
from pipelines.runtime.modes import RunMode
from pipelines.runtime.networks import Denoiser, Networks
from tests.harness.models import tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import distance
from tests.harness.models.tiny_model import PARAMS

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")


VAE = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4)
"""It is never called."""


@pytest.fixture
def unet() -> Iterator[UNet2DConditionModel]:
    """A UNet of one block, which compiles in seconds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield UNet2DConditionModel(
            sample_size=4,
            block_out_channels=(8,),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D",),
            mid_block_type=None,
            up_block_types=("UpBlock2D",),
            cross_attention_dim=8,
            attention_head_dim=4,
            norm_num_groups=4,
        ).eval()
    torch._dynamo.reset()


class Blocks(nn.Module):
    """Two equal transformer blocks, called as a UNet is."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.blocks = nn.ModuleList(BasicTransformerBlock(4, 1, 4, cross_attention_dim=8) for _ in range(2))
        self.eval().requires_grad_(False)

    def forward(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool
    ) -> tuple[Tensor, ...]:
        hidden = sample.flatten(2).transpose(1, 2).contiguous()
        for block in self.blocks:
            hidden = block(hidden, encoder_hidden_states=encoder_hidden_states)
        return (hidden,)


def call(denoiser: Denoiser, count: int, *, repeats: int = 1) -> Tensor:
    """Call with `count` rows, whose texts are repeated `repeats` times."""
    sample, timesteps, conditioning = rows(count)
    texts = conditioning.repeat(1, repeats, 1)
    return denoiser(sample, timesteps, encoder_hidden_states=texts, return_dict=False)[0]


def rows(count: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(count, 4, 4, 4, generator=generator),
        torch.linspace(0, 999, count),
        torch.randn(count, 3, 8, generator=generator),
    )


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # raised by an import of the compiler
def test_row_counts_of_one_bucket_share_one_compilation_kept_in_the_given_folder_and_match_the_plain_unet(
    unet: UNet2DConditionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One test, because a compilation into an empty folder takes most of a minute on the CPU.
    from torch._dynamo.utils import counters

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "restored after the test")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    compilation.keep_code_in(tmp_path / "cache" / "compiled")
    compiled = CompiledUNet(unet, "default")
    plain = Networks(text_encoder=None, unet=unet, vae=VAE)
    networks = Networks(
        text_encoder=None, unet=unet, vae=VAE, batching=BatchingByNetwork(rows=Padded([4])), denoiser=compiled
    )
    counters.clear()

    with compiled.compiling():
        networks.denoise(*rows(4))
    for count in (3, 4, 2):
        torch.testing.assert_close(networks.denoise(*rows(count)), plain.denoise(*rows(count)), rtol=1e-4, atol=1e-5)

    assert counters["stats"]["unique_graphs"] == 1
    assert list((tmp_path / "cache" / "compiled").rglob("*.so"))


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # raised by an import of the compiler
def test_regional_compilation_shares_code_between_blocks_and_leaves_other_shapes_and_copies_uncompiled() -> None:
    # One test, as above.
    from torch._dynamo.utils import counters

    plain, blocks = Blocks(), Blocks()
    compiled = CompiledUNet(blocks, "regional")
    counters.clear()

    with compiled.compiling():
        call(compiled, 2)

    assert counters["stats"]["unique_graphs"] == 1
    torch.testing.assert_close(call(compiled, 2), call(plain, 2), rtol=1e-4, atol=1e-5)
    assert torch.equal(call(compiled, 1), call(plain, 1))
    assert torch.equal(call(copy.deepcopy(blocks), 2), call(plain, 2))
    assert torch.equal(call(compiled, 2, repeats=3), call(plain, 2, repeats=3))
    assert counters["stats"]["unique_graphs"] == 1
    torch._dynamo.reset()


@pytest.mark.parametrize("mode", ["default", "reduce-overhead", "max-autotune"])
def test_torch_knows_the_options_of_each_mode(mode: CompileMode) -> None:
    blocks = Blocks()

    assert torch.equal(call(CompiledUNet(blocks, mode), 1), call(blocks, 1))


def test_a_folder_that_cannot_be_made_leaves_torchs_own_folder_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "restored after the test")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")

    compilation.keep_code_in(tmp_path / "file" / "compiled")

    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


def test_a_shape_that_was_not_compiled_ahead_runs_uncompiled(unet: UNet2DConditionModel) -> None:
    from torch._dynamo.utils import counters

    counters.clear()
    compiled = Networks(text_encoder=None, unet=unet, vae=VAE, denoiser=CompiledUNet(unet, "default"))

    output = compiled.denoise(*rows(2))

    assert torch.equal(output, Networks(text_encoder=None, unet=unet, vae=VAE).denoise(*rows(2)))
    assert counters["stats"]["unique_graphs"] == 0


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # raised by an import of the compiler
def test_a_compiled_unet_of_stable_diffusion_xl_makes_the_latents_of_a_plain_one(zoo: Callable[[str], Path]) -> None:
    """Such a UNet also takes pooled texts and sizes. Its repeated blocks are compiled for one row, as an image has."""
    params = replace(PARAMS, guidance_scale=1.0, steps=2)
    compiled = tiny_model.load(zoo("sdxl"), mode=RunMode(compile="regional", max_rows=1, max_decode=1))

    (made,) = finish_joined(compiled, [params])
    (plain,) = finish_joined(tiny_model.load(zoo("sdxl")), [params])

    assert distance(made.latents, plain.latents) < 1e-5


def test_cuda_graphs_are_refused_on_the_cpu(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="needs a GPU"):
        tiny_model.load(model_folder, mode=RunMode(compile="reduce-overhead"))


def test_a_missing_compiler_is_reported_before_the_model_is_served() -> None:
    from torch._inductor import config

    with config.patch({"cpp.cxx": ("no-such-compiler",)}), pytest.raises(ModelLoadError, match=r"install g\+\+"):
        compilation.check(torch.device("cpu"), "default")


def test_compiling_for_a_gpu_needs_a_c_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ModelLoadError, match="install gcc"):
        compilation.check(torch.device("cuda"), "default")

    monkeypatch.setenv("CC", "/opt/bin/cc")
    compilation.check(torch.device("cuda"), "default")

"""A compiled UNet: what it makes, how often it is compiled, and what is said where it cannot be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pipelines.checkpoints import loader
from pipelines.errors import ModelLoadError
from pipelines.runtime import compilation
from pipelines.runtime.batching import BatchingByNetwork, Padded
from pipelines.runtime.compilation import CompiledUNet
from pipelines.runtime.modes import Execution
from pipelines.runtime.networks import Networks

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")


@pytest.fixture
def unet() -> Iterator[UNet2DConditionModel]:
    """One block: what a compiler takes seconds for."""
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


def rows(count: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(count, 4, 4, 4, generator=generator),
        torch.linspace(0, 999, count),
        torch.randn(count, 3, 8, generator=generator),
    )


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # what the compiler imports on its way
def test_row_counts_of_one_bucket_share_one_compilation_and_make_what_the_plain_unet_makes(
    unet: UNet2DConditionModel,
) -> None:
    from torch._dynamo.utils import counters

    compiled = CompiledUNet(unet, "default")
    plain = Networks(text_encoder=None, unet=unet, vae=None)
    networks = Networks(
        text_encoder=None, unet=unet, vae=None, batchings=BatchingByNetwork(rows=Padded([4])), denoiser=compiled
    )
    counters.clear()

    with compiled.compiling():
        networks.denoise(*rows(4))
    for count in (3, 4, 2):
        torch.testing.assert_close(networks.denoise(*rows(count)), plain.denoise(*rows(count)), rtol=1e-4, atol=1e-5)

    assert counters["stats"]["unique_graphs"] == 1


@needs_compiler
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_compiled_code_is_kept_where_it_is_told(
    unet: UNet2DConditionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "to be put back")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    compilation.keep_code_in(tmp_path / "cache" / "compiled")
    compiled = CompiledUNet(unet, "default")

    with compiled.compiling():
        Networks(text_encoder=None, unet=unet, vae=None, denoiser=compiled).denoise(*rows(2))

    assert list((tmp_path / "cache" / "compiled").rglob("*.so"))


def test_a_folder_that_cannot_be_had_leaves_compiled_code_to_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "to be put back")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")

    compilation.keep_code_in(tmp_path / "file" / "compiled")

    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ


def test_a_shape_that_was_not_compiled_ahead_runs_as_it_is(unet: UNet2DConditionModel) -> None:
    from torch._dynamo.utils import counters

    counters.clear()
    compiled = Networks(text_encoder=None, unet=unet, vae=None, denoiser=CompiledUNet(unet, "default"))

    output = compiled.denoise(*rows(2))

    assert torch.equal(output, Networks(text_encoder=None, unet=unet, vae=None).denoise(*rows(2)))
    assert counters["stats"]["unique_graphs"] == 0


def test_cuda_graphs_are_refused_on_the_cpu(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="takes a GPU"):
        loader.load(str(model_folder), device="cpu", run_as=Execution(compile="reduce-overhead"))


def test_a_missing_compiler_is_said_at_once(model_folder: Path) -> None:
    from torch._inductor import config

    with config.patch({"cpp.cxx": ("no-such-compiler",)}), pytest.raises(ModelLoadError, match=r"install g\+\+"):
        compilation.check(torch.device("cpu"), "default")


def test_a_gpu_takes_a_c_compiler_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(ModelLoadError, match="install gcc"):
        compilation.check(torch.device("cuda"), "default")

    monkeypatch.setenv("CC", "/opt/bin/cc")
    compilation.check(torch.device("cuda"), "default")


def test_exact_mode_does_not_compile(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be had together"):
        loader.load(str(model_folder), device="cpu", run_as=Execution(exact=True, compile="default"))

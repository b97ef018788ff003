"""A GPU keeps its index, and memory that runs out is told from a broken device whichever library says so."""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipelines.errors import ModelLoadError
from pipelines.runtime import batch_invariance, devices

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU for CUDA calls")

OUT_OF_MEMORY = {
    "a GPU's allocator": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "the CPU's allocator": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    "Python": MemoryError(),
    "the driver": torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'"),
    "cuBLAS": RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cuDNN 8": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cuDNN 9": RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    "every algorithm of a convolution": RuntimeError("GET was unable to find an engine to execute this computation"),
    "Triton": RuntimeError("Triton Error [CUDA]: out of memory"),
}
OTHER_ERRORS = {
    "an illegal access": torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    "a computation that cuDNN does not have": RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    "a failed product": RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    "a value": ValueError("out of memory cells"),
}


def resident_bytes() -> int:
    """Return the memory that this process has, as Linux counts it."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no malloc_trim")
def test_memory_that_is_freed_between_memory_in_use_goes_back_to_the_system() -> None:
    blocks = [torch.ones(16 << 10) for _ in range(2048)]
    freed_bytes = sum(block.nbytes for block in blocks)
    kept = blocks[::64]
    blocks.clear()
    before_bytes = resident_bytes()

    devices.return_free_memory()

    assert before_bytes - resident_bytes() > freed_bytes / 2
    assert all(block.all() for block in kept)


@pytest.mark.parametrize("error", OUT_OF_MEMORY.values(), ids=OUT_OF_MEMORY.keys())
def test_memory_may_run_out_in_any_library_and_the_device_is_not_broken(error: Exception) -> None:
    assert devices.is_out_of_memory(error)
    assert not devices.is_broken(error)


@pytest.mark.parametrize("error", OTHER_ERRORS.values(), ids=OTHER_ERRORS.keys())
def test_other_errors_are_not_taken_for_it(error: Exception) -> None:
    assert not devices.is_out_of_memory(error)


def test_a_device_is_broken_after_an_error_of_its_driver() -> None:
    assert devices.is_broken(OTHER_ERRORS["an illegal access"])
    assert not devices.is_broken(OTHER_ERRORS["a failed product"])


@pytest.mark.parametrize("name", ["tpu", "cuda:99", "meta", "", "cuda:x"])
def test_a_device_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ModelLoadError):
        devices.find(name)


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_the_cpu_is_one_device_without_streams_or_half_precision(name: str) -> None:
    device = devices.find(name)

    devices.make_current(device)

    assert str(device) == "cpu"
    assert devices.decode_stream(device) is None
    assert not devices.half_dtypes(device)


@needs_gpu
def test_a_gpu_has_its_index_whatever_it_is_called() -> None:
    assert [str(devices.find(name)) for name in ("auto", "cuda", "cuda:0")] == ["cuda:0"] * 3


@needs_gpu
def test_unet_calls_go_before_decodes() -> None:
    device = devices.find("cuda")
    stream = torch.cuda.current_stream(device)
    try:
        devices.make_current(device)
        decodes = devices.decode_stream(device)
        assert decodes is not None
        assert torch.cuda.current_stream(device).priority < decodes.priority
    finally:
        torch.cuda.set_stream(stream)


def kernel_choice() -> dict[str, object]:
    """The settings by which torch chooses kernels for a GPU."""
    return {
        "benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "TF32 in convolutions": torch.backends.cudnn.allow_tf32,
        "TF32 in products": torch.backends.cuda.matmul.allow_tf32,
        "attention by cuDNN": torch.backends.cuda.cudnn_sdp_enabled(),  # type: ignore[no-untyped-call]  # torch does not annotate this function
    }


@pytest.fixture
def restored_kernels() -> Iterator[None]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
    yield
    cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = before
    torch.backends.cuda.enable_cudnn_sdp(True)
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("restored_kernels")
def test_kernels_are_fast_by_default_and_chosen_by_shape_in_exact_mode() -> None:
    devices.use_fast_kernels()
    assert kernel_choice() == {
        "benchmark": True,
        "deterministic": False,
        "TF32 in convolutions": True,
        "TF32 in products": True,
        "attention by cuDNN": True,
    }

    batch_invariance.use_deterministic_kernels()
    assert kernel_choice() == {
        "benchmark": False,
        "deterministic": True,
        "TF32 in convolutions": False,
        "TF32 in products": False,
        "attention by cuDNN": False,
    }

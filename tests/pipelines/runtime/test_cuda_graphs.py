"""A CUDA graph makes the recorded call on what its buffers hold, beside the graphs of another recorder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pipelines.runtime import cuda_graphs, devices
from pipelines.runtime.batching import Unpadded
from pipelines.runtime.cuda_graphs import CudaGraphRecorder
from pipelines.runtime.graphs import Graphed

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU for CUDA calls")

MIB = 1 << 20


def test_a_cpu_has_no_graphs() -> None:
    assert cuda_graphs.recorder(torch.device("cpu"), priority=0) is None


@pytest.fixture
def device() -> Iterator[torch.device]:
    gpu = devices.find("cuda")
    stream = torch.cuda.current_stream(gpu)
    yield gpu
    torch.cuda.set_stream(stream)


def network(device: torch.device) -> torch.nn.Module:
    """Convolutions, a norm and products, as the networks of a model have them, on [rows, 8, 16, 16]."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = torch.nn.Sequential(
            torch.nn.Conv2d(8, 32, 3, padding=1), torch.nn.GroupNorm(4, 32), torch.nn.SiLU(), torch.nn.Conv2d(32, 8, 1)
        )
    return layers.to(device).eval().requires_grad_(False)


def rows(device: torch.device, count: int, seed: int) -> Tensor:
    return torch.randn(count, 8, 16, 16, generator=torch.Generator().manual_seed(seed)).to(device)


def recorded(device: torch.device, recorder: CudaGraphRecorder, layers: torch.nn.Module) -> Graphed:
    graphed = Graphed(recorder, [1, 2, 4], Unpadded(), label="calls")
    for size in (4, 2, 1):
        with graphed.recording():
            graphed.run(layers, rows(device, size, 0))
    assert len(graphed._graphs) == 3
    return graphed


@needs_gpu
@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_replayed_batch_gets_the_result_of_a_plain_call(device: torch.device, count: int) -> None:
    layers = network(device)
    graphed = recorded(device, CudaGraphRecorder(device, priority=0, max_bytes=64 * MIB), layers)

    first = graphed.run(layers, rows(device, count, 1))
    second = graphed.run(layers, rows(device, count, 2))

    torch.testing.assert_close(first, layers(rows(device, count, 1)), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(second, layers(rows(device, count, 2)), rtol=1e-3, atol=1e-3)


@needs_gpu
@torch.inference_mode()
def test_graphs_of_two_recorders_run_beside_each_other(device: torch.device) -> None:
    layers, decoder = network(device), network(device)
    devices.make_current(device)
    stream = devices.decode_stream(device)
    assert stream is not None
    calls = recorded(device, CudaGraphRecorder(device, priority=-1, max_bytes=64 * MIB), layers)
    decodes = recorded(device, CudaGraphRecorder(device, priority=0, max_bytes=64 * MIB), decoder)
    expected = [(layers(rows(device, 4, seed)), decoder(rows(device, 2, seed))) for seed in range(20)]

    results = []
    for seed in range(20):
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            decoded = decodes.run(decoder, rows(device, 2, seed))
        results.append((calls.run(layers, rows(device, 4, seed)), decoded))
    torch.cuda.synchronize(device)

    torch.testing.assert_close(results, expected, rtol=1e-3, atol=1e-3)


@needs_gpu
@torch.inference_mode()
def test_a_warm_up_counts_the_bytes_that_the_call_holds(device: torch.device) -> None:
    recorder = CudaGraphRecorder(device, priority=0, max_bytes=64 * MIB)

    needed_bytes = recorder.warm_up(lambda: torch.zeros(8 * MIB, dtype=torch.uint8, device=device))

    assert needed_bytes == pytest.approx(8 * MIB, rel=0.01)


@needs_gpu
@torch.inference_mode()
def test_a_recording_that_fails_leaves_the_device_as_it_was(device: torch.device) -> None:
    layers = network(device)
    graphed = Graphed(CudaGraphRecorder(device, priority=0, max_bytes=64 * MIB), [2], Unpadded(), label="calls")
    stream = torch.cuda.current_stream(device)

    def waiting(inputs: Tensor) -> Tensor:
        output: Tensor = layers(inputs)
        output.sum().item()  # The host may not wait for the device in a recording.
        return output

    with graphed.recording():
        result = graphed.run(waiting, rows(device, 2, 1))

    assert torch.cuda.current_stream(device) == stream
    torch.testing.assert_close(result, layers(rows(device, 2, 1)))

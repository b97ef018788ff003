"""Records calls as CUDA graphs, in the way that PyTorch documents. Knows nothing of networks and batches.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from pipelines.runtime.graphs import GraphRecorder, Recording

_WARM_UP_CALLS: Final = 3
"""Calls before a recording, as torch.cuda.make_graphed_callables makes them. cuDNN chooses its kernels in the first."""
_SHARE_OF_FREE_MEMORY: Final = 0.25
"""Share of the memory that is free once the weights are loaded, for the graphs of one recorder."""


class CudaGraphRecorder:
    """Implements `graphs.GraphRecorder` with one memory pool and one stream.

    The graphs of a pool reuse each other's memory, so two of them may not run at once. Networks that run on different
    streams therefore need a recorder each. The stream is the recorder's own for the same reason: cuBLAS keeps a
    workspace for each stream, and graphs that were recorded on one stream write to the same workspace wherever they
    are replayed.
    """

    def __init__(self, device: torch.device, *, priority: int, max_bytes: int) -> None:
        """`priority` is that of the stream on which the graphs will run: a graph keeps the one of its recording."""
        self._device = device
        self._max_bytes = max_bytes
        self._pool = torch.cuda.graph_pool_handle()
        # torch gives the constructor of `Stream` no types.
        self._stream = torch.cuda.Stream(device, priority=priority)  # type: ignore[no-untyped-call]

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def warm_up(self, call: Callable[[], Tensor]) -> int:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP_CALLS - 1):
                call()
            # Not counted before the last call: the first may have tried kernels that need more memory.
            torch.cuda.reset_peak_memory_stats(self._device)
            held_bytes = torch.cuda.memory_allocated(self._device)
            call()
            peak_bytes = torch.cuda.max_memory_allocated(self._device)
        current.wait_stream(self._stream)
        return peak_bytes - held_bytes

    def record(self, call: Callable[[], Tensor]) -> Recording:
        graph = torch.cuda.CUDAGraph()
        current = torch.cuda.current_stream(self._device)
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                output = call()
        finally:
            # A recording that fails leaves its own stream the current one.
            torch.cuda.set_stream(current)
        return Recording(output, graph.replay)


def recorder(device: torch.device, *, priority: int) -> GraphRecorder | None:
    """Return a new recorder for that device, or None if it has no graphs."""
    if device.type != "cuda":
        return None
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return CudaGraphRecorder(device, priority=priority, max_bytes=int(_SHARE_OF_FREE_MEMORY * free_bytes))

"""Runs a network by replaying recorded calls (CUDA graphs): one launch by the host in place of hundreds.

This module chooses the recorded size for a batch, fills its input buffers, and falls back where nothing was recorded.
How a call is recorded is the business of a `GraphRecorder`; `pipelines.runtime.cuda_graphs` has the one for CUDA.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from torch import Tensor

from pipelines.runtime import devices
from pipelines.runtime.batching import Batching, Network

_NO_GRAPH: Final = "%s of %d at %s run without a graph: %s"

_log = logging.getLogger(__name__)


class Recording(NamedTuple):
    """A recorded call."""

    output: Tensor
    """The buffer that holds the result after `replay`. A later replay of any recording may write to it."""
    replay: Callable[[], object]
    """Makes the call again on whatever its input buffers hold then."""


class GraphRecorder(Protocol):
    """Records calls. The recordings of one recorder share memory, so that no two of them may run at the same time."""

    @property
    def max_bytes(self) -> int:
        """Most bytes that the recordings may take together."""

    def warm_up(self, call: Callable[[], Tensor]) -> int:
        """Make the call until nothing is set up in it any more. Returns the most bytes that it held at a time."""

    def record(self, call: Callable[[], Tensor]) -> Recording:
        """Record the call, which reads its inputs from buffers that stay where they are."""


class Graphed:
    """Implements `batching.Batching`: replays the call that was recorded for the next of a few sizes.

    Whatever was not recorded goes through another batching, and a recording holds what that batching does with a batch
    of the recorded size. A network is recorded for each shape and dtype of its inputs, and for itself alone: a copy of
    it in another dtype finds no recording.
    """

    def __init__(self, recorder: GraphRecorder, sizes: Iterable[int], otherwise: Batching, *, label: str) -> None:
        """`label` says in the log what is called, as in "UNet calls"."""
        self._recorder = recorder
        self._sizes = sorted(sizes)
        self._otherwise = otherwise
        self._label = label
        self._graphs: dict[Hashable, _Graph] = {}
        self._is_recording = False
        self._can_record = True

    @property
    def sizes(self) -> Sequence[int]:
        """The sizes to record, in ascending order."""
        return self._sizes

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Within this context, a call whose size and shape have no recording yet is recorded.

        It then runs with the other batching if memory runs out, if the recordings would take more than
        `GraphRecorder.max_bytes`, or if the device cannot record it, and the log says so. Record the largest calls
        first: the smaller ones find room in their memory.
        """
        self._is_recording = True
        try:
            yield
        finally:
            self._is_recording = False

    def run(self, network: Network, *inputs: Tensor) -> Tensor:
        size = next((size for size in self._sizes if size >= len(inputs[0])), None)
        if size is None:
            return self._otherwise.run(network, *inputs)
        key = (network, size, *((each.shape[1:], each.dtype) for each in inputs))
        if self._is_recording and self._can_record and key not in self._graphs:
            graph = self._record(network, size, inputs)
            if graph is not None:
                self._graphs[key] = graph
        return self._graphs[key].run(inputs) if key in self._graphs else self._otherwise.run(network, *inputs)

    def _record(self, network: Network, size: int, inputs: Sequence[Tensor]) -> _Graph | None:
        buffers = [each.new_zeros(size, *each.shape[1:]) for each in inputs]
        _fill(buffers, inputs)

        def call() -> Tensor:
            return self._otherwise.run(network, *buffers)

        shape = "x".join(map(str, inputs[0].shape[1:]))
        try:
            needed_bytes = self._recorder.warm_up(call)
            if needed_bytes <= self._recorder.max_bytes:
                return _Graph(buffers, self._recorder.record(call))
            _log.info(_NO_GRAPH, self._label, size, shape, f"they need {needed_bytes >> 20} MiB of memory")
        except Exception as error:  # noqa: BLE001 -- the call that follows without a graph shows whether it matters
            # After any other error the recorder may be unable to record: its device may still think that it does.
            self._can_record = devices.is_out_of_memory(error)
            reason = "memory ran out" if self._can_record else f"{error}".partition("\n")[0] or type(error).__name__
            _log.warning(_NO_GRAPH, self._label, size, shape, reason)
        return None


class _Graph:
    """A recorded call with its input buffers."""

    def __init__(self, buffers: Sequence[Tensor], recording: Recording) -> None:
        self._buffers = buffers
        self._recording = recording

    def run(self, inputs: Sequence[Tensor]) -> Tensor:
        _fill(self._buffers, inputs)
        self._recording.replay()
        return self._recording.output[: len(inputs[0])].clone()


def _fill(buffers: Sequence[Tensor], inputs: Sequence[Tensor]) -> None:
    """Copy the rows of the inputs into the first rows of the buffers, and zeros into the others."""
    for buffer, rows in zip(buffers, inputs, strict=True):
        buffer[: len(rows)].copy_(rows)
        buffer[len(rows) :].zero_()

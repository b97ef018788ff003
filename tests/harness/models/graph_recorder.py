"""A graph recorder for the CPU. A replay makes the recorded call again, on what the input buffers hold by then."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.runtime.graphs import Recording


class FakeRecorder:
    """Implements `graphs.GraphRecorder`. As on a GPU, a replay spoils the outputs of all other recordings."""

    def __init__(
        self, max_bytes: int = 1 << 40, *, fail: Callable[[Tensor], Exception | None] = lambda output: None
    ) -> None:
        """A recording counts as many bytes as its output has. `fail` returns the error with which a recording fails."""
        self._max_bytes = max_bytes
        self._fail = fail
        self._outputs: list[Tensor] = []
        self.recorded: list[torch.Size] = []
        """Shapes of the outputs of all recordings, in their order."""
        self.replays = 0

    @property
    def max_bytes(self) -> int:
        return self._max_bytes

    def warm_up(self, call: Callable[[], Tensor]) -> int:
        return call().nbytes

    def record(self, call: Callable[[], Tensor]) -> Recording:
        output = call()
        error = self._fail(output)
        if error is not None:
            raise error
        self._outputs.append(output)
        self.recorded.append(output.shape)

        def replay() -> None:
            self.replays += 1
            for each in self._outputs:
                each.fill_(torch.nan)
            output.copy_(call())

        output.fill_(torch.nan)  # A recording computes nothing.
        return Recording(output, replay)

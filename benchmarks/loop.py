"""The worker's loop in this process, on jobs that are all there at once: where its time goes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel

from pipelines.interface import Pipeline
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostTable
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import Isolation
from service.engine.worker.loop import Worker
from service.engine.worker.warmup import Warmup


@dataclass(frozen=True, slots=True)
class LoopTimes:
    whole_s: float
    networks_s: float
    """Inside UNet, autoencoder and text encoder."""
    predict_s: float
    """UNet calls, the gathering of their rows included."""
    advance_s: float
    """Guidance and the samplers' updates."""
    previews_s: float
    """Drawing previews, without sending them."""

    @property
    def preview_share(self) -> float:
        """Share of the loop's time that goes into previews. Timed where they are drawn: the whole, with them and
        without, differs by less than it does from run to run."""
        return self.previews_s / self.whole_s

    @property
    def overhead(self) -> float:
        """Share of the loop's time that is spent outside the networks."""
        return 1 - self.networks_s / self.whole_s

    @property
    def update_share(self) -> float:
        """Of a step, what guidance and the samplers' updates take."""
        return self.advance_s / (self.predict_s + self.advance_s)


def measured(pipeline: Pipeline[Any, Any, Any], config: WorkerConfig) -> CostTable:
    """What the pipeline's calls cost, measured as a worker does before it is ready."""
    warming = Warmup(pipeline, Isolation(PLAIN_DEVICE), known=CostTable(), clock=time.monotonic)
    sizes = {"max_rows": config.max_rows, "max_decode": config.max_decode}
    return warming.run(**sizes, budget_s=config.warm_up_s, report=lambda: None)


def run(
    pipeline: Pipeline[Any, Any, Any], jobs: Sequence[GenerationParams], *, costs: CostTable, previews: int = 0
) -> LoopTimes:
    """Make these images, with so many previews each, in company as large as `costs` make worth while."""
    channel = _Loopback([*(messages.Submit(str(n), params, previews=previews) for n, params in enumerate(jobs))])
    worker = Worker(pipeline, channel, WorkerConfig(model=pipeline.info.name), costs=costs)
    networks, drawing = _Stopwatch(), _Stopwatch()
    with ExitStack() as watches:
        for owner, method in ((UNet2DConditionModel, "forward"), (AutoencoderKL, "decode"), (CLIPTextModel, "forward")):
            watches.enter_context(networks.watching(owner, method))
        watches.enter_context(drawing.watching(type(pipeline), "preview"))
        start_s = time.perf_counter()
        worker.run()
        whole_s = time.perf_counter() - start_s
    return LoopTimes(whole_s, networks.seconds, channel.predict_s, channel.advance_s, drawing.seconds)


class _Loopback:
    """A worker's channel that hands over its messages at once, and keeps only how long calls took."""

    congested = False
    unsent_images = 0

    def __init__(self, submits: Sequence[messages.Submit]) -> None:
        self._messages: list[messages.ToWorker] = [*submits, messages.Drain()]
        self.predict_s = 0.0
        self.advance_s = 0.0

    def receive(self, timeout_s: float) -> list[messages.ToWorker]:
        messages, self._messages = self._messages, []
        return messages

    def send(self, message: messages.FromWorker) -> None:
        if isinstance(message, messages.CallDone):
            self.predict_s += message.predict_s
            self.advance_s += message.advance_s


class _Stopwatch:
    """Adds up the time spent inside methods."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def watching(self, owner: type, method: str) -> Iterator[None]:
        original: Callable[..., Any] = getattr(owner, method)

        @functools.wraps(original)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start_s = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                self.seconds += time.perf_counter() - start_s

        setattr(owner, method, timed)
        try:
            yield
        finally:
            setattr(owner, method, original)

"""Runs the worker's loop in this process and measures where its time goes."""

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

from pipelines.interface import Pipeline, Stage
from pipelines.params import GenerationParams
from pipelines.progress import unreported
from service.engine import limits, messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_table import CostTable
from service.engine.worker.device import PLAIN_DEVICE, Device, EventMark
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.loop import Worker
from service.engine.worker.models.opening import single_model
from service.engine.worker.warmup import Warmup


@dataclass(frozen=True, slots=True)
class LoopTimes:
    """The seconds that the loop took, and those of its parts."""

    whole_s: float
    networks_s: float
    """Time inside the UNet, the autoencoder and the text encoder."""
    predict_s: float
    """Time of the UNet calls, including the assembly of their rows."""
    advance_s: float
    """Time of guidance and the samplers' updates."""
    previews_s: float
    """Time of drawing previews, without sending them."""

    @property
    def preview_share(self) -> float:
        """Share of the loop's time that goes into previews.

        It is timed where previews are drawn, because the whole loop varies more between runs than previews cost.
        """
        return self.previews_s / self.whole_s

    @property
    def overhead(self) -> float:
        """Share of the loop's time outside the networks."""
        return 1 - self.networks_s / self.whole_s

    @property
    def update_share(self) -> float:
        """Share of a step's time that guidance and the samplers' updates take."""
        return self.advance_s / (self.predict_s + self.advance_s)


def _device() -> Device:
    """Returns a device that times calls by its own events, where it is a GPU."""
    if not torch.cuda.is_available():
        return PLAIN_DEVICE
    return Device(tries_kernels=True, mark=lambda: EventMark(torch.cuda.Event(enable_timing=True)))  # type: ignore[no-untyped-call]  # torch gives it no types


def measure_costs(pipeline: Pipeline[Any, Any, Any], config: WorkerConfig) -> CostTable:
    """Returns the costs of the pipeline's calls, measured as a worker does before it is ready."""
    bounds = limits.resolve(config, None)
    device = _device()
    warmup = Warmup(
        pipeline,
        FaultIsolation(device),
        known=CostTable(),
        max_counts=bounds.max_counts,
        clock=time.monotonic,
        mark=device.mark,
        tries_kernels=device.tries_kernels,
    )
    return warmup.run(budget_s=bounds.warm_up_s, report=unreported)


def run(
    pipeline: Pipeline[Any, Any, Any], images: Sequence[GenerationParams], *, costs: CostTable, previews: int = 0
) -> LoopTimes:
    """Generates the images, all submitted at once, with `previews` previews each. `costs` decide the batch sizes."""
    channel = _Loopback([*(messages.Submit(str(n), params, previews=previews) for n, params in enumerate(images))])
    worker: Worker[Any, Any, Any] = Worker(
        single_model(pipeline), channel, WorkerConfig(model=pipeline.info.name), costs=costs, device=_device()
    )
    networks, previewing = _Stopwatch(), _Stopwatch()
    with ExitStack() as timers:
        for owner, method in ((UNet2DConditionModel, "forward"), (AutoencoderKL, "decode"), (CLIPTextModel, "forward")):
            timers.enter_context(networks.timing(owner, method))
        timers.enter_context(previewing.timing(type(pipeline), "preview"))
        start_s = time.perf_counter()
        worker.run()
        whole_s = time.perf_counter() - start_s
    return LoopTimes(whole_s, networks.seconds, channel.predict_s, channel.advance_s, previewing.seconds)


class _Loopback:
    """A worker's channel that delivers all messages at once, and adds up how long the calls took."""

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
        if isinstance(message, messages.CallDone) and message.key.stage is Stage.DENOISE:
            self.predict_s += message.seconds - message.update_s
            self.advance_s += message.update_s

    def send_later(self, make: Callable[[], messages.FromWorker]) -> None:
        self.send(make())


class _Stopwatch:
    """Adds up the time spent inside methods, including the device's work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def timing(self, owner: type, method: str) -> Iterator[None]:
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

"""Encodes the images to start from, with their masks, and gives every image that waits for one its encoded input.

Runs in the worker's process. Images that start from the same upload share its encoding; sampling from it belongs to
`Pipeline.begin`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple

from pipelines.interface import ConditioningT, EncodedInput, InputPixels, OutputT, Pipeline, RgbImage, Stage, StateT
from pipelines.params import PixelKey
from service.engine import messages
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from service.engine.worker.stages import kept_pixels
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall
from service.engine.worker.stages.input_store import EncodedCache, PixelStore
from service.engine.worker.stages.running_call import Results, RunningCall

MAX_CACHED_BYTES: Final = 256 << 20
"""Bytes of encoded inputs that are kept. One of 1024x1024 pixels takes 0.5 MB, and twice that with a mask."""


class _Key(NamedTuple):
    model: str
    pixels: tuple[PixelKey, ...]


class InputStage(Generic[ConditioningT, StateT, OutputT]):
    """Keeps `ScheduledImage.encoded` and `input_call` up to date."""

    def __init__(
        self,
        pipeline: Pipeline[ConditioningT, StateT, OutputT],
        scheduler: Scheduler[StateT],
        meter: CallMeter,
        isolation: FaultIsolation,
        *,
        max_cached_bytes: int = MAX_CACHED_BYTES,
    ) -> None:
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._meter = meter
        self._isolation = isolation
        self._pixels = PixelStore()
        self._cache = EncodedCache(max_cached_bytes)

    def receive(self, message: messages.Input | messages.Forget) -> None:
        """Stores pixels that the frontend sends, or drops pixels that no image needs any more."""
        key = PixelKey(message.digest, message.width, message.height)
        match message:
            case messages.Input():
                self._pixels.add(key, InputPixels(message.width, message.height, message.channels, message.pixels))
            case messages.Forget():
                self._pixels.forget(key)

    def admit(self, image: ScheduledImage[StateT]) -> None:
        """Gives a new image its encoded input, or the call that encodes it."""
        if image.params.pixels:
            image.encoded = self._cache.find(_key(image))
            if image.encoded is None:
                image.input_call = next(call for call in image.plan.calls if call.key.stage is Stage.INPUT)

    def forget(self, model: str) -> None:
        """Drops the inputs that a no longer resident model has encoded, and the whole cache.

        Images of the model wait for their inputs again.
        """
        self._cache.clear()
        for image in self._scheduler:
            if image.model == model and image.params.pixels:
                image.encoded = None
                self.admit(image)

    def put_back_kept(self, image: ScheduledImage[StateT], made: RgbImage) -> RgbImage | Fault:
        """Puts the unmasked pixels of the input back into the finished image, if that was asked for."""
        if not image.put_back:
            return made
        return self._isolation.run_once(lambda: kept_pixels.put_back(made, *self._pixels.find(image.put_back)))

    def start(self, batch: Batch[StateT]) -> RunningCall[StateT]:
        """Encodes the inputs of the batch's images in one call."""
        wanted = {_key(image): image for image in batch.images}
        calls: list[MeteredCall] = []

        def encode(images: Sequence[ScheduledImage[StateT]], *, tiled: bool = False) -> Sequence[EncodedInput]:
            rows = sum(image.next_call.rows for image in images)
            call = self._meter.start(batch.images, batch.cost, rows)
            call.sound = not tiled
            calls.append(call)
            try:
                params = [image.params for image in images]
                pixels = [self._pixels.find(each.pixels) for each in params]
                encoded = self._pipeline.encode_inputs(params, pixels, tiled=tiled)
            except Exception as error:
                self._meter.failed(call, rows, error)
                raise
            self._meter.launched(call)
            return encoded

        images = list(wanted.values())
        results = self._isolation.run(encode, images)
        results = self._isolation.run_smaller(lambda image: encode([image], tiled=True)[0], images, results)
        found = dict(zip(wanted, results, strict=True))
        self._give(found)
        return RunningCall(self._meter, batch, calls, lambda: self._results(batch.images, found))

    def _give(self, found: Mapping[_Key, EncodedInput | Fault]) -> None:
        known = {key: each for key, each in found.items() if not isinstance(each, Fault)}
        for key, encoded in known.items():
            self._cache.add(key, encoded)
        for image in self._scheduler:
            if image.input_call is not None and _key(image) in known:
                image.encoded, image.input_call = known[_key(image)], None

    def _results(
        self, images: Iterable[ScheduledImage[StateT]], found: Mapping[_Key, EncodedInput | Fault]
    ) -> Results[StateT]:
        """Returns the fault of each image whose input could not be encoded."""
        faults = {key: each for key, each in found.items() if isinstance(each, Fault)}
        return [(image, faults.get(_key(image))) for image in images]


def _key(image: ScheduledImage[StateT]) -> _Key:
    return _Key(image.params.model, image.params.pixels)

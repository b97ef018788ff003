"""What clients order, what becomes of an order undisturbed, and what they were told about it. Knows no HTTP."""

from __future__ import annotations

import enum
import functools
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipelines.fake import INFO, FakePipeline
from pipelines.params import GenerationParams
from service.api.dialects.jobs.resolve import job_spec
from service.images.encoding import ImageFormat, encode
from service.images.metadata import parameters_text
from service.jobs.records import JobSpec


class Fate(enum.Enum):
    """What the client does with the job once it is accepted."""

    KEEP = "keep"
    CANCEL = "cancel"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Order:
    key: str
    """Its Idempotency-Key."""
    body: dict[str, Any]
    fate: Fate = Fate.KEEP
    after_s: float = 0.0
    """How long after its acceptance its fate comes."""
    wait_s: int | None = None
    """How long its client waits for the job's end in one request, where it does not look again and again."""
    is_repeated: bool = False
    """Whether it is posted again though it was accepted."""

    @property
    def spec(self) -> JobSpec:
        return job_spec(self.body, INFO, None)


Orders: TypeAlias = Callable[[int], Order]
"""The order of each number."""


def mixed(seed: int) -> Orders:
    """Of one to three small images; some are posted twice, canceled or deleted."""

    def order(number: int) -> Order:
        chance = random.Random(f"{seed}/{number}")
        body = {
            "prompt": f"image {number}",
            "seed": 1000 * number,
            "n": chance.choice((1, 1, 2, 3)),
            "num_inference_steps": chance.randint(1, 40),
            "width": 64,
            "height": 64,
            "output_format": chance.choice(("png", "png", "webp", "jpeg")),
            "priority": chance.choice(("interactive", "batch")),
        }
        fate = chance.choices((Fate.KEEP, Fate.CANCEL, Fate.DELETE), (70, 15, 15))[0]
        after_s, is_repeated = chance.uniform(0.0, 0.2), chance.random() < 0.1
        return Order(f"{seed}-{number}", body, fate, after_s, is_repeated=is_repeated)

    return order


def alike(prefix: str, *, wait_s: int | None = None, **fields: Any) -> Orders:
    """Of a small image each, to be kept; `fields` are the body's."""

    def order(number: int) -> Order:
        body = {"prompt": f"image {number}", "seed": number, "width": 64, "height": 64, "num_inference_steps": 2}
        return Order(f"{prefix}-{number}", body | fields, wait_s=wait_s)

    return order


@dataclass(slots=True)
class Receipt:
    """What one client was told about its order."""

    order: Order
    job_ids: set[str] = field(default_factory=set)
    """That its key was answered with; empty before it is accepted."""
    acceptances: int = 0
    replays: int = 0
    """Acceptances that said that they were not the first."""
    ends: set[str] = field(default_factory=set)
    """Terminal statuses that were seen."""
    deleted: bool = False
    complaints: list[str] = field(default_factory=list)
    """Answers that no client should get."""


@functools.cache
def expected_sha256(params: GenerationParams, model: str, image_format: ImageFormat, quality: int | None) -> str:
    """Of the image's file, drawn where nothing disturbs it."""
    pipeline = FakePipeline()
    state = pipeline.begin(params, pipeline.encode(params.texts))
    while state.next_call is not None:
        (output,) = pipeline.predict([state])
        pipeline.advance(state, output)
    (rgb_image,) = pipeline.decode([state])
    file = encode(rgb_image, image_format, quality=quality, parameters=parameters_text(params, model))
    return hashlib.sha256(file).hexdigest()

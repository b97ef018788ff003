"""The requests that clients send, the images that they should get, and what a client observes. Knows no HTTP."""

from __future__ import annotations

import enum
import functools
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipelines.fake import INFO, FakePipeline
from pipelines.interface import finish_or_raise
from pipelines.params import GenerationParams
from service.api.dialects.jobs.resolve import job_spec, parse_request
from service.images.encoding import ImageFormat, encode
from service.images.metadata import parameters_text
from service.jobs.records import JobSpec


class FollowUp(enum.Enum):
    """The client's next action after its job was accepted."""

    KEEP = "keep"
    CANCEL = "cancel"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """One request for a job."""

    key: str
    """Idempotency-Key."""
    body: dict[str, Any]
    follow_up: FollowUp = FollowUp.KEEP
    follow_up_delay_s: float = 0.0
    """Seconds between the acceptance and the follow-up."""
    wait_s: int | None = None
    """Seconds that the client waits for the job's end within the request. None: it polls the job."""
    is_repeated: bool = False
    """True where the client sends the request again after it was accepted."""

    @property
    def spec(self) -> JobSpec:
        return job_spec(parse_request(self.body), INFO, None)


RequestFactory: TypeAlias = Callable[[int], JobRequest]
"""Returns the request with a given number."""


def mixed(seed: int) -> RequestFactory:
    """Return a factory of varied requests for one to three small images. Some are repeated, canceled or deleted."""

    def make(number: int) -> JobRequest:
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
        follow_up = chance.choices((FollowUp.KEEP, FollowUp.CANCEL, FollowUp.DELETE), (70, 15, 15))[0]
        delay_s, is_repeated = chance.uniform(0.0, 0.2), chance.random() < 0.1
        return JobRequest(f"{seed}-{number}", body, follow_up, delay_s, is_repeated=is_repeated)

    return make


def uniform(prefix: str, *, wait_s: int | None = None, **fields: Any) -> RequestFactory:
    """Return a factory of requests for one small image each, which are kept. `fields` are added to the bodies."""

    def make(number: int) -> JobRequest:
        body = {"prompt": f"image {number}", "seed": number, "width": 64, "height": 64, "num_inference_steps": 2}
        return JobRequest(f"{prefix}-{number}", body | fields, wait_s=wait_s)

    return make


@dataclass(slots=True)
class Observation:
    """The answers that a client got to one request and about its job."""

    request: JobRequest
    job_ids: set[str] = field(default_factory=set)
    """Jobs that the server answered the key with. Empty until the request is accepted."""
    acceptances: int = 0
    replays: int = 0
    """Acceptances that the server marked as replayed."""
    final_statuses: set[str] = field(default_factory=set)
    deleted: bool = False
    errors: list[str] = field(default_factory=list)
    """Answers that no client should get."""


@functools.cache
def expected_sha256(params: GenerationParams, model: str, image_format: ImageFormat, quality: int | None) -> str:
    """Return the SHA-256 of the image file that an undisturbed server makes."""
    pipeline = FakePipeline()
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    (rgb_image,) = pipeline.decode([state])
    file = encode(rgb_image, image_format, quality=quality, parameters=parameters_text(params, model))
    return hashlib.sha256(file).hexdigest()

"""The settings of queues: bounds on accepted work that is not done."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings

from service.setting_groups.fields import Count, Seconds, Section, setting


class QueueSettings(BaseSettings):
    """The part of `service.settings.Settings` that bounds waiting work."""

    max_queued_images: Count = setting(
        256,
        "Number of unfinished images of requests on /v1, /sdapi/v1 and /hf at which the next such request waits in "
        "line or is answered with 503. Images of jobs do not count.",
        Section.QUEUE,
        "N",
    )
    max_queued_s: Seconds = setting(
        300.0,
        "Device seconds of the images that DARKROOM_MAX_QUEUED_IMAGES counts, at which the next request waits in line "
        "or is answered with 503. This limit is ignored while the images belong to fewer than four requests.",
        Section.QUEUE,
        "SECONDS",
    )
    max_queued_s_per_tenant: Seconds | None = setting(
        None,
        "Device seconds of one tenant's images, in the queue and in line, at which the tenant's next request is "
        "answered with 429. By default, there is no such limit.",
        Section.QUEUE,
        "SECONDS",
    )
    max_callers_in_line: Annotated[int, Field(ge=0)] = setting(
        64,
        "Maximum number of callers that wait in line while that queue is full. Further callers are answered with 503. "
        "With 0, nobody waits.",
        Section.QUEUE,
        "N",
    )
    max_wait_in_line_s: Seconds = setting(
        30.0,
        "Maximum time that a caller waits in line. A caller whose turn would come later is answered with 503 at once.",
        Section.QUEUE,
        "SECONDS",
    )
    max_unread_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        512 << 20,
        "Maximum size of finished images, as pixels, that wait for slow readers; at least 1 MiB. From half of it on, "
        "a job that is not read pauses. Beyond it, the job that has waited longest for its reader fails.",
        Section.QUEUE,
        "BYTES",
    )
    max_input_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        256 << 20,
        "Maximum size of the images, as pixels, that unfinished requests on /v1, /sdapi/v1 and /hf start from; at "
        "least 1 MiB. 1024x1024 pixels take 3 MiB, and their mask 1 MiB. A request that would exceed the limit is "
        "answered with 503. Jobs are never refused because of it.",
        Section.QUEUE,
        "BYTES",
    )
    max_queued_jobs: Count = setting(
        10_000,
        "Maximum number of accepted jobs that wait to start. When it is reached, new jobs are answered with 503.",
        Section.QUEUE,
        "N",
    )
    max_queued_jobs_s: Seconds = setting(
        86400.0,
        "Maximum device seconds that the waiting jobs are expected to take. A job that would exceed it is answered "
        "with 503, unless no other job is waiting.",
        Section.QUEUE,
        "SECONDS",
    )
    max_event_streams: Count = setting(
        384,
        "Maximum number of clients that follow jobs at the same time: readers of jobs' events, and callers that wait "
        "for a job's end.",
        Section.QUEUE,
        "N",
    )
    max_event_streams_per_tenant: Count = setting(
        256, "Maximum number of clients of one tenant that follow jobs at the same time.", Section.QUEUE, "N"
    )

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
        "Unfinished images of requests on /v1 from which on the next request waits in line or is answered 503. "
        "Images of jobs do not count.",
        Section.QUEUE,
        "N",
    )
    max_queued_s: Seconds = setting(
        300.0,
        "The same bound in device seconds. It holds once the images are of four requests or more.",
        Section.QUEUE,
        "SECONDS",
    )
    max_queued_s_per_tenant: Seconds | None = setting(
        None,
        "Device seconds of one tenant's images from which on its next request is answered 429. Without it there is no "
        "such bound.",
        Section.QUEUE,
        "SECONDS",
    )
    max_callers_in_line: Annotated[int, Field(ge=0)] = setting(
        64,
        "Callers of /v1 that wait in line while the queue is full. One more is answered 503; with 0, all are.",
        Section.QUEUE,
        "N",
    )
    max_wait_in_line_s: Seconds = setting(
        30.0,
        "How long they wait at most. A caller whose turn would come later is answered 503 at once.",
        Section.QUEUE,
        "SECONDS",
    )
    max_unread_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        512 << 20,
        "Pixels of finished images that wait for slow readers, at least 1 MiB. From half of it a job that is not read "
        "pauses; beyond it the one that has waited longest fails.",
        Section.QUEUE,
        "BYTES",
    )
    max_input_bytes: Annotated[int, Field(ge=1 << 20)] = setting(
        256 << 20,
        "Pixels of the images that unfinished requests on /v1 start from, at least 1 MiB; 1024x1024 pixels take 3 MiB, "
        "and their mask 1 MiB. One more such request is answered 503. Images of jobs do not count.",
        Section.QUEUE,
        "BYTES",
    )
    max_queued_jobs: Count = setting(
        10_000,
        "Accepted jobs that wait to be begun. Beyond, POST /api/v1/jobs is answered 503.",
        Section.QUEUE,
        "N",
    )
    max_queued_jobs_s: Seconds = setting(
        86400.0, "Device seconds that those jobs are expected to take at most.", Section.QUEUE, "SECONDS"
    )
    max_event_streams: Count = setting(
        384, "Readers of jobs' events, and callers that wait for a job's end, at a time.", Section.QUEUE, "N"
    )
    max_event_streams_per_tenant: Count = setting(256, "The same bound for one tenant.", Section.QUEUE, "N")

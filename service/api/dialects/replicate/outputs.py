"""The outputs of predictions: addresses that Replicate's clients take for files."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from typing import Final

from fastapi import Request

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.replicate.serialize import LINK_LIFETIME_S, Links
from service.api.edge.addresses import addresses_of
from service.jobs.records import JobRecord, StoredImage

_MAX_INLINE_BYTES: Final = 16 << 20
"""Bytes of files that one answer may hold."""


def links_of(request: Request) -> Links:
    """The links for the caller of `request`."""
    return Links(services_of(request).links, addresses_of(request), int(time.time()) + LINK_LIFETIME_S)


async def outputs(request: Request, record: JobRecord, images: Sequence[StoredImage]) -> list[str]:
    """Returns the addresses of finished images of a job.

    They are signed links where the caller knows the server by https. The clients take no other link for a file, so
    otherwise they are data: addresses, unless the files are too large for an answer.
    """
    links = links_of(request)
    if links.at.scheme == "https" or sum(image.size_bytes for image in images) > _MAX_INLINE_BYTES:
        return [links.image(record.id, image.index, image.media_type) for image in images]
    return [await _inline(request, record.id, image) for image in images]


async def _inline(request: Request, job_id: str, image: StoredImage) -> str:
    file = await jobs_of(request).images.read(job_id, image)
    return f"data:{image.media_type};base64,{base64.b64encode(file).decode('ascii')}"

"""Finds the finished images of jobs for the API: the record first, and the file only where it is needed."""

from __future__ import annotations

import structlog

from service.errors import NotFoundError
from service.images.encoding import Encoder
from service.jobs.records import StoredImage
from service.jobs.store.image_files import ImageFiles
from service.jobs.store.repository import JobRepository

_log = structlog.get_logger("darkroom.jobs")


class StoredImages:
    """The finished images. All methods belong to one event loop, and may raise `StoreUnavailableError`."""

    def __init__(self, repository: JobRepository, files: ImageFiles) -> None:
        self._repository = repository
        self._files = files

    async def find(self, job_id: str, index: int, tenant: str | None) -> StoredImage:
        """Returns the record of an image. None stands for any tenant. Raises `NotFoundError`."""
        stored = await self._repository.image(job_id, index, tenant)
        if stored is None:
            raise NotFoundError("There is no such image.")
        return stored

    async def read(self, job_id: str, image: StoredImage) -> bytes:
        """Returns the image's file. Raises `NotFoundError` where it is gone."""
        try:
            return await self._files.read(job_id, image.index, image.media_type, attempt=image.attempt)
        except FileNotFoundError:
            raise _missing(job_id, image) from None

    async def thumbnail(self, job_id: str, image: StoredImage, encoder: Encoder) -> bytes:
        """Returns the image's thumbnail, made and stored at the first request. Raises `NotFoundError`."""
        try:
            return await self._files.thumbnail(
                job_id, image.index, image.media_type, encoder.thumbnail, attempt=image.attempt
            )
        except FileNotFoundError:
            raise _missing(job_id, image) from None

    async def thumbnail_size_bytes(self, job_id: str, image: StoredImage) -> int | None:
        """Returns the size of the image's thumbnail, None where it has not been made."""
        return await self._files.thumbnail_size_bytes(job_id, image.index, attempt=image.attempt)


def _missing(job_id: str, image: StoredImage) -> NotFoundError:
    _log.error("the file of a recorded image is missing", job_id=job_id, index=image.index)
    return NotFoundError("There is no such image.")

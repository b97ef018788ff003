"""The handle of a finished image of a job, whose content is loaded when it is asked for."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Unpack

from darkroom._async.transport import AsyncTransport
from darkroom._core import endpoints
from darkroom._core.views import JobImageView
from darkroom.results import files
from darkroom.results.jobs import ImageRecord, ResolvedRequest
from darkroom.results.server import Link
from darkroom.types import CallOptions

if TYPE_CHECKING:
    from PIL import Image as PillowImage


class AsyncJobImage(JobImageView):
    """A finished image of a job. Its content is loaded once, when it is first needed."""

    def __init__(self, transport: AsyncTransport, record: ImageRecord, request: ResolvedRequest) -> None:
        super().__init__(record, request, transport.options.url(record.url))
        self._transport = transport

    async def bytes(self, **options: Unpack[CallOptions]) -> builtins.bytes:
        """Return the content of the image file."""
        if self._content is not None:
            return self._content
        return self._keep(await self._transport.call(endpoints.get_file(self.record.url), options))

    async def save(self, path: str | os.PathLike[str], **options: Unpack[CallOptions]) -> Path:
        """Write the file and return its path. The suffix of `path` does not change the format. Raises `OSError`."""
        return files.save(await self.bytes(**options), path)

    async def to_pil(self, **options: Unpack[CallOptions]) -> PillowImage.Image:
        """Return the decoded image. Raises `ImportError` without Pillow, which the extra `pillow` installs."""
        return files.to_pil(await self.bytes(**options))

    async def thumbnail(self, **options: Unpack[CallOptions]) -> builtins.bytes:
        """Return a WebP file of at most 256 pixels on each side."""
        return await self._transport.call(endpoints.get_file(self.record.thumbnail_url), options)

    async def link(
        self, *, expires_in_s: int = 3600, include_parameters: bool = False, **options: Unpack[CallOptions]
    ) -> Link:
        """Make an address that shows the image without a key, to anybody who has it, for that many seconds.

        The file behind it tells no prompt and no parameters unless you `include_parameters`.
        """
        request = endpoints.link_image(self.record.url, expires_in_s, include_parameters=include_parameters)
        return await self._transport.call(request, options)

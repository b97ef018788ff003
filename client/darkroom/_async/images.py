"""`client.images`: makes images, and returns them all at once or as a stream of events."""

from __future__ import annotations

from typing_extensions import Unpack

from darkroom._async.resource import AsyncRawResource, AsyncResource, async_raw
from darkroom._async.streams import AsyncImageStream
from darkroom._core import endpoints
from darkroom._core.image_stream import ImageStreamReader
from darkroom.errors import InvalidResponseError
from darkroom.results.images import ImagesResult
from darkroom.types import EditArguments, GenerateArguments, ImageInput, StreamArguments


class AsyncImages(AsyncResource):
    """`client.images`. `darkroom.types` describes the arguments."""

    @property
    def with_raw_response(self) -> AsyncImagesWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncImagesWithRawResponse(AsyncImages, self._transport)

    async def generate(self, *, prompt: str, **arguments: Unpack[GenerateArguments]) -> ImagesResult:
        """Make images from a text and wait for all of them."""
        return await self._transport.call(endpoints.generate(prompt, arguments), arguments)

    async def edit(self, *, prompt: str, image: ImageInput, **arguments: Unpack[EditArguments]) -> ImagesResult:
        """Make images from an image and a text; with a `mask`, only a part of the image is painted anew."""
        return await self._transport.call(endpoints.edit(prompt, image, arguments), arguments)

    async def variations(self, *, image: ImageInput, **arguments: Unpack[EditArguments]) -> ImagesResult:
        """Make images from an image alone."""
        return await self._transport.call(endpoints.variations(image, arguments), arguments)

    async def stream(self, *, prompt: str, **arguments: Unpack[StreamArguments]) -> AsyncImageStream:
        """Make images, and return their events: up to `partial_images` previews of each, then the image.

        With `image`, they start from that image, as those of `edit` do.
        """
        response = await self._transport.open(endpoints.stream(prompt, arguments), arguments)
        try:
            return AsyncImageStream(response, ImageStreamReader(response, prompt, arguments))
        except InvalidResponseError:
            await response.aclose()
            raise


class AsyncImagesWithRawResponse(AsyncRawResource[AsyncImages]):
    """`client.images.with_raw_response`."""

    generate = async_raw(AsyncImages.generate)
    edit = async_raw(AsyncImages.edit)
    variations = async_raw(AsyncImages.variations)

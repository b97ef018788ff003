# Written by `python -m scripts.sync_client` from client/darkroom/_async/images.py: change that instead.

"""`client.images`: makes images, and returns them all at once or as a stream of events."""

from __future__ import annotations

from typing_extensions import Unpack

from darkroom._core import endpoints
from darkroom._core.image_stream import ImageStreamReader
from darkroom._sync.resource import RawResource, Resource, raw
from darkroom._sync.streams import ImageStream
from darkroom.errors import InvalidResponseError
from darkroom.results.images import ImagesResult
from darkroom.types import EditArguments, GenerateArguments, ImageInput, StreamArguments


class Images(Resource):
    """`client.images`. `darkroom.types` describes the arguments."""

    @property
    def with_raw_response(self) -> ImagesWithRawResponse:
        """The methods that return status and headers beside the result."""
        return ImagesWithRawResponse(Images, self._transport)

    def generate(self, *, prompt: str, **arguments: Unpack[GenerateArguments]) -> ImagesResult:
        """Make images from a text and wait for all of them."""
        return self._transport.call(endpoints.generate(prompt, arguments), arguments)

    def edit(self, *, prompt: str, image: ImageInput, **arguments: Unpack[EditArguments]) -> ImagesResult:
        """Make images from an image and a text; with a `mask`, only a part of the image is painted anew."""
        return self._transport.call(endpoints.edit(prompt, image, arguments), arguments)

    def variations(self, *, image: ImageInput, **arguments: Unpack[EditArguments]) -> ImagesResult:
        """Make images from an image alone."""
        return self._transport.call(endpoints.variations(image, arguments), arguments)

    def stream(self, *, prompt: str, **arguments: Unpack[StreamArguments]) -> ImageStream:
        """Make images, and return their events: up to `partial_images` previews of each, then the image.

        With `image`, they start from that image, as those of `edit` do.
        """
        response = self._transport.open(endpoints.stream(prompt, arguments), arguments)
        try:
            return ImageStream(response, ImageStreamReader(response, prompt, arguments))
        except InvalidResponseError:
            response.close()
            raise


class ImagesWithRawResponse(RawResource[Images]):
    """`client.images.with_raw_response`."""

    generate = raw(Images.generate)
    edit = raw(Images.edit)
    variations = raw(Images.variations)

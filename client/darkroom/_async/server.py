"""`client.models` and `client.uploads`: what the server serves, and images that are sent to it once."""

from __future__ import annotations

from typing_extensions import Unpack

from darkroom._async.resource import AsyncRawResource, AsyncResource, async_raw
from darkroom._core import endpoints
from darkroom.results.server import Capabilities, Model, Upload
from darkroom.types import CallOptions, ImageInput


class AsyncServerInfo(AsyncResource):
    """The server's description of itself."""

    async def capabilities(self, **options: Unpack[CallOptions]) -> Capabilities:
        return await self._transport.call(endpoints.capabilities(), options)


class AsyncModels(AsyncResource):
    """`client.models`."""

    @property
    def with_raw_response(self) -> AsyncModelsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncModelsWithRawResponse(AsyncModels, self._transport)

    async def list(self, **options: Unpack[CallOptions]) -> list[Model]:
        """Return the models that the server serves, the default one first."""
        return await self._transport.call(endpoints.list_models(), options)

    async def get(self, model_id: str, **options: Unpack[CallOptions]) -> Model:
        """Return a model, by its name or an alias. Raises `NotFoundError`."""
        return await self._transport.call(endpoints.get_model(model_id), options)


class AsyncModelsWithRawResponse(AsyncRawResource[AsyncModels]):
    """`client.models.with_raw_response`."""

    list = async_raw(AsyncModels.list)
    get = async_raw(AsyncModels.get)


class AsyncUploads(AsyncResource):
    """`client.uploads`: images that several requests start from. Pass an upload as `image` or `mask`."""

    @property
    def with_raw_response(self) -> AsyncUploadsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncUploadsWithRawResponse(AsyncUploads, self._transport)

    async def create(self, *, image: ImageInput, **options: Unpack[CallOptions]) -> Upload:
        """Send an image to the server, which keeps it for a day, and as long as a job starts from it."""
        return await self._transport.call(endpoints.create_upload(image), options)

    async def get(self, sha256: str, **options: Unpack[CallOptions]) -> Upload:
        """Return what the server knows of an upload. Raises `NotFoundError`."""
        return await self._transport.call(endpoints.get_upload(sha256), options)

    async def delete(self, sha256: str, **options: Unpack[CallOptions]) -> None:
        """Delete an upload; where jobs start from it, it goes with the last of them. Raises `NotFoundError`."""
        await self._transport.call(endpoints.delete_upload(sha256), options)


class AsyncUploadsWithRawResponse(AsyncRawResource[AsyncUploads]):
    """`client.uploads.with_raw_response`."""

    create = async_raw(AsyncUploads.create)
    get = async_raw(AsyncUploads.get)
    delete = async_raw(AsyncUploads.delete)

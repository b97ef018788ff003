# Written by `python -m scripts.sync_client` from client/darkroom/_async/server.py: change that instead.

"""`client.models` and `client.uploads`: what the server serves, and images that are sent to it once."""

from __future__ import annotations

from typing_extensions import Unpack

from darkroom._core import endpoints
from darkroom._sync.resource import RawResource, Resource, raw
from darkroom.results.server import Capabilities, Model, Upload
from darkroom.types import CallOptions, ImageInput


class ServerInfo(Resource):
    """The server's description of itself."""

    def capabilities(self, **options: Unpack[CallOptions]) -> Capabilities:
        return self._transport.call(endpoints.capabilities(), options)


class Models(Resource):
    """`client.models`."""

    @property
    def with_raw_response(self) -> ModelsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return ModelsWithRawResponse(Models, self._transport)

    def list(self, **options: Unpack[CallOptions]) -> list[Model]:
        """Return the models that the server serves, the default one first."""
        return self._transport.call(endpoints.list_models(), options)

    def get(self, model_id: str, **options: Unpack[CallOptions]) -> Model:
        """Return a model, by its name or an alias. Raises `NotFoundError`."""
        return self._transport.call(endpoints.get_model(model_id), options)


class ModelsWithRawResponse(RawResource[Models]):
    """`client.models.with_raw_response`."""

    list = raw(Models.list)
    get = raw(Models.get)


class Uploads(Resource):
    """`client.uploads`: images that several requests start from. Pass an upload as `image` or `mask`."""

    @property
    def with_raw_response(self) -> UploadsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return UploadsWithRawResponse(Uploads, self._transport)

    def create(self, *, image: ImageInput, **options: Unpack[CallOptions]) -> Upload:
        """Send an image to the server, which keeps it for a day, and as long as a job starts from it."""
        return self._transport.call(endpoints.create_upload(image), options)

    def get(self, sha256: str, **options: Unpack[CallOptions]) -> Upload:
        """Return what the server knows of an upload. Raises `NotFoundError`."""
        return self._transport.call(endpoints.get_upload(sha256), options)

    def delete(self, sha256: str, **options: Unpack[CallOptions]) -> None:
        """Delete an upload; where jobs start from it, it goes with the last of them. Raises `NotFoundError`."""
        self._transport.call(endpoints.delete_upload(sha256), options)


class UploadsWithRawResponse(RawResource[Uploads]):
    """`client.uploads.with_raw_response`."""

    create = raw(Uploads.create)
    get = raw(Uploads.get)
    delete = raw(Uploads.delete)

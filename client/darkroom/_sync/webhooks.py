# Written by `python -m scripts.sync_client` from client/darkroom/_async/webhooks.py: change that instead.

"""`client.webhooks`: the secret that signs the tenant's webhooks, and the deliveries of its jobs' events."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import Unpack

from darkroom._core import endpoints
from darkroom._sync.resource import RawResource, Resource, raw
from darkroom.results.webhooks import DeliveryState, WebhookDelivery, WebhookSecret
from darkroom.types import CallOptions


class Webhooks(Resource):
    """`client.webhooks`. `darkroom.webhooks.verify` reads what a receiver gets."""

    @property
    def with_raw_response(self) -> WebhooksWithRawResponse:
        """The methods that return status and headers beside the result."""
        return WebhooksWithRawResponse(Webhooks, self._transport)

    def get_secret(self, **options: Unpack[CallOptions]) -> WebhookSecret:
        """Return the secret with which the webhooks of the caller's tenant are signed."""
        return self._transport.call(endpoints.get_webhook_secret(), options)

    def rotate_secret(self, **options: Unpack[CallOptions]) -> WebhookSecret:
        """Make a new secret and return it. For 24 hours webhooks are signed with the former one, too.

        It is tried once, unless `max_retries` says otherwise: a further try could make another secret.
        """
        return self._transport.call(endpoints.rotate_webhook_secret(), {"max_retries": 0, **options})

    def list_deliveries(
        self, *, state: DeliveryState | None = None, page_size: int = 50, **options: Unpack[CallOptions]
    ) -> Iterator[WebhookDelivery]:
        """Return the deliveries of the caller's jobs, newest first. They are kept as long as their jobs.

        Pages of at most `page_size` deliveries, 1 to 100, are read as needed.
        """
        return self._items(lambda cursor: endpoints.list_webhook_deliveries(state, page_size, cursor), options)

    def retry_delivery(self, delivery_id: str, **options: Unpack[CallOptions]) -> WebhookDelivery:
        """Have a delivery tried anew under its id, whatever has become of it. Raises `NotFoundError`.

        While a try is under way nothing changes. After a receiver has answered 410, this has it told of the job again.
        """
        return self._transport.call(endpoints.retry_webhook_delivery(delivery_id), options)


class WebhooksWithRawResponse(RawResource[Webhooks]):
    """`client.webhooks.with_raw_response`."""

    get_secret = raw(Webhooks.get_secret)
    rotate_secret = raw(Webhooks.rotate_secret)
    retry_delivery = raw(Webhooks.retry_delivery)

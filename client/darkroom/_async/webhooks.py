"""`client.webhooks`: the secret that signs the tenant's webhooks, and the deliveries of its jobs' events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from typing_extensions import Unpack

from darkroom._async.resource import AsyncRawResource, AsyncResource, async_raw
from darkroom._core import endpoints
from darkroom.results.webhooks import DeliveryState, WebhookDelivery, WebhookSecret
from darkroom.types import CallOptions


class AsyncWebhooks(AsyncResource):
    """`client.webhooks`. `darkroom.webhooks.verify` reads what a receiver gets."""

    @property
    def with_raw_response(self) -> AsyncWebhooksWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncWebhooksWithRawResponse(AsyncWebhooks, self._transport)

    async def get_secret(self, **options: Unpack[CallOptions]) -> WebhookSecret:
        """Return the secret with which the webhooks of the caller's tenant are signed."""
        return await self._transport.call(endpoints.get_webhook_secret(), options)

    async def rotate_secret(self, **options: Unpack[CallOptions]) -> WebhookSecret:
        """Make a new secret and return it. For 24 hours webhooks are signed with the former one, too.

        It is tried once, unless `max_retries` says otherwise: a further try could make another secret.
        """
        return await self._transport.call(endpoints.rotate_webhook_secret(), {"max_retries": 0, **options})

    def list_deliveries(
        self, *, state: DeliveryState | None = None, page_size: int = 50, **options: Unpack[CallOptions]
    ) -> AsyncIterator[WebhookDelivery]:
        """Return the deliveries of the caller's jobs, newest first. They are kept as long as their jobs.

        Pages of at most `page_size` deliveries, 1 to 100, are read as needed.
        """
        return self._items(lambda cursor: endpoints.list_webhook_deliveries(state, page_size, cursor), options)

    async def retry_delivery(self, delivery_id: str, **options: Unpack[CallOptions]) -> WebhookDelivery:
        """Have a delivery tried anew under its id, whatever has become of it. Raises `NotFoundError`.

        While a try is under way nothing changes. After a receiver has answered 410, this has it told of the job again.
        """
        return await self._transport.call(endpoints.retry_webhook_delivery(delivery_id), options)


class AsyncWebhooksWithRawResponse(AsyncRawResource[AsyncWebhooks]):
    """`client.webhooks.with_raw_response`."""

    get_secret = async_raw(AsyncWebhooks.get_secret)
    rotate_secret = async_raw(AsyncWebhooks.rotate_secret)
    retry_delivery = async_raw(AsyncWebhooks.retry_delivery)

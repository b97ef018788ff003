"""Webhooks as the API and the server use them: targets, secrets, the list of deliveries, and the loop that delivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from importlib.metadata import version
from typing import Final

from service.errors import DarkroomError, NotFoundError, StoreUnavailableError
from service.jobs.service import JobService
from service.observability.webhook_metrics import WebhookMetrics
from service.webhooks.deliveries import Deliveries, Delivery, DueDelivery
from service.webhooks.dispatcher import Dispatcher
from service.webhooks.rendering import MAX_BODY_BYTES, Renderers, as_of
from service.webhooks.sending.network import Resolve, SystemResolver
from service.webhooks.sending.sender import Answer, Sender
from service.webhooks.sending.signing import signed_headers, spelled
from service.webhooks.sending.targets import parse_target
from service.webhooks.tenant_secrets import TenantSecrets

_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": f"Darkroom/{version('darkroom-server')}"}


class WebhookService:
    """All methods belong to one event loop. Those that use the store may raise `StoreUnavailableError`."""

    def __init__(
        self,
        jobs: JobService,
        renderers: Renderers,
        *,
        server_key: bytes,
        allowed_hosts: Collection[str],
        metrics: WebhookMetrics,
        resolve: Resolve | None = None,
    ) -> None:
        """`server_key` is the one that signs links."""
        self._jobs = jobs
        self._renderers = renderers
        self._allowed_hosts = allowed_hosts
        self._clock = jobs.database.clock.now
        self._sender = Sender(resolve or SystemResolver())
        self._secrets = TenantSecrets(jobs.database, server_key)
        self.deliveries: Final = Deliveries(jobs.database)
        self._dispatcher = Dispatcher(
            self.deliveries, self._send, clock=self._clock, is_open=lambda: jobs.is_migrated, metrics=metrics
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Delivers for the length of the block."""
        self._jobs.notifier.listen(self._dispatcher.wake)
        delivering = asyncio.create_task(self._dispatcher.run())
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    def check_url(self, url: str) -> None:
        """Raises ValueError, with a sentence for the caller, where nothing would be sent to the URL."""
        parse_target(url, self._allowed_hosts)

    async def secret(self, tenant: str) -> str:
        """Returns the secret with which the tenant's deliveries are signed, as receivers are given it."""
        return spelled(await self._secrets.current(tenant, now=self._clock()))

    async def rotate_secret(self, tenant: str) -> str:
        """Gives the tenant a new secret and returns it. For a day the former one signs, too."""
        return spelled(await self._secrets.rotate(tenant, now=self._clock()))

    async def retry(self, delivery_id: str, tenant: str) -> Delivery:
        """Has a delivery of the tenant tried anew, unless a try is under way. Raises `NotFoundError`."""
        delivery = await self.deliveries.retry(delivery_id, tenant, now=self._clock())
        if delivery is None:
            raise NotFoundError("There is no such delivery.")
        self._dispatcher.wake()
        return delivery

    async def _send(self, delivery: DueDelivery) -> Answer | None:
        try:
            body = await self._body(delivery)
        except NotFoundError:
            return None
        except StoreUnavailableError:
            raise
        except DarkroomError as error:
            return Answer(None, error.message)
        try:
            target = parse_target(delivery.webhook.url, self._allowed_hosts)
        except ValueError as error:  # The settings may have changed since the job was accepted.
            return Answer(None, f"The address {error}.")
        now = self._clock()
        secrets = await self._secrets.signing(delivery.tenant, now=now)
        headers = {**_HEADERS, **signed_headers(delivery.id, int(now), body, secrets)}
        return await self._sender.post(target, headers, body)

    async def _body(self, delivery: DueDelivery) -> bytes:
        """Raises `DarkroomError` where there is none, and `NotFoundError` where its job has been deleted."""
        render = self._renderers.get(delivery.webhook.format)
        if render is None:
            raise DarkroomError("This server does not know the format of the webhook.")
        view = await self._jobs.get(delivery.job_id, delivery.tenant)
        body = render(as_of(view.record, delivery.event), delivery.webhook, delivery.event)
        if len(body) > MAX_BODY_BYTES:
            raise DarkroomError("The body is too large for a webhook.")
        return body

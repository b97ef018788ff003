"""Webhooks of predictions: which events are told, the predictions that they hold, and the secret that signs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fastapi import APIRouter, Request

from service.api.dependencies import services_of, webhooks_of
from service.api.dialects.replicate.resolve import refuse_envelope
from service.api.dialects.replicate.schemas import PredictionRequest, WebhookEvent, WebhookSecretOut
from service.api.dialects.replicate.serialize import LINK_LIFETIME_S, ROOT, Links, prediction_out
from service.api.edge.addresses import addresses_of, parse_public_url
from service.api.http.dialect import FieldProblem
from service.api.http.problems import ProblemOut
from service.api.signed_urls import LinkSigner
from service.jobs.records import JobRecord
from service.webhooks.rendering import MAX_BODY_BYTES, Renderer, happened_at
from service.webhooks.types import END_EVENTS, JOB_STARTED, Webhook

FORMAT: Final = "replicate"
_RETRIED_S: Final = 47 * 3600
"""A link works for two days: longer than a delivery is tried."""
_EVENTS: Final[Mapping[WebhookEvent, tuple[str, ...]]] = {
    "start": (JOB_STARTED,),
    "output": END_EVENTS,
    "logs": END_EVENTS,
    "completed": END_EVENTS,
}
"""Outputs and logs are told once, with the end."""

router = APIRouter(prefix=f"{ROOT}/webhooks", tags=["replicate"], responses={503: {"model": ProblemOut}})


@router.get("/default/secret")
async def get_replicate_webhook_secret(request: Request) -> WebhookSecretOut:
    """The secret that signs the webhooks of the caller's tenant."""
    return WebhookSecretOut(key=await webhooks_of(request).secret(services_of(request).tenant(request)))


def webhook_of(request: Request, asked: PredictionRequest) -> Webhook | None:
    """Raises `UnprocessableError` where nothing would be sent to its address."""
    if asked.webhook is None:
        return None
    try:
        webhooks_of(request).check_url(asked.webhook)
    except ValueError as error:
        raise refuse_envelope([FieldProblem(("webhook",), f"The address {str(error).removesuffix('.')}")]) from None
    return Webhook(
        asked.webhook, events_of(asked.webhook_events_filter), format=FORMAT, base_url=addresses_of(request).url("")
    )


def events_of(names: Sequence[WebhookEvent] | None) -> tuple[str, ...]:
    """Returns the events of a job that are told where a filter has these names; None is no filter."""
    return tuple(dict.fromkeys(event for name in names or _EVENTS for event in _EVENTS[name]))


def renderer(signer: LinkSigner) -> Renderer:
    """Returns the renderer of webhooks with the format `replicate`: the body is the prediction."""

    def render(job: JobRecord, webhook: Webhook, event: str) -> bytes:
        expires_at = int(happened_at(job, event)) + LINK_LIFETIME_S + _RETRIED_S
        links = Links(signer, parse_public_url(webhook.base_url), expires_at)
        prediction = prediction_out(job, links, links.images(job))
        body = prediction.model_dump_json().encode()
        if len(body) <= MAX_BODY_BYTES:
            return body
        # Texts and links of many images find no room. The receiver asks for them by the prediction's address.
        return prediction.model_copy(update={"input": {}, "output": None}).model_dump_json().encode()

    return render

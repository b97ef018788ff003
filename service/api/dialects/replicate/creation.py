"""Accepts predictions: from a body to a durable job, and a wait for its end where the caller prefers one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from fastapi import Request, Response

from pipelines.model_info import ModelInfo
from service.api.dependencies import jobs_of, services_of
from service.api.dialects.replicate.outputs import links_of, outputs
from service.api.dialects.replicate.resolve import choose_size, job_spec, parse_envelope, parse_input
from service.api.dialects.replicate.serialize import accepted_out, prediction_out
from service.api.dialects.replicate.webhooks import webhook_of
from service.api.durable_jobs.submission import allowance, idempotency_key, waited
from service.api.generation.inputs import prepare
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.http.negotiation import preference
from service.engine.interface import Engine
from service.engine.types import Size
from service.jobs.records import JobSpec

_MAX_WAIT_S: Final = 60.0
"""Replicate's longest wait, and the one that `Prefer: wait` means."""
_MARGIN_S: Final = 0.5
"""The clients hang up half a second after the wait that they prefer."""
_BARE_WAIT: Final = re.compile(r"(?:^|,)\s*wait\s*(?:;|,|$)", re.ASCII | re.IGNORECASE)


async def create(request: Request, choose_model: Callable[[str | None, Engine], ModelInfo]) -> Response:
    """Accepts a prediction. Once this has answered, it survives anything short of the loss of the disk.

    `choose_model` is given the model that the body names, or None.
    """
    services = services_of(request)
    tenant = services.tenant(request)
    async with services.file_bodies.read(request) as body:
        asked = parse_envelope(body.fields)
        envelope, parsed = asked.request, parse_input(asked.request.input)
        model = choose_model(envelope.version or envelope.model or parsed.request.model, services.engine)
        webhook = webhook_of(request, envelope)
        idempotency = await idempotency_key(request, _wish(request, body.fields))

        def spec_of(upload: Size | None, inputs: PreparedInputs) -> JobSpec:
            return job_spec(parsed, model, choose_size(parsed, model, upload), inputs, services.engine.find_model)

        decoded = await services.inputs.read(parsed.request, model, tenant, parsed.refusal, spec_of)
    upload = None if decoded is None else decoded.size
    inputs = await prepare(decoded, choose_size(parsed, model, upload), parsed.request.resize_mode)
    view, replayed = await jobs_of(request).submit(
        spec_of(upload, inputs),
        tenant=tenant,
        idempotency=idempotency,
        inputs=inputs.files,
        allowance=await allowance(request, inputs.files),
        webhook=webhook,
    )
    structlog.contextvars.bind_contextvars(job_id=view.record.id)
    if wait_s := preferred_wait_s(request.headers.get("prefer")):
        view = await waited(request, view, wait_s) or view
    links = links_of(request)
    output = await outputs(request, view.record, view.record.images) if view.record.ended else []
    prediction = accepted_out(prediction_out(view.record, links, output))
    ignored = replace(parsed, ignored=(*asked.ignored, *parsed.ignored)).ignored_headers
    headers = {"Location": prediction.urls.get, **ignored}
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(prediction.model_dump_json(), 201, headers, "application/json")


def preferred_wait_s(header: str | None) -> float:
    """Returns for how long the answer may wait, by the header Prefer: a little less than its `wait=N` says."""
    wait_s = preference(header).wait_s or (_MAX_WAIT_S if _BARE_WAIT.search(header or "") else 0.0)
    return max(0.0, min(wait_s, _MAX_WAIT_S) - _MARGIN_S)


def _wish(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Two requests with equal wishes ask for the same prediction."""
    return {"path": request.scope["path"], "body": fields}

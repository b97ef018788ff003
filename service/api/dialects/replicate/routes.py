"""/replicate/v1/predictions: durable jobs as predictions."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from pipelines.model_info import ModelInfo
from service.api.dependencies import jobs_of, services_of
from service.api.dialects.replicate.creation import create
from service.api.dialects.replicate.outputs import links_of, outputs
from service.api.dialects.replicate.resolve import ENVELOPE_RULES, INPUT_RULES
from service.api.dialects.replicate.schemas import PredictionInput, PredictionList, PredictionOut, PredictionRequest
from service.api.dialects.replicate.serialize import ROOT, prediction_out
from service.api.dialects.replicate.versions import model_of, model_of_version
from service.api.durable_jobs.pages import job_cursor, read_page
from service.api.http.fields import JobId
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_schema
from service.engine.interface import Engine
from service.jobs.records import JobRecord, JobSummary

_PAGE: Final = 100
"""Predictions of a page, as Replicate's are."""


def _schema() -> dict[str, Any]:
    schema = body_schema(PredictionRequest, ENVELOPE_RULES)
    schema["properties"]["input"] = body_schema(PredictionInput, INPUT_RULES)
    return schema


_CREATION: Final[dict[str, Any]] = {
    "status_code": 201,
    "response_model": PredictionOut,
    "responses": {status: {"model": ProblemOut} for status in (400, 404, 410, 413, 415, 422, 429)},
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}},
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "wait or wait=N: answer when the prediction has ended, after N seconds at the latest",
            }
        ],
    },
}

router = APIRouter(prefix=ROOT, tags=["replicate"], responses={status: {"model": ProblemOut} for status in (404, 503)})


@router.post("/models/{owner}/{name}/predictions", **_CREATION)
async def create_model_prediction(request: Request, owner: str, name: str) -> Response:
    """Accept a prediction of the model in the path, whose owner may be any."""

    def choose(named: str | None, engine: Engine) -> ModelInfo:
        return model_of(owner, name, engine)

    return await create(request, choose)


@router.post("/predictions", **_CREATION)
async def create_prediction(request: Request) -> Response:
    """Accept a prediction of the model that the body names, or else of the default one."""

    def choose(named: str | None, engine: Engine) -> ModelInfo:
        return engine.model if named is None else model_of_version(named, engine)

    return await create(request, choose)


@router.get("/predictions", response_model=PredictionList, responses={400: {"model": ProblemOut}})
async def list_predictions(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=200, description="From the address of a page, in `next`")] = None,
) -> Response:
    """The caller's jobs as predictions, newest first, whichever API they came through."""
    after = None if cursor is None else job_cursor(cursor)
    found = jobs_of(request).summaries(services_of(request).tenant(request), at_most=_PAGE + 1, after=after)
    links = links_of(request)

    def render(summary: JobSummary) -> bytes:
        return prediction_out(summary, links, links.images(summary)).model_dump_json().encode()

    page = await read_page(found, _PAGE, render)
    following = page.cursor and links.at.url(f"{ROOT}/predictions?{urlencode({'cursor': page.cursor})}")
    body = b'{"previous":null,"next":%b,"results":%b}' % (json.dumps(following).encode(), page.items)
    return Response(body, media_type="application/json")


@router.get("/predictions/{job_id}")
async def get_prediction(request: Request, job_id: JobId) -> PredictionOut:
    view = await jobs_of(request).get(job_id, services_of(request).tenant(request))
    return await _told(request, view.record)


@router.post("/predictions/{job_id}/cancel")
async def cancel_prediction(request: Request, job_id: JobId) -> PredictionOut:
    """Cancel the prediction unless it has ended; the answer shows its status."""
    view = await jobs_of(request).cancel(job_id, services_of(request).tenant(request))
    return await _told(request, view.record)


async def _told(request: Request, record: JobRecord) -> PredictionOut:
    output = await outputs(request, record, record.images) if record.ended else []
    return prediction_out(record, links_of(request), output)

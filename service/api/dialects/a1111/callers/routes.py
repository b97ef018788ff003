"""Routes that show a caller the progress of its own requests and interrupt them. Nothing here shows or ends another's.

The sources are modules/api/api.py and modules/progress.py of stable-diffusion-webui.
"""

from __future__ import annotations

import base64
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from service.api.dependencies import services_of
from service.api.dialects.a1111.callers.call import Call
from service.api.dialects.a1111.callers.callers import caller_of
from service.api.dialects.a1111.errors import PLAIN_RULES, A1111Error
from service.api.dialects.a1111.schemas import (
    ProgressResponse,
    ProgressState,
    TaskProgressRequest,
    TaskProgressResponse,
)
from service.api.http.json_body import read_json_object
from service.api.http.request_body import body_schema, parse

router = APIRouter(tags=["a1111"])

_LEAST: Final = 0.01
"""Progress of a request that has made no step: 0 is that of a caller without one."""
_NO_PREVIEW: Final = -1


@router.get("/sdapi/v1/progress", responses={400: {"model": A1111Error}})
async def progress(request: Request, skip_current_image: Annotated[bool, Query()] = False) -> ProgressResponse:
    """Return the progress of the caller's oldest running request."""
    call = next(iter(caller_of(request).calls), None)
    if call is None:
        return ProgressResponse(progress=0.0, eta_relative=0.0, state=_state(None), current_image=None, textinfo=None)
    return ProgressResponse(
        progress=max(_LEAST, call.progress),
        eta_relative=call.eta_s,
        state=_state(call),
        current_image=None if skip_current_image else await _preview(request, call),
        textinfo=None if call.has_started else "Waiting...",
    )


@router.post(
    "/internal/progress",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(TaskProgressRequest, PLAIN_RULES)}},
        }
    },
    responses={status: {"model": A1111Error} for status in (400, 413, 415)},
)
async def task_progress(request: Request) -> TaskProgressResponse:
    """Return the progress of one request of the caller, by its force_task_id."""
    body = await read_json_object(request, services_of(request).max_body_bytes, untyped=True)
    asked = parse(TaskProgressRequest, body, PLAIN_RULES).request
    caller, name = caller_of(request), asked.id_task or ""
    call = caller.task(name)
    if call is None or not call.has_started:
        return TaskProgressResponse(
            active=False,
            queued=call is not None,
            completed=call is None and name in caller.ended_tasks,
            progress=None,
            eta=None,
            live_preview=None,
            id_live_preview=_NO_PREVIEW,
            textinfo="Waiting...",
        )
    is_new = asked.live_preview and call.previews > max(asked.id_live_preview, 0)
    preview = await _preview(request, call) if is_new else None
    return TaskProgressResponse(
        active=True,
        queued=False,
        completed=False,
        progress=max(_LEAST, call.progress),
        eta=call.eta_s,
        live_preview=None if preview is None else f"data:image/png;base64,{preview}",
        id_live_preview=call.previews or _NO_PREVIEW,
        textinfo=None,
    )


@router.post("/sdapi/v1/interrupt")
async def interrupt(request: Request) -> dict[str, str]:
    """End the caller's running requests, which are then answered with the images that are finished."""
    for call in caller_of(request).calls:
        call.interrupt()
    return {}


@router.post("/sdapi/v1/skip")
async def skip(request: Request) -> dict[str, str]:
    """Do what interrupt does: the images of a request are made at the same time."""
    for call in caller_of(request).calls:
        call.interrupt(skips=True)
    return {}


def _state(call: Call | None) -> ProgressState:
    return ProgressState(
        skipped=call is not None and call.skipped,
        interrupted=call is not None and call.interrupted,
        stopping_generation=False,
        job="" if call is None else call.task_id or "",
        job_count=0 if call is None else call.batches,
        job_timestamp="0" if call is None else call.begun,
        job_no=0 if call is None else call.batch,
        sampling_step=0 if call is None else call.step,
        sampling_steps=0 if call is None else call.steps,
    )


async def _preview(request: Request, call: Call) -> str | None:
    if call.preview is None:
        return None
    file = await services_of(request).encoder.encode(call.preview, "png", size=call.size)
    return base64.b64encode(file).decode("ascii")

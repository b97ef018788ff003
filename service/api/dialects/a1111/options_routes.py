"""The web UI's settings, of which a caller may choose the model and how brackets in prompts are read.

What one caller chooses concerns its own requests alone.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request

from service.api.dependencies import services_of
from service.api.dialects.a1111.callers.callers import caller_of
from service.api.dialects.a1111.checkpoints import find_checkpoint
from service.api.dialects.a1111.errors import PLAIN_RULES, A1111Error
from service.api.dialects.a1111.resolve import IGNORED, LITERAL
from service.api.dialects.a1111.schemas import OptionsRequest
from service.api.http.json_body import read_json_object
from service.api.http.request_body import body_schema, parse
from service.errors import UnknownModelError

router = APIRouter(prefix="/sdapi/v1", tags=["a1111"])

_FIXED: Final = {
    "samples_format": "png",
    "sd_checkpoint_hash": "",
    "sd_vae": "Automatic",
    "CLIP_stop_at_last_layers": 1,
    "show_progress_every_n_steps": 10,
    "live_previews_enable": True,
}
"""Settings that clients read, and that cannot be changed."""


@router.get("/options", responses={503: {"model": A1111Error}})
async def get_options(request: Request) -> dict[str, Any]:
    """The caller's settings."""
    caller = caller_of(request)
    return {"sd_model_checkpoint": caller.model(services_of(request)).name, "emphasis": caller.emphasis, **_FIXED}


@router.post(
    "/options",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(OptionsRequest, PLAIN_RULES)}},
        }
    },
    responses={status: {"model": A1111Error} for status in (400, 404, 413, 415, 503)},
)
async def set_options(request: Request) -> None:
    """Choose the model, or how brackets in prompts are read. Other settings have no effect."""
    services, caller = services_of(request), caller_of(request)
    body = await read_json_object(request, services.max_body_bytes, untyped=True)
    asked = parse(OptionsRequest, body, PLAIN_RULES).request
    if asked.sd_model_checkpoint:
        found = find_checkpoint(services.engine.find_model, asked.sd_model_checkpoint)
        if found is None:
            raise UnknownModelError("There is no such model.", field="sd_model_checkpoint")
        caller.checkpoint = found.name
    if asked.emphasis:
        caller.emphasis = LITERAL if asked.emphasis == LITERAL else IGNORED

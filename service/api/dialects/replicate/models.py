"""/replicate/v1/models: served models, as far as Replicate's clients ask for them before they use one."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from typing import Any, Final

from fastapi import APIRouter, Request

from pipelines.model_info import ModelInfo
from service.api.dependencies import Services, services_of
from service.api.dialects.replicate.outputs import links_of
from service.api.dialects.replicate.resolve import INPUT_RULES
from service.api.dialects.replicate.schemas import PredictionInput, ReplicateModel, VersionOut
from service.api.dialects.replicate.serialize import ROOT
from service.api.dialects.replicate.versions import full_name, model_of, version_id
from service.api.http.fields import utc_time
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_schema
from service.errors import NotFoundError

_COG_VERSION: Final = "0.16.0"
"""A version whose schemas say of each output whether it comes bit by bit. Ours come at the end."""

router = APIRouter(
    prefix=f"{ROOT}/models", tags=["replicate"], responses={status: {"model": ProblemOut} for status in (404, 503)}
)


@router.get("/{owner}/{name}")
async def get_replicate_model(request: Request, owner: str, name: str) -> ReplicateModel:
    """A served model. The owner may be any."""
    services = services_of(request)
    model = model_of(owner, name, services.engine)
    told_owner, _, told_name = full_name(model.name).partition("/")
    return ReplicateModel(
        url=links_of(request).at.url(request.scope["path"]),
        owner=told_owner,
        name=told_name,
        description="",
        visibility="private",
        github_url=None,
        paper_url=None,
        license_url=None,
        run_count=0,
        cover_image_url=None,
        default_example=None,
        latest_version=_version(services, model),
    )


@router.get("/{owner}/{name}/versions/{version}")
async def get_replicate_version(request: Request, owner: str, name: str, version: str) -> VersionOut:
    """The only version of a model, with the schema of its input."""
    services = services_of(request)
    model = model_of(owner, name, services.engine)
    if version != version_id(model.name):
        raise NotFoundError("There is no such version.")
    return _version(services, model)


def _version(services: Services, model: ModelInfo) -> VersionOut:
    return VersionOut(
        id=version_id(model.name),
        created_at=utc_time(services.started_at),
        cog_version=_COG_VERSION,
        openapi_schema=_schema(),
    )


def _schema() -> dict[str, Any]:
    """The input and the output of a model, where Cog's schemas have them."""
    output = {"title": "Output", "type": "array", "items": {"type": "string", "format": "uri"}}
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": installed_version("darkroom-server")},
        "paths": {},
        "components": {"schemas": {"Input": body_schema(PredictionInput, INPUT_RULES), "Output": output}},
    }

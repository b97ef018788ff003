"""GET /v1/models: what is served, in OpenAI's shape, and which names stand for it."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request

from pipelines.interface import ModelInfo
from service.api.dependencies import Services, services_of
from service.api.dialects.openai.schemas import ErrorResponse, Model, ModelList
from service.api.generation.sizes import spell
from service.errors import UnknownModelError

FOREIGN: Final = ("dall-e-", "gpt-image-", "chatgpt-image-")
"""How the names of OpenAI's image models begin: clients hard-code them."""

router = APIRouter(prefix="/v1/models", tags=["openai"], responses={503: {"model": ErrorResponse}})


def check_model(name: str, model: ModelInfo) -> None:
    """Raises `UnknownModelError` unless `name` is the served model's own or one of OpenAI's."""
    if name != model.name and not name.startswith(FOREIGN):
        raise UnknownModelError("No model of that name is served; GET /v1/models lists those that are.", field="model")


@router.get("")
async def list_models(request: Request) -> ModelList:
    return ModelList(object="list", data=[_describe(services_of(request))])


@router.get("/{model_id:path}", responses={404: {"model": ErrorResponse}})
async def get_model(request: Request, model_id: str) -> Model:
    services = services_of(request)
    check_model(model_id, services.engine.model)
    return _describe(services)


def _describe(services: Services) -> Model:
    model = services.engine.model
    return Model(
        id=model.name,
        object="model",
        created=services.started_at,
        owned_by="darkroom",
        sizes=[spell(size) for size in model.sizes],
        default_steps=model.default_steps,
        default_guidance_scale=model.default_guidance_scale,
        default_sampler=model.default_sampler,
    )

"""GET /v1/models: what is served, in OpenAI's shape, and which names stand for it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request

from pipelines.model_info import ModelInfo
from service.api.dependencies import Services, services_of
from service.api.dialects.openai.errors import ErrorResponse
from service.api.dialects.openai.schemas import Model, ModelList
from service.api.generation.model_names import OPENAI_NAMES, chosen_model
from service.api.generation.sizes import spell
from service.engine.interface import ServedModel
from service.engine.types import ModelStatus

router = APIRouter(prefix="/v1/models", tags=["openai"], responses={503: {"model": ErrorResponse}})


@router.get("")
async def list_models(request: Request) -> ModelList:
    """The models that can be asked for, the default one first, and behind them their aliases, each with its model's
    name as `parent`. OpenAI's names are aliases of the default model.
    """
    services = services_of(request)
    served = services.engine.models
    models = [_describe(services, model.info, model.status) for model in served if model.info]
    parents = {model.id: model for model in models}
    aliases = [parents[name].model_copy(update={"id": alias, "parent": name}) for alias, name in _aliases(served)]
    return ModelList(object="list", data=[*models, *aliases])


def _aliases(served: Sequence[ServedModel]) -> list[tuple[str, str]]:
    """The aliases, each with the name of its model."""
    infos = [model.info for model in served if model.info]
    aliases = {alias: info.name for info in infos for alias in info.aliases}
    taken = {*aliases, *(model.name for model in served)}
    if served[0].info is not None:
        aliases |= {name: served[0].name for name in OPENAI_NAMES if name not in taken}
    return list(aliases.items())


@router.get("/{model_id:path}", responses={404: {"model": ErrorResponse}})
async def get_model(request: Request, model_id: str) -> Model:
    services = services_of(request)
    model = chosen_model(model_id, services.engine)
    status = next(each.status for each in services.engine.models if each.name == model.name)
    return _describe(services, model, status)


def _describe(services: Services, model: ModelInfo, status: ModelStatus) -> Model:
    return Model(
        id=model.name,
        object="model",
        created=services.started_at,
        owned_by="darkroom",
        parent=None,
        sizes=[spell(size) for size in model.sizes],
        default_steps=model.default_steps,
        default_guidance_scale=model.default_guidance_scale,
        default_sampler=model.default_sampler,
        status=status,
    )

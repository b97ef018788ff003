"""The lists of AUTOMATIC1111's API, with the web UI's own fields and no others: clients read them strictly.

What the server has nothing of is an empty list, since many clients ask for all lists when they start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request

from pipelines.sampling import choice
from pipelines.sampling.samplers import SAMPLERS
from pipelines.upscalers import UPSCALERS
from service.api.dependencies import services_of
from service.api.dialects.a1111.callers.callers import caller_of

router = APIRouter(prefix="/sdapi/v1", tags=["a1111"], include_in_schema=False)

_SCALE: Final = 4.0
"""The scale that the web UI gives for upscalers of its own."""
_UNKNOWN: Final = {"error": "unavailable"}
"""The web UI's answer where it cannot tell the memory."""

_SCHEDULERS: Final = [
    {"name": name, "label": name.capitalize(), "aliases": None, "default_rho": rho, "need_inner_model": False}
    for name, rho in (("automatic", -1.0), ("karras", 7.0), ("exponential", -1.0), ("beta", -1.0))
]
_NO_UPSCALER: Final = {"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": _SCALE}

CONSTANT: Final[Mapping[str, Any]] = {
    "schedulers": _SCHEDULERS,
    "upscalers": [_NO_UPSCALER, *({**_NO_UPSCALER, "name": each.label} for each in UPSCALERS.values() if each.decoded)],
    "latent-upscale-modes": [{"name": each.label} for each in UPSCALERS.values() if not each.decoded],
    "sd-vae": [],
    "loras": [],
    "lycos": [],
    "embeddings": {"loaded": {}, "skipped": {}},
    "hypernetworks": [],
    "face-restorers": [],
    "realesrgan-models": [],
    "prompt-styles": [],
    "scripts": {"txt2img": [], "img2img": []},
    "script-info": [],
    "extensions": [],
    "memory": {"ram": _UNKNOWN, "cuda": _UNKNOWN},
    "cmd-flags": {},
}
"""Answers by the last name of the path."""
REFRESHED: Final[Mapping[str, Any]] = {
    "refresh-checkpoints": None,
    "refresh-vae": None,
    "refresh-loras": None,
    "refresh-embeddings": None,
    "unload-checkpoint": {},
    "reload-checkpoint": {},
}
"""Answers to requests that change nothing: the server keeps its lists up to date, and chooses what stays loaded."""


@router.get("/sd-models")
async def sd_models(request: Request) -> list[dict[str, str | None]]:
    """The models that can be used. Their files are not told."""
    return [
        {
            "title": model.name,
            "model_name": model.name,
            "hash": None,
            "sha256": None,
            "filename": model.name,
            "config": None,
        }
        for model in services_of(request).engine.models
        if model.info
    ]


@router.get("/samplers")
async def samplers(request: Request) -> list[dict[str, Any]]:
    """The samplers that the caller's model can have."""
    usable = choice.usable(caller_of(request).model(services_of(request)).samplers)
    found = [SAMPLERS[each.name] for each in usable]
    return [{"name": each.label, "aliases": [each.name, *each.aliases], "options": {}} for each in found]


def _constant(answer: Any) -> Callable[[], Any]:
    async def give() -> Any:
        return answer

    return give


for _name, _answer in CONSTANT.items():
    router.add_api_route(f"/{_name}", _constant(_answer), methods=["GET"], name=_name)
for _name, _answer in REFRESHED.items():
    router.add_api_route(f"/{_name}", _constant(_answer), methods=["POST"], name=_name)

"""Routes of the second listener, which is for the people who run the server and not for its callers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.dependencies import Services
from service.api.health import Liveness, readiness
from service.engine.interface import ModelWish, ServedModel
from service.errors import DarkroomError


def create_admin_app(services: Services) -> Starlette:
    """GET /metrics, in Prometheus' text format; GET /models; POST /models/{name}/load, /unload, /pin and /unpin.

    GET /livez and /readyz as on the first listener, for when callers have taken all of its connections.
    """
    engine = services.engine

    async def expose(request: Request) -> Response:
        text = services.metrics.exposition(ready=services.ready, backlog_s=engine.backlog_s)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def livez(request: Request) -> Response:
        return JSONResponse(Liveness(status="ok").model_dump())

    async def readyz(request: Request) -> Response:
        answer = readiness(services)
        return JSONResponse(answer.model_dump(mode="json"), 200 if answer.status == "ready" else 503)

    async def models(request: Request) -> Response:
        return JSONResponse({"models": [_described(model) for model in engine.models]})

    async def change(request: Request) -> Response:
        """202: the workers do it when they can, and GET /models shows it then. 409: they have no room for it."""
        if "origin" in request.headers:
            # A page that an operator has open could send it from their browser, to this machine's own address.
            return JSONResponse({"error": "Requests of web pages are refused."}, 403)
        name, wish = request.path_params["name"], request.path_params["wish"]
        if wish not in [*ModelWish]:
            return JSONResponse({"error": f"Must end in {', '.join(ModelWish)}."}, 404)
        engine.change_model(name, ModelWish(wish))
        return JSONResponse({"models": [_described(model) for model in engine.models]}, 202)

    return Starlette(
        routes=[
            Route("/metrics", expose, methods=["GET"]),
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/models", models, methods=["GET"]),
            Route("/models/{name:path}/{wish}", change, methods=["POST"]),
        ],
        exception_handlers={DarkroomError: _refuse},
    )


def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, DarkroomError), "the handler of these errors"
    return JSONResponse({"error": error.message}, error.status)


def _described(model: ServedModel) -> dict[str, Any]:
    described = asdict(model)
    del described["info"]
    return described

"""Routes of the second listener, which is for the people who run the server and not for its callers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.api.dependencies import Services
from service.api.edge.forwarded import Forwarded
from service.api.edge.guard import EdgeGuard
from service.api.edge.hosts import AllowedHosts
from service.api.edge.proxies import TrustedProxies
from service.api.health import Liveness, readiness
from service.engine.interface import ModelWish, ServedModel
from service.errors import DarkroomError

_NO_NAMES: Final = AllowedHosts(())


def create_admin_app(services: Services, hosts: AllowedHosts = _NO_NAMES) -> Starlette:
    """Returns the application, with these routes. `hosts` are those that requests may name.

    GET /metrics, in Prometheus' text format; GET /models; POST /models/{name}/load, /unload, /pin and /unpin;
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
        return JSONResponse({"models": [_response_fields(model) for model in engine.models]})

    async def change(request: Request) -> Response:
        """Answers 202: the workers do it when they can, and GET /models shows it then. 409: they have no room."""
        name, wish = request.path_params["name"], request.path_params["wish"]
        if wish not in [*ModelWish]:
            return JSONResponse({"error": f"Must end in {', '.join(ModelWish)}."}, 404)
        engine.change_model(name, ModelWish(wish))
        return JSONResponse({"models": [_response_fields(model) for model in engine.models]}, 202)

    return Starlette(
        routes=[
            Route("/metrics", expose, methods=["GET"]),
            Route("/livez", livez, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
            Route("/models", models, methods=["GET"]),
            Route("/models/{name:path}/{wish}", change, methods=["POST"]),
        ],
        exception_handlers={DarkroomError: _on_error},
        middleware=[
            Middleware(Forwarded, trusted=TrustedProxies(), public=None, own_names=()),
            # A page that an operator has open could send requests from their browser, to this machine's own address.
            Middleware(EdgeGuard, hosts=hosts, refuse=_answer),
        ],
    )


def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DarkroomError), "only these errors are routed to this handler"
    return _answer(error, request.url.path)


def _answer(error: DarkroomError, _path: str) -> Response:
    return JSONResponse({"error": error.message}, error.status)


def _response_fields(model: ServedModel) -> dict[str, Any]:
    fields = asdict(model)
    del fields["info"]
    return fields

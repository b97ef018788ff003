"""Routes of the second listener, which is for the people who run the server and not for its callers."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.engine.interface import Engine, Phase
from service.observability.metrics import Metrics


def create_admin_app(engine: Engine, metrics: Metrics) -> Starlette:
    """GET /metrics, in Prometheus' text format."""

    async def expose(request: Request) -> Response:
        text = metrics.exposition(ready=engine.phase is Phase.SERVING, backlog_s=engine.backlog_s)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/metrics", expose, methods=["GET"])])

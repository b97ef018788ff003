"""GET /openapi.json: the schema of the API, with the path under which the caller reaches the server."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from service.api.edge.addresses import addresses_of

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
async def openapi_schema(request: Request) -> Response:
    schema: dict[str, Any] = request.app.openapi()
    prefix = addresses_of(request).prefix
    return JSONResponse({**schema, "servers": [{"url": prefix}]} if prefix else schema)

"""GET /openapi.json: the schema of the API, with the path under which the caller reaches the server."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.edge.addresses import addresses_of

router = APIRouter()


@router.get("/openapi.json", include_in_schema=False)
async def openapi_schema(request: Request) -> Response:
    schema: bytes = request.app.openapi_json
    prefix = addresses_of(request).prefix
    if prefix:
        schema = b"%b,%b" % (json.dumps({"servers": [{"url": prefix}]}).encode()[:-1], schema[1:])
    return Response(schema, media_type="application/json")

"""Health checks: whether the process lives, and whether it can make images."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from service.api.dependencies import Services, services_of
from service.engine.interface import Phase

router = APIRouter(tags=["health"])


class Liveness(BaseModel):
    status: Literal["ok"]


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    phase: Phase
    activity: str
    """The present activity of a worker that is starting, and its length so far; empty where none is starting."""
    store: Literal["available", "unavailable"]
    """The store of jobs and images."""


@router.head("/livez", include_in_schema=False)
@router.get("/livez")
async def livez() -> Liveness:
    """200 while the process answers at all. A process that does not answer needs a restart."""
    return Liveness(status="ok")


@router.head("/health", include_in_schema=False)
@router.head("/readyz", include_in_schema=False)
@router.get("/health", include_in_schema=False)
@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """200 while jobs are admitted, else 503 with the state of the engine and of the store."""
    answer = readiness(services_of(request))
    response.status_code = 200 if answer.status == "ready" else 503
    return answer


def readiness(services: Services) -> Readiness:
    return Readiness(
        status="ready" if services.ready else "not ready",
        phase=services.engine.phase,
        activity=services.engine.activity,
        store="available" if services.store_available else "unavailable",
    )

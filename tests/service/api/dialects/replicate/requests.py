"""Requests for predictions."""

from __future__ import annotations

from typing import Any, Final

import httpx2

from tests.service.api.in_process import Api

ROOT: Final = "/replicate/v1"
MODEL: Final = f"{ROOT}/models/darkroom/darkroom-fake/predictions"
PREDICTIONS: Final = f"{ROOT}/predictions"
WAIT: Final = {"Prefer": "wait"}


async def predict(
    api: Api, url: str = MODEL, *, headers: dict[str, str] | None = None, **given: Any
) -> httpx2.Response:
    """Asks for a prediction of one step. It is answered at the end, whatever the further headers."""
    body = {"input": {"prompt": "x", "num_inference_steps": 1, **given}}
    return await api.client.post(url, json=body, headers={**WAIT, **(headers or {})})

"""The base of all objects that the server sends."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr


class Answer(BaseModel):
    """An object that the server sent. `model_extra` keeps the fields that this version does not know."""

    model_config = ConfigDict(
        extra="allow", frozen=True, val_json_bytes="base64", ser_json_bytes="base64", protected_namespaces=()
    )

    _request_id: str | None = PrivateAttr(default=None)
    """The answer's x-request-id. Give it to the operator of the server when you report a problem."""

    def model_post_init(self, context: Any, /) -> None:
        if context is not None:
            self._request_id = context["request_id"]

"""RFC 9457 problem details, as the OpenAPI schema describes them."""

from __future__ import annotations

from pydantic import BaseModel


class ProblemDetail(BaseModel):
    pointer: str
    """A JSON pointer (RFC 6901) into the body."""
    detail: str


class ProblemOut(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemDetail]

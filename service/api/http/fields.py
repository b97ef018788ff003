"""Pydantic types of fields that the dialects share, and times in answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, overload

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from service.api.http.json_body import json_value
from service.ids import JOB_ID_PATTERN

MAX_SEED: Final = 2**63 - 1
_MAX_JSON_CHARACTERS: Final = 1000
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def _well_formed(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "Text must not hold NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogates", "Text must not hold unpaired surrogates") from None
    return text


Text = Annotated[str, AfterValidator(_well_formed)]


@overload
def utc_time(seconds: float) -> datetime: ...
@overload
def utc_time(seconds: float | None) -> datetime | None: ...
def utc_time(seconds: float | None) -> datetime | None:
    """Returns a time that is given in Unix seconds, with its zone."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def json_text(value: object) -> object:
    """Reads an object or a list that is given as text, as in a form. Other text is left to be refused by its type."""
    if isinstance(value, str) and len(value) <= _MAX_JSON_CHARACTERS and value.lstrip()[:1] in ("{", "["):
        try:
            return json_value(value)
        except (ValueError, RecursionError):
            return value
    return value


def _whole_number(text: object) -> object:
    if not (isinstance(text, str) and _WHOLE.fullmatch(text)):
        raise PydanticCustomError("whole", "Must be a whole number without leading zeros")
    return int(text)


WHOLE_NUMBER: Final = BeforeValidator(_whole_number)
"""A whole number in a path or a query, spelled in one way: pydantic alone would accept 0.0 and 00 for 0."""

JobId = Annotated[str, Path(pattern=f"^{JOB_ID_PATTERN}$")]
ImageIndex = Annotated[int, Path(ge=0, le=999), WHOLE_NUMBER]
ImageFileName = Annotated[str, Path(pattern=r"^(0|[1-9][0-9]{0,2})(\.(png|jpg|webp))?$")]
"""An image's index, with or without the extension of its file."""

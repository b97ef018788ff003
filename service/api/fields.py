"""Types of fields that the dialects share, as pydantic knows them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_SEED: Final = 2**63 - 1
MAX_PICTURES: Final = 10
"""Of one prompt."""


def _well_formed(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "Text must not hold NUL characters")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogates", "Text must not hold unpaired surrogates") from None
    return text


Text = Annotated[str, AfterValidator(_well_formed)]

"""Types of fields that the dialects share, as pydantic knows them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

MAX_SEED: Final = 2**63 - 1
MAX_IMAGES: Final = 10
"""Of one prompt."""
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


def _only_spelling(text: object) -> object:
    if not (isinstance(text, str) and _WHOLE.fullmatch(text)):
        raise PydanticCustomError("whole", "A whole number must be digits, without any that mean nothing")
    return int(text)


ONE_SPELLING: Final = BeforeValidator(_only_spelling)
"""For whole numbers of paths and queries: one address for a thing, where pydantic would take 0.0 and 00 for 0 too."""

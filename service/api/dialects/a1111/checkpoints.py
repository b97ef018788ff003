"""Models under the names that AUTOMATIC1111's clients know them by."""

from __future__ import annotations

import re
from typing import Final

from pipelines.model_info import ModelInfo
from service.api.generation.model_names import FindModel
from service.errors import UnknownModelError

_TITLE: Final = re.compile(r"(?P<name>.{1,400}?)(?:\.(?:safetensors|ckpt))?(?: \[[0-9a-f]{6,64}\])?", re.DOTALL)


def find_checkpoint(find_model: FindModel, title: str | None) -> ModelInfo | None:
    """Returns the model of that title: a name or an alias, or one with the ending of a file and a hash behind it.

    None where there is none. Raises what `Engine.find_model` raises about a model that cannot be used.
    """
    match = _TITLE.fullmatch(title or "")
    for name in () if match is None else (match[0], match["name"]):
        try:
            return find_model(name)
        except UnknownModelError:
            continue
    return None

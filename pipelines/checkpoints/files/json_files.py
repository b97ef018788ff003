"""Reads the JSON files of a checkpoint. Refuses what asks for code of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

_MAX_BYTES: Final = 16 << 20
"""Limit for a configuration. The index of the shards of a large model takes less than 1 MB."""
_REMOTE_CODE_FIELDS: Final = ("auto_map", "custom_pipeline", "trust_remote_code")


def read(path: Path, files: FileAccess = ANY_FILES) -> dict[str, Any]:
    """Read a JSON object. Infinity and NaN are read, because diffusers writes them. Raises `ModelLoadError`."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelLoadError(f"{path} is too large for a configuration.")
        # msgspec refuses the Infinity and NaN that diffusers writes for some schedulers.
        content = json.loads(files.read(path))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} cannot be read: it is not a JSON object.")
    return content


def read_config(path: Path, files: FileAccess = ANY_FILES) -> dict[str, Any]:
    """Read the configuration of a part that is to be loaded. Raises `ModelLoadError` if it asks for code of its own."""
    config = read(path, files)
    for field in _REMOTE_CODE_FIELDS:
        if config.get(field):
            raise ModelLoadError(
                f"{path} asks for code of its own ({field}), which is not run. Remove {field} from it if the standard "
                "class is what the model needs."
            )
    return config

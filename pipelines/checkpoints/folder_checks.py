"""Checks a model folder before any library opens it: what is refused, and why. Reads no weights and runs no code.

Weights must be safetensors. Pickles, code, links that lead out of the folder and unknown classes are refused even where
the libraries would ignore them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.errors import ModelLoadError
from pipelines.families.base import Family
from pipelines.families.registry import FAMILIES

_PICKLES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pt2", ".pkl", ".pickle"})
_CODE: Final = frozenset({".py", ".pyc", ".pyd", ".so", ".dll", ".dylib"})
_REMOTE_CODE_FIELDS: Final = ("auto_map", "custom_pipeline", "trust_remote_code")
_MAX_HEADER_BYTES: Final = 16 << 20
"""Limit for the header of a safetensors file. The largest of Stable Diffusion XL takes 0.3 MB."""
_MAX_CONFIG_BYTES: Final = 4 << 20

_UNUSED_COMPONENTS: Final = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
"""Components of the format that text to image does not use. They are not loaded."""
_LIBRARIES: Final = ("diffusers", "transformers")


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """A model folder that may be loaded."""

    family: Family[Any]
    classes: Mapping[str, Any]
    """For each component of the family, the class that loads it."""


def check(folder: Path, boundary: Path | None = None) -> CheckedFolder:
    """Check every file of the folder, and find its family. Raises `ModelLoadError`.

    Links may lead anywhere below `boundary`, which defaults to the folder itself.
    """
    if not folder.exists():
        raise ModelLoadError(f"There is no model folder {folder}.")
    if not folder.is_dir():
        raise ModelLoadError(f"{folder} is a file. A model is a folder in the diffusers layout with safetensors in it.")
    index = folder / "model_index.json"
    if not index.is_file():
        raise ModelLoadError(f"{folder} is not a diffusers model folder: it has no model_index.json.")
    for path in _walk(folder):
        _check_file(path, (boundary or folder).resolve())
    return _check_index(index, read_config(index))


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises `ModelLoadError`."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ModelLoadError(f"{path} is too large for a configuration.")
        # msgspec refuses the Infinity and NaN that diffusers writes for some schedulers.
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{path} cannot be read: it is not a JSON object.")
    return content


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def _check_file(path: Path, boundary: Path) -> None:
    if not path.resolve().is_relative_to(boundary):
        raise ModelLoadError(f"{path} is a link that leads out of the model folder.")
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise ModelLoadError(f"{path} is a pickle checkpoint, which could run code; only safetensors are loaded.")
    if suffix in _CODE:
        raise ModelLoadError(f"{path} is program code. A model folder that contains code is not loaded.")
    if suffix == ".safetensors":
        _check_header(path)
    elif path.name.endswith("config.json") or path.name == "model_index.json":
        config = read_config(path)
        for field in _REMOTE_CODE_FIELDS:
            if field in config:
                raise ModelLoadError(f"{path} asks for code of its own ({field}), which is not run.")


def _check_header(path: Path) -> None:
    """Check the first 8 bytes of a safetensors file, which are the length of its header, little-endian."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
    if not 2 <= length <= min(size - 8, _MAX_HEADER_BYTES):
        raise ModelLoadError(f"{path} is not a valid safetensors file: its header claims {length} bytes.")


def _check_index(path: Path, index: Mapping[str, Any]) -> CheckedFolder:
    class_name = index.get("_class_name")
    if not isinstance(class_name, str) or class_name not in FAMILIES:
        raise ModelLoadError(f"{path} names a pipeline class that is not supported. Supported: {', '.join(FAMILIES)}.")
    family = FAMILIES[class_name]()
    components = {name: value for name, value in index.items() if isinstance(value, list)}
    classes = {
        name: _find_class(path, name, value, family.components)
        for name, value in components.items()
        if name not in _UNUSED_COMPONENTS
    }
    missing = [name for name in family.components if name not in classes or not (path.parent / name).is_dir()]
    if missing:
        raise ModelLoadError(f"{path.parent} lacks a component: {', '.join(missing)}.")
    return CheckedFolder(family, classes)


def _find_class(path: Path, name: str, value: list[Any], known: Mapping[str, Mapping[str, Any]]) -> Any:
    """Find the class that loads a component. `value` should be its library and class name."""
    if name not in known:
        raise ModelLoadError(f"{path} has an unknown component, {name}.")
    library, class_name = value if len(value) == 2 else (None, None)
    if library not in _LIBRARIES or not isinstance(class_name, str) or class_name not in known[name]:
        raise ModelLoadError(
            f"{path} names a class that is not known for {name}. Known classes: {', '.join(sorted(known[name]))}."
        )
    return known[name][class_name]

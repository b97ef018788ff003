"""Finds a folder's family, and the class of each part that the family opens, from its `model_index.json`.

The index lists parts that the family does not open too (safety checkers, image encoders). They do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.checkpoints.files import json_files, scheduler_configs
from pipelines.errors import ModelLoadError
from pipelines.families.base import Family
from pipelines.families.registry import FAMILIES, fitting
from pipelines.integrity.file_access import ANY_FILES, FileAccess

FILE_NAME: Final = "model_index.json"

_LIBRARIES: Final = ("diffusers", "transformers")
_SCHEDULER: Final = "scheduler"
_OTHER_KINDS: Final = {
    "AnimateDiff": "a video model",
    "Audio": "a sound model",
    "AuraFlow": "an AuraFlow model",
    "Bria": "a Bria model",
    "Chroma": "a Chroma model",
    "Cog": "a CogView or CogVideoX model",
    "Flux": "a FLUX model",
    "HiDream": "a HiDream model",
    "Hunyuan": "a Hunyuan model",
    "IF": "a DeepFloyd IF model",
    "I2VGen": "a video model",
    "Kandinsky": "a Kandinsky model",
    "Kolors": "a Kolors model",
    "LTX": "a video model",
    "Lumina": "a Lumina model",
    "MusicLDM": "a sound model",
    "PixArt": "a PixArt model",
    "QwenImage": "a Qwen-Image model",
    "Sana": "a Sana model",
    "StableAudio": "a sound model",
    "StableCascade": "a Stable Cascade model",
    "StableDiffusion3": "a Stable Diffusion 3 model",
    "StableDiffusionLatentUpscale": "an upscaler",
    "StableDiffusionUpscale": "an upscaler",
    "StableDiffusionXL": "a Stable Diffusion XL model of a kind that is not supported",
    "StableVideo": "a video model",
    "TextToVideo": "a video model",
    "Wan": "a video model",
    "Wuerstchen": "a Wuerstchen model",
    "ZImage": "a Z-Image model",
}
"""Kinds of models by the beginning of their pipeline class, for messages."""


@dataclass(frozen=True, slots=True)
class ModelIndex:
    """For each part that the family opens, the entry of the index."""

    family: Family[Any]
    classes: Mapping[str, Any]
    """For each part the class that loads it. The scheduler has none: only its configuration is read."""
    libraries: Mapping[str, str]
    """For each part, diffusers or transformers."""
    scheduler: str
    """The class of the scheduler."""
    settings: Mapping[str, Any]
    """The fields of the index about the whole model, such as `force_zeros_for_empty_prompt`."""
    other_parts: tuple[str, ...]
    """Parts that the index lists and the family does not open."""


def read(path: Path, files: FileAccess = ANY_FILES) -> ModelIndex:
    """Read the index. Raises `ModelLoadError` where it names what is not supported."""
    index = json_files.read_config(path, files)
    entries = {name: value for name, value in index.items() if isinstance(value, list) and any(value)}
    family = fitting(_find_family(path, index.get("_class_name")), entries)
    missing = [name for name in family.components if name not in entries]
    if missing:
        raise ModelLoadError(f"{path} lists no {', '.join(missing)}, which the model needs.")
    own = {name: _parse_entry(path, name, entries[name], known) for name, known in family.components.items()}
    return ModelIndex(
        family,
        {name: family.components[name][each] for name, (_, each) in own.items() if name != _SCHEDULER},
        {name: library for name, (library, _) in own.items()},
        own[_SCHEDULER][1],
        {name: value for name, value in index.items() if not isinstance(value, list)},
        tuple(name for name in entries if name not in family.components),
    )


def _find_family(path: Path, class_name: object) -> Family[Any]:
    supported = f"Supported: {', '.join(sorted(FAMILIES))}."
    if isinstance(class_name, list):
        raise ModelLoadError(f"{path} names a pipeline class in a file of its own, which is not run. {supported}")
    family = FAMILIES.find(class_name) if isinstance(class_name, str) else None
    if family is None:
        kind = _describe_kind(str(class_name))
        raise ModelLoadError(f"{path} names {class_name}, {kind}, which is not supported. {supported}")
    return family()


def _describe_kind(class_name: str) -> str:
    longest = max((prefix for prefix in _OTHER_KINDS if class_name.startswith(prefix)), key=len, default=None)
    return "a pipeline class" if longest is None else _OTHER_KINDS[longest]


def _parse_entry(path: Path, name: str, value: list[Any], known: Mapping[str, Any]) -> tuple[str, str]:
    """Return the library and the class of a part."""
    library, class_name = value if len(value) == 2 else (None, None)
    if library not in _LIBRARIES:
        raise ModelLoadError(
            f"{path} names a class in a file of its own for {name}, which is not run. Known classes: "
            f"{', '.join(sorted(known))}."
        )
    if isinstance(class_name, str) and (
        class_name in known or (name == _SCHEDULER and scheduler_configs.is_known(class_name))
    ):
        return library, class_name
    raise ModelLoadError(
        f"{path} names {class_name} for {name}, which is not supported. Known classes: {', '.join(sorted(known))}."
    )

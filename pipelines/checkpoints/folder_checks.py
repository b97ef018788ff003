"""What may be loaded from a model folder, and what is refused and why. Reads no weights, runs nothing. Torch-free.

Weights are safetensors; pickles, code, links that lead out and classes that we do not know are refused before any
library opens the folder, even where that library would pass them by.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.errors import ModelLoadError
from pipelines.sampling.samplers import SAMPLERS

_PICKLES: Final = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pt2", ".pkl", ".pickle"})
_CODE: Final = frozenset({".py", ".pyc", ".pyd", ".so", ".dll", ".dylib"})
_REMOTE_CODE_FIELDS: Final = ("auto_map", "custom_pipeline", "trust_remote_code")
_MAX_HEADER_BYTES: Final = 16 << 20
"""Of a safetensors file. Stable Diffusion XL's largest takes 0.3 MB."""
_MAX_CONFIG_BYTES: Final = 4 << 20

_PIPELINE: Final = "StableDiffusionPipeline"
_COMPONENTS: Final[Mapping[str, frozenset[str]]] = {
    "tokenizer": frozenset({"CLIPTokenizer", "CLIPTokenizerFast"}),
    "text_encoder": frozenset({"CLIPTextModel"}),
    "unet": frozenset({"UNet2DConditionModel"}),
    "vae": frozenset({"AutoencoderKL"}),
    "scheduler": frozenset(sampler.scheduler for sampler in SAMPLERS.values()),
}
_UNUSED_COMPONENTS: Final = frozenset({"safety_checker", "feature_extractor", "image_encoder"})
"""Parts of the format that take no part in text to image, and are not loaded."""
_LIBRARIES: Final = frozenset({"diffusers", "transformers"})


def check(folder: Path, boundary: Path | None = None) -> None:
    """Raise `ModelLoadError` unless this is a Stable Diffusion folder that may be loaded.

    Links may lead anywhere below `boundary`, which is the folder itself unless said otherwise.
    """
    if not folder.exists():
        raise ModelLoadError(f"There is no model folder {folder}.")
    if not folder.is_dir():
        raise ModelLoadError(f"{folder} is a file; a model is a folder in the diffusers layout with safetensors in it.")
    index = folder / "model_index.json"
    if not index.is_file():
        raise ModelLoadError(f"{folder} is no diffusers model folder: it has no model_index.json.")
    for path in _walk(folder):
        _check_file(path, (boundary or folder).resolve())
    _check_index(index, read_config(index))


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object of a file. Raises `ModelLoadError`."""
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ModelLoadError(f"{path} is too large for a configuration.")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error


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
        raise ModelLoadError(f"{path} is program code; a model folder that brings code is not loaded.")
    if suffix == ".safetensors":
        _check_header(path)
    elif path.name.endswith("config.json") or path.name == "model_index.json":
        config = read_config(path)
        for field in _REMOTE_CODE_FIELDS:
            if field in config:
                raise ModelLoadError(f"{path} asks for code of its own ({field}), which is not run.")


def _check_header(path: Path) -> None:
    """A safetensors file begins with the length of its header, 8 bytes, little-endian."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error
    if not 2 <= length <= min(size - 8, _MAX_HEADER_BYTES):
        raise ModelLoadError(f"{path} is no sound safetensors file: its header claims {length} bytes.")


def _check_index(path: Path, index: Mapping[str, Any]) -> None:
    if index.get("_class_name") != _PIPELINE:
        raise ModelLoadError(f"{path} names a pipeline class that is not known; {_PIPELINE} is.")
    components = {name: value for name, value in index.items() if isinstance(value, list)}
    for name, value in components.items():
        if name in _UNUSED_COMPONENTS:
            continue
        if name not in _COMPONENTS:
            raise ModelLoadError(f"{path} has an unknown component, {name}.")
        library, class_name = value if len(value) == 2 else (None, None)
        if library not in _LIBRARIES or class_name not in _COMPONENTS[name]:
            known = ", ".join(sorted(_COMPONENTS[name]))
            raise ModelLoadError(f"{path} names a class that is not known for {name}; known are: {known}.")
    missing = [name for name in _COMPONENTS if name not in components or not (path.parent / name).is_dir()]
    if missing:
        raise ModelLoadError(f"{path.parent} lacks a component: {', '.join(missing)}.")

"""Loads a model folder, or the hub id of one, into a pipeline on its device.

`folder_checks` decides what may be loaded, `profile` how the model is served, and the model's family
(`pipelines.families`) what its components are and which pipeline runs them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

import pipelines
from pipelines.checkpoints import folder_checks
from pipelines.checkpoints import profile as model_profile
from pipelines.errors import ModelLoadError
from pipelines.interface import Pipeline
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode

DTYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_WANTED_FILES: Final = ["model_index.json", model_profile.FILE_NAME, "*/*.json", "*/*.txt", "*/*.safetensors"]
_UNWANTED_FILES: Final = ["*.fp16.*", "*.non_ema.*", "safety_checker/*", "feature_extractor/*", "image_encoder/*"]


def bundled_model_path() -> Path:
    """The folder of the model that ships with Darkroom."""
    return Path(pipelines.__file__).with_name("bundled")


def load(
    model: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    allow_download: bool = False,
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
    report: Callable[[], object] = lambda: None,
) -> Pipeline[Any, Any, Any]:
    """Load the model of a folder or, where downloads are allowed, of a hub id such as `owner/name`.

    `device` is auto, cpu or cuda (or cuda:1 ...); `dtype` is auto or one of `DTYPES`. Auto takes the GPU if there is
    one, in float16, and otherwise the CPU, in float32. `report` is called before each call that compiles the model or
    verifies its exactness. Raises `ModelLoadError`.
    """
    on_device = _device(device)
    in_dtype = _dtype(dtype, on_device)
    _silence_libraries()
    folder, boundary, name = _locate(model, allow_download)
    checked = folder_checks.check(folder, boundary)
    family = checked.family
    profile = model_profile.read(folder)
    loaded = {part: _load_component(folder / part, loader, in_dtype) for part, loader in checked.classes.items()}
    assembled = family.assemble(folder, loaded, on_device, mode)
    traits = family.describe(assembled)
    info = model_profile.describe(
        profile,
        name=name,
        trained_side=traits.trained_side,
        side_multiple=traits.side_multiple,
        prompt_tokens=traits.prompt_tokens,
        device=on_device.type,
        dtype=str(in_dtype).removeprefix("torch."),
    )
    if profile.preview is not None and len(profile.preview) != traits.latent_channels + 1:
        raise ModelLoadError(f"{folder / model_profile.FILE_NAME}: preview needs a row for each channel and a bias.")
    info = dataclasses.replace(
        info,
        latent_scale=traits.side_multiple,
        latent_channels=traits.latent_channels,
        text_features=traits.text_features,
        row_sizes=modes.row_sizes(mode),
    )
    return family.make_pipeline(info, assembled, preview=profile.preview, mode=mode, report=report)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelLoadError("The device must be auto, cpu or cuda.") from None
    if device.type not in ("cpu", "cuda"):
        raise ModelLoadError("The device must be auto, cpu or cuda.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelLoadError("There is no such GPU, or the installed torch cannot use it.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in DTYPES:
        raise ModelLoadError(f"The dtype must be auto or one of {', '.join(DTYPES)}.")
    return DTYPES[name]


def _silence_libraries() -> None:
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _locate(model: str, allow_download: bool) -> tuple[Path, Path, str]:
    """Return the model's folder, the folder that its links may not leave, and the name that the model is served by."""
    folder = Path(model)
    if folder.exists() or not _HUB_ID.fullmatch(model):
        return folder, folder, folder.resolve().name
    if not allow_download:
        raise ModelLoadError(f"There is no folder {model}, and downloads from the hub are not allowed.")
    try:
        snapshot = snapshot_download(model, allow_patterns=_WANTED_FILES, ignore_patterns=_UNWANTED_FILES)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelLoadError(f"{model} cannot be downloaded from the hub: {_first_line(error)}") from error
    # The hub's cache links snapshots/<revision>/<file> to blobs/<hash>, two folders up.
    return Path(snapshot), Path(snapshot).parents[1], model


def _load_component(folder: Path, component_class: Any, dtype: torch.dtype) -> Any:
    if not issubclass(component_class, torch.nn.Module):
        return _from_pretrained(folder, component_class)
    network, report = _from_pretrained(
        folder, component_class, use_safetensors=True, torch_dtype=dtype, output_loading_info=True
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        raise ModelLoadError(f"{folder} lacks weights that its config.json asks for.")
    return network.requires_grad_(False)


def _from_pretrained(folder: Path, component_class: Any, **options: Any) -> Any:
    try:
        return component_class.from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # The libraries raise many kinds of errors for a broken file.
        raise ModelLoadError(f"{folder} cannot be loaded: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

"""Loads a model folder, or the hub id of one, into a pipeline on its device.

`folder_checks` decides what may be loaded, `profile` how the model is served, and the model's family
(`pipelines.families`) what its components are and which pipeline runs them.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers

import pipelines
from pipelines.checkpoints import folder_checks, hub, serving_defaults
from pipelines.checkpoints import profile as model_profile
from pipelines.checkpoints.serving_defaults import ServingDefaults
from pipelines.errors import ModelLoadError
from pipelines.interface import ModelInfo, Pipeline
from pipelines.runtime import devices, modes
from pipelines.runtime.modes import RunMode

DTYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_SCHEDULER: Final = "scheduler"
"""The component of which only the configuration is used."""
_CONFIG_FILES: Final = {"tokenizer": "tokenizer_config.json", _SCHEDULER: "scheduler_config.json"}
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")

_log = logging.getLogger(__name__)


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
    one, in float16 or in the bfloat16 that the model was saved in, and otherwise the CPU, in float32. `report` is
    called, from any thread, while the model is downloaded, and before each call that compiles or records it or verifies
    its exactness. Raises `ModelLoadError`.
    """
    on_device = devices.find(device)
    _check_dtype(dtype)
    _silence_libraries()
    folder, boundary, name = _locate(model, allow_download, report)
    checked = folder_checks.check(folder, boundary)
    in_dtype = DTYPES.get(dtype) or _auto_dtype(folder, checked.classes, devices.half_dtypes(on_device))
    family = checked.family
    profile = model_profile.read(folder)
    traits = family.traits(folder, {part: _read_part(folder / part) for part in checked.classes})
    loaded = {
        part: _load_component(folder / part, loader, in_dtype)
        for part, loader in checked.classes.items()
        if part != _SCHEDULER
    }
    assembled = family.assemble(loaded, traits, on_device, mode)
    defaults = serving_defaults.from_scheduler(traits.scheduler_config)
    info = model_profile.describe(
        profile,
        defaults,
        name=name,
        trained_side=traits.trained_side,
        side_multiple=traits.side_multiple,
        prompt_tokens=traits.prompt_tokens,
        device=str(on_device),
        dtype=str(in_dtype).removeprefix("torch."),
    )
    if profile.preview is not None and len(profile.preview) != traits.latent_channels + 1:
        raise ModelLoadError(f"{folder / model_profile.FILE_NAME}: preview needs a row for each channel and a bias.")
    info = dataclasses.replace(
        info,
        latent_scale=traits.side_multiple,
        latent_channels=traits.latent_channels,
        text_features=traits.text_features,
        decodes_beside=on_device.type == "cuda" and not mode.exact,
        row_sizes=modes.row_sizes(mode, on_device),
    )
    _log_defaults(info, defaults)
    return family.make_pipeline(info, assembled, preview=profile.preview, mode=mode, report=report)


def _log_defaults(info: ModelInfo, defaults: ServingDefaults) -> None:
    if defaults.distilled_kind is not None:
        _log.info(
            "%s has the scheduler of a %s model. Its defaults are therefore steps %d, guidance %g; %s can set others.",
            info.name,
            defaults.distilled_kind,
            info.default_steps,
            info.default_guidance_scale,
            model_profile.FILE_NAME,
        )


def _check_dtype(name: str) -> None:
    if name != "auto" and name not in DTYPES:
        raise ModelLoadError(f"The dtype must be auto or one of {', '.join(DTYPES)}.")


def _auto_dtype(folder: Path, components: Iterable[str], device_dtypes: Collection[torch.dtype]) -> torch.dtype:
    """Return float32 for a CPU; for a GPU float16, or bfloat16 if a component's configuration says so.

    `device_dtypes` are the half-precision dtypes with which the device computes. A model that was trained in bfloat16
    may overflow in float16.
    """
    named = {_saved_dtype(folder / component / "config.json") for component in components}
    if "bfloat16" in named and torch.bfloat16 in device_dtypes:
        return torch.bfloat16
    return torch.float16 if torch.float16 in device_dtypes else torch.float32


def _saved_dtype(config: Path) -> str:
    """Return the dtype that a component's configuration names, without "torch.", or an empty string."""
    try:
        values = json.loads(config.read_bytes())
    except (OSError, ValueError):  # the component's own loader says what is wrong with it
        return ""
    named = values.get("dtype") or values.get("torch_dtype") if isinstance(values, dict) else None
    return str(named or "").removeprefix("torch.")


def _silence_libraries() -> None:
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()


def _locate(model: str, allow_download: bool, report: Callable[[], object]) -> tuple[Path, Path, str]:
    """Return the model's folder, the folder that its links may not leave, and the name that the model is served by."""
    folder = Path(model)
    if folder.exists() or not _HUB_ID.fullmatch(model):
        return folder, folder, folder.resolve().name
    if not allow_download:
        raise ModelLoadError(f"There is no folder {model}, and downloads from the hub are not allowed.")
    snapshot = hub.download(model, report)
    # The hub's cache links snapshots/<revision>/<file> to blobs/<hash>, two folders up.
    return snapshot, snapshot.parents[1], model


def _read_part(folder: Path) -> dict[str, Any]:
    path = folder / _CONFIG_FILES.get(folder.name, "config.json")
    return folder_checks.read_config(path) if path.exists() else {}


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

"""Describes and loads models: from what a user named, through what was found of it, to a pipeline on its device.

`sources` finds the files, `inspection` decides whether a model can be made of them, `profile` says how it is served,
`components` reads the parts, and the model's family (`pipelines.families`) makes the pipeline.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers

import pipelines
from pipelines.checkpoints import components, inspection, serving_defaults, sources
from pipelines.checkpoints import profile as model_profile
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.dtypes import DtypeChoice
from pipelines.checkpoints.serving_defaults import ServingDefaults
from pipelines.checkpoints.single_file import tensors as single_file_tensors
from pipelines.errors import InvalidParamsError, ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.integrity.file_access import ANY_FILES, FileAccess
from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report, unreported
from pipelines.runtime import devices, modes
from pipelines.runtime.modes import RunMode
from pipelines.sampling import choice as sampler_choice
from pipelines.sampling import model_limits

DTYPES: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_log = logging.getLogger(__name__)


def bundled_model_path() -> Path:
    """The folder of the model that ships with Darkroom."""
    return Path(pipelines.__file__).with_name("bundled")


def choose_dtype(asked: str, device: str) -> DtypeChoice:
    """Return the choice of a dtype for a device. Raises `ModelLoadError` for a dtype or device that there is not."""
    half_dtypes = devices.half_dtypes(devices.find(device))
    return DtypeChoice(asked, frozenset(str(each).removeprefix("torch.") for each in half_dtypes))


def load(
    model: str,
    *,
    roots: Sequence[Path] = (),
    device: str = "auto",
    dtype: str = "auto",
    allow_download: bool = False,
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
    report: Report = unreported,
    files: FileAccess = ANY_FILES,
) -> Pipeline[Any, Any, Any]:
    """Find, inspect and load a model: a name below one of `roots`, a folder, a file or a hub id such as `owner/name`.

    `device` is auto, cpu or cuda (or cuda:1 ...); `dtype` is auto or one of `DTYPES`. Auto takes the GPU if there is
    one, in float16 or in the bfloat16 that the model was saved in, and otherwise the CPU, in float32. `report` is
    called, from any thread, while the model is downloaded, before each part is read, and before each call that
    compiles or records it or verifies its exactness. `files` opens its files. Raises `ModelLoadError`.
    """
    choice = choose_dtype(dtype, device)
    source = sources.find(model, roots=roots, allow_download=allow_download, dtype=choice, report=report, files=files)
    return load_checkpoint(inspection.inspect(source, choice), device=device, mode=mode, report=report)


def describe(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
) -> ModelInfo:
    """Describe a model as it will be served, from its configurations alone. Raises `ModelLoadError`."""
    return _describe(checkpoint, _traits(checkpoint), devices.find(device), mode)


def load_checkpoint(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
    report: Report = unreported,
) -> Pipeline[Any, Any, Any]:
    """Load an inspected model, part after part, onto the device. Raises `ModelLoadError`. `load` tells of `report`."""
    parts = read_parts(checkpoint, device=device, report=report)
    return assemble(checkpoint, parts, device=device, mode=mode, report=report)


def read_parts(checkpoint: Checkpoint, *, device: str = "auto", report: Report = unreported) -> dict[str, Any]:
    """Read the parts of an inspected model, one after another, onto the device. Raises `ModelLoadError`."""
    on_device = devices.find(device)
    for note in checkpoint.notes:
        _log.info("%s: %s", checkpoint.name, note)
    parts = {}
    _verify_weights(checkpoint, report)
    for part in checkpoint.classes:
        report(f"loading the {part}")
        parts[part] = _load_part(checkpoint, part, on_device)
    _verify_weights(checkpoint, report)  # A file that was written to while it was read is noticed.
    return parts


def assemble(
    checkpoint: Checkpoint,
    parts: Mapping[str, Any],
    *,
    device: str = "auto",
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
    report: Report = unreported,
) -> Pipeline[Any, Any, Any]:
    """Make the pipeline of parts that were read, which are moved to the device if they are not there.

    Raises `ModelLoadError`.
    """
    on_device = devices.find(device)
    traits = _traits(checkpoint)
    info = _describe(checkpoint, traits, on_device, mode)
    _log_defaults(info, _defaults(traits))
    assembled = checkpoint.family.assemble(parts, traits, on_device, mode)
    return checkpoint.family.make_pipeline(
        info, assembled, preview=checkpoint.profile.preview, mode=mode, report=report
    )


def _verify_weights(checkpoint: Checkpoint, report: Report) -> None:
    for path in dict.fromkeys(path for paths in checkpoint.weights.values() for path in paths):
        checkpoint.files.verify(path, report)


def _load_part(checkpoint: Checkpoint, part: str, device: torch.device) -> Any:
    component_class = checkpoint.classes[part]
    files = checkpoint.weights.get(part)
    if files is None:
        return components.load_tokenizer(
            checkpoint.path / part, component_class, checkpoint.support_files[part], checkpoint.files
        )
    dtype = DTYPES[checkpoint.dtype]
    if checkpoint.single_file is None:
        tensors = components.read_tensors(files, dtype, device)
    else:
        tensors = single_file_tensors.read(checkpoint, part, dtype, device)
    return components.load_network(checkpoint.path / part, component_class, checkpoint.configs[part], tensors, dtype)


def _traits(checkpoint: Checkpoint) -> ModelTraits:
    return checkpoint.family.traits(checkpoint.path, checkpoint.configs)


def _defaults(traits: ModelTraits) -> ServingDefaults:
    return serving_defaults.from_scheduler(
        traits.scheduler_config, guidance_scale=traits.guidance_scale, embeds_guidance=traits.embeds_guidance
    )


def _describe(checkpoint: Checkpoint, traits: ModelTraits, device: torch.device, mode: RunMode) -> ModelInfo:
    _silence_libraries()
    profile = checkpoint.profile
    info = model_profile.describe(
        profile,
        _defaults(traits),
        name=checkpoint.name,
        trained_side=traits.trained_side,
        side_multiple=traits.side_multiple,
        prompt_tokens=traits.prompt_tokens,
        device=str(device),
        dtype=checkpoint.dtype,
    )
    if profile.preview is not None and len(profile.preview) != traits.latent_channels + 1:
        raise ModelLoadError(
            f"{checkpoint.path / model_profile.FILE_NAME}: preview needs a row for each channel and a bias."
        )
    described = dataclasses.replace(
        info,
        latent_scale=traits.side_multiple,
        latent_channels=traits.latent_channels,
        latent_space=traits.latent_space,
        text_features=traits.text_features,
        input_kinds=("image",) if traits.reads_image else ("image", "mask"),
        reads_kept=traits.reads_kept,
        reads_image=traits.reads_image,
        added_features=sum(traits.added_inputs.values()),
        zeros_without_negative=traits.zeros_without_negative,
        embeds_guidance=traits.embeds_guidance,
        pads_long_prompts=mode.exact,
        samplers=model_limits.find(traits.scheduler_config, info.limits.max_steps),
        decodes_beside=device.type == "cuda" and not mode.exact,
        row_sizes=modes.row_sizes(mode, device),
        fingerprint=checkpoint.fingerprint(),
    )
    _check_defaults(checkpoint.path, described)
    return described


def _check_defaults(path: Path, info: ModelInfo) -> None:
    try:
        sampler_choice.choose(info.samplers, info.default_sampler, None, info.default_steps)
    except InvalidParamsError as error:
        raise ModelLoadError(f"The defaults of {path} cannot be used: {error}") from error


def _log_defaults(info: ModelInfo, defaults: ServingDefaults) -> None:
    if defaults.special_kind is not None:
        _log.info(
            "%s has the scheduler of a %s model. Its defaults are therefore steps %d, guidance %g; %s can set others.",
            info.name,
            defaults.special_kind,
            info.default_steps,
            info.default_guidance_scale,
            model_profile.FILE_NAME,
        )
    refusals = [each.refusal for each in info.samplers if each.refusal]
    if refusals:
        _log.info("%s cannot use every sampler. %s", info.name, " ".join(refusals))


def _silence_libraries() -> None:
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()

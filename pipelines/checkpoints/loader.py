"""A model folder, or the hub id of one, to a `LatentDiffusion` on its device.

What is refused before anything is loaded is in `folder_checks`; how the model is served is in `profile`.
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
from diffusers import AutoencoderKL, UNet2DConditionModel
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from transformers import CLIPTextModel, CLIPTokenizer

import pipelines
from pipelines import previews
from pipelines.checkpoints import folder_checks
from pipelines.checkpoints import profile as model_profile
from pipelines.errors import ModelLoadError
from pipelines.families.stable_diffusion.pipeline import Components, LatentDiffusion
from pipelines.runtime import modes
from pipelines.runtime.modes import Execution

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
    run_as: Execution = Execution(),  # noqa: B008 -- frozen
    report: Callable[[], object] = lambda: None,
) -> LatentDiffusion:
    """The model of a folder or, where downloads are allowed, of a hub id such as `owner/name`.

    `device` is auto, cpu or cuda (or cuda:1 ...); `dtype` is auto or one of `DTYPES`. Auto takes the GPU where there
    is one, and there float16, otherwise float32. `report` is called now and then while the model is compiled or its
    exactness is tried. Raises `ModelLoadError`.
    """
    on_device = _device(device)
    in_dtype = _dtype(dtype, on_device)
    _silence_libraries()
    folder, boundary, name = _locate(model, allow_download)
    folder_checks.check(folder, boundary)
    profile = model_profile.read(folder)
    components = _components(folder, on_device, in_dtype, run_as)
    networks = components.networks
    info = model_profile.describe(
        profile,
        name=name,
        trained_side=networks.scale * networks.unet.config.sample_size,
        side_multiple=networks.scale,
        prompt_tokens=min(components.tokenizer.model_max_length, networks.text_encoder.config.max_position_embeddings),
        device=on_device.type,
        dtype=str(in_dtype).removeprefix("torch."),
    )
    if profile.preview is not None and len(profile.preview) != networks.unet.config.in_channels + 1:
        raise ModelLoadError(f"{folder / model_profile.FILE_NAME}: preview needs a row for each channel and a bias.")
    info = dataclasses.replace(info, row_sizes=modes.row_sizes(run_as))
    modes.prepare(run_as, networks, info, report)
    preview = previews.known(networks.vae.config) if profile.preview is None else previews.given(profile.preview)
    return LatentDiffusion(info, components, preview, decode_aside=not run_as.exact)


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
        raise ModelLoadError("There is no such GPU, or this build of torch cannot use it.")
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
    """The folder, the folder that its links may not leave, and the name under which it is served."""
    folder = Path(model)
    if folder.exists() or not _HUB_ID.fullmatch(model):
        return folder, folder, folder.resolve().name
    if not allow_download:
        raise ModelLoadError(f"There is no folder {model}, and downloading it from the hub was not allowed.")
    try:
        snapshot = snapshot_download(model, allow_patterns=_WANTED_FILES, ignore_patterns=_UNWANTED_FILES)
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelLoadError(f"{model} cannot be fetched from the hub: {_first_line(error)}") from error
    # The hub's cache links snapshots/<revision>/<file> to blobs/<hash>, two folders up.
    return Path(snapshot), Path(snapshot).parents[1], model


def _components(folder: Path, device: torch.device, dtype: torch.dtype, run_as: Execution) -> Components:
    scheduler_class = folder_checks.read_config(folder / "model_index.json")["scheduler"][1]
    scheduler = _attempt(folder / "scheduler", getattr(diffusers, scheduler_class).from_pretrained)
    tokenizer = _attempt(folder / "tokenizer", CLIPTokenizer.from_pretrained)
    text_encoder = _weights(folder / "text_encoder", CLIPTextModel, dtype)
    unet = _weights(folder / "unet", UNet2DConditionModel, dtype)
    vae = _weights(folder / "vae", AutoencoderKL, dtype)
    _check_fit(folder, unet.config, vae.config)
    return Components(
        tokenizer=tokenizer,
        networks=modes.assemble(
            run_as,
            text_encoder=text_encoder.to(device).eval(),
            unet=unet.to(device, memory_format=torch.channels_last).eval(),
            vae=vae.to(device, memory_format=torch.channels_last).eval(),
        ),
        scheduler_config=dict(scheduler.config),
    )


def _weights(folder: Path, network: Any, dtype: torch.dtype) -> Any:
    loaded, report = _attempt(
        folder, network.from_pretrained, use_safetensors=True, torch_dtype=dtype, output_loading_info=True
    )
    if report["missing_keys"] or report["mismatched_keys"]:
        raise ModelLoadError(f"{folder} lacks weights that its config.json asks for.")
    return loaded.requires_grad_(False)


def _attempt(folder: Path, from_pretrained: Callable[..., Any], **options: Any) -> Any:
    try:
        return from_pretrained(folder, local_files_only=True, **options)
    except Exception as error:  # a broken file makes the libraries raise whatever they stumble over
        raise ModelLoadError(f"{folder} cannot be loaded: {_first_line(error)}") from error


def _check_fit(folder: Path, unet: Any, vae: Any) -> None:
    """Refuse UNets that want more than latents, a timestep and text."""
    if not unet.in_channels == unet.out_channels == vae.latent_channels:
        raise ModelLoadError(f"{folder} is no text-to-image model: its UNet takes more than the latents.")
    if unet.time_cond_proj_dim or unet.addition_embed_type or unet.class_embed_type or unet.encoder_hid_dim_type:
        raise ModelLoadError(f"{folder} has a UNet that takes conditions beside text, which is not supported.")
    if not isinstance(unet.sample_size, int):
        raise ModelLoadError(f"{folder}/unet/config.json must give sample_size as one number.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

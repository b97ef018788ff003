"""The settings of the model and of the worker that runs it. `service.settings` tells how a declaration is used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from service.setting_groups.fields import (
    Aliases,
    Count,
    Devices,
    FileForm,
    Models,
    OptionalCount,
    OptionalFile,
    Seconds,
    Section,
    setting,
)


class WorkerSettings(BaseSettings):
    """The part of `service.settings.Settings` that decides how images are made."""

    model: str | None = setting(
        None,
        "Default model: a name that `darkroom models` shows, a folder in the diffusers layout, a .safetensors file, "
        "or a hub id. If it is not set, the first of DARKROOM_MODELS is used, or else the bundled model.",
        Section.MODEL,
        "NAME",
    )
    models: Models = setting(
        None,
        "Further models, separated by commas: names, model folders, .safetensors files, hub ids, or folders of "
        "models, each alone or as NAME=PATH. They are loaded when images need them. If DARKROOM_MODEL is not set, the "
        "first of them is the default model.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.LIST | FileForm.NAMED,
    )
    model_aliases: Aliases = setting(
        None,
        "Additional names by which requests can ask for models, separated by commas, each as ALIAS=MODEL: for example "
        "dall-e-3=bundled, for programs in which the model cannot be chosen. GET /v1/models lists them.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.NAMED,
    )
    max_model_bytes: Count | None = setting(
        None,
        "Device memory for the weights of all models. If they do not all fit, models take turns. By default, it is "
        "half of the machine's memory on a CPU, and 60% of a GPU's memory.",
        Section.MODEL,
        "BYTES",
    )
    max_host_model_bytes: Annotated[int, Field(ge=0)] | None = setting(
        None,
        "With a GPU: main memory for models that had to leave the GPU, from where they can be loaded again quickly. "
        "By default, it is half of the machine's memory. With 0, no model is kept there.",
        Section.MODEL,
        "BYTES",
    )
    max_load_wait_s: Seconds = setting(
        600.0,
        "How long a request waits for its model to be loaded before it is answered with 503. Jobs wait as long as it "
        "takes.",
        Section.MODEL,
        "SECONDS",
    )
    model_manifest: OptionalFile = setting(
        None,
        "File with SHA-256 digests, as `darkroom models manifest` prints them. With a manifest, a model's file is "
        "opened only if it is listed there with its digest. Paths are relative to the manifest's folder.",
        Section.MODEL,
        "FILE",
    )
    allow_download: bool = setting(
        False, "Download a model from the hub if it is given as a hub id.", Section.MODEL, ""
    )
    device: str = setting(
        "auto",
        "Device for the models: auto, cpu, cuda, or one of several GPUs, for example cuda:1. auto uses a GPU if there "
        "is one.",
        Section.MODEL,
        "NAME",
    )
    devices: Devices = setting(
        None,
        "Several devices, each with its own copy of the model, for example cuda:0,cuda:1 or cpu,cpu. auto uses all "
        "GPUs. By default, only DARKROOM_DEVICE is used.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.LIST,
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = setting(
        "auto", "Type in which the model computes: auto, float32, float16 or bfloat16.", Section.MODEL, "NAME"
    )
    threads: Count | None = setting(
        None, "CPU threads per tensor operation. By default, torch decides.", Section.MODEL, "N"
    )
    exact: bool = setting(
        False,
        "Make each image identical to the bit, whatever else is in its batch. Each call is padded to "
        "DARKROOM_MAX_ROWS.",
        Section.MODEL,
        "",
    )
    compile: Literal["off", "regional", "default", "reduce-overhead", "max-autotune"] = setting(
        "off",
        "torch.compile for the UNet: off, regional (its repeated blocks), default, reduce-overhead, or max-autotune, "
        "which tries many kernels. Compiling makes the start slow and needs a compiler: g++ for a CPU, gcc for a GPU. "
        "The container image for GPUs contains gcc.",
        Section.MODEL,
        "MODE",
    )
    cuda_graphs: bool = setting(
        True, "On a GPU, record the UNet and the decoder as CUDA graphs at the trained sizes.", Section.MODEL, ""
    )
    quantize: Literal["off", "fp8"] = setting(
        "off",
        "off, or fp8, which computes the UNet's large linear layers in 8-bit floats. fp8 needs a GPU of compute "
        "capability 8.9 (Ada, Hopper) or later, and changes the images.",
        Section.MODEL,
        "MODE",
    )
    max_rows: Annotated[int, Field(ge=2)] | None = setting(
        None,
        "Maximum number of rows in one UNet call, at least 2. A guided image takes two or three rows. By default, it "
        "is 16 on a CPU and 32 on a GPU.",
        Section.MODEL,
        "N",
    )
    max_decode: Count | None = setting(
        None,
        "Maximum number of images that are decoded together. By default, it is 8 on a GPU with 32 GiB or more, and "
        "otherwise 4.",
        Section.MODEL,
        "N",
    )
    max_begun_bytes: Count | None = setting(
        None,
        "Maximum memory for images in progress, from their first step to their decode. By default, it is 4 GiB on a "
        "CPU; on a GPU, it is a quarter of the memory that is free once the model is loaded.",
        Section.MODEL,
        "BYTES",
    )
    warm_up_s: Seconds | None = setting(
        None,
        "Time limit for measuring calls at the start. The remaining calls are measured while the server runs. By "
        "default, it is 20.",
        Section.MODEL,
        "SECONDS",
    )
    max_decode_pixels: OptionalCount = setting(
        2048 * 2048,
        "Maximum number of pixels that are decoded at once. A batch with more pixels is decoded in parts, and a "
        "larger image in tiles, whose tones may differ a little. With 0 or none, there is no limit.",
        Section.MODEL,
        "N",
    )

    load_timeout_s: Seconds = setting(
        900.0,
        "A worker that is loading, downloading or measuring its model is replaced if it makes no progress for this "
        "long plus ten times its longest silence so far.",
        Section.WORKER,
        "SECONDS",
    )
    stall_timeout_s: Seconds = setting(
        15.0,
        "A worker that is making images is replaced if it gives no sign of life for this long plus ten times the "
        "expected time of its call.",
        Section.WORKER,
        "SECONDS",
    )
    unmeasured_timeout_s: Seconds = setting(
        120.0,
        "Minimum of this limit for a call of a kind that was never measured.",
        Section.WORKER,
        "SECONDS",
    )
    kill_timeout_s: Seconds = setting(
        30.0,
        "If a killed worker has not ended after this time, the server exits with an error, because the worker may "
        "still hold the device.",
        Section.WORKER,
        "SECONDS",
    )

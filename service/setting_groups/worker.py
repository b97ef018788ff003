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
        "A name that `darkroom models` shows, a folder in the diffusers layout, a .safetensors file, or a hub id. "
        "Without it the bundled model.",
        Section.MODEL,
        "NAME",
    )
    models: Models = setting(
        None,
        "Further models, with commas between them: names, model folders, .safetensors files, hub ids, or folders of "
        "models; each on its own or as NAME=PATH. They are loaded when images need them. `model` is the default one, "
        "and without it the first of these.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.LIST | FileForm.NAMED,
    )
    model_aliases: Aliases = setting(
        None,
        "Further names by which requests can ask for models, with commas between them, each as ALIAS=MODEL: such as "
        "dall-e-3=bundled, for programs whose model cannot be chosen. GET /v1/models lists them.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.NAMED,
    )
    max_model_bytes: Count | None = setting(
        None,
        "Memory of the device for the weights of all models. What does not fit is loaded in turn. Without it half of "
        "the machine's memory on a CPU, and 60% of the GPU's.",
        Section.MODEL,
        "BYTES",
    )
    max_host_model_bytes: Annotated[int, Field(ge=0)] | None = setting(
        None,
        "With a GPU: memory of the machine for models that had to leave the GPU, from where they come back quickly. "
        "Without it half of the machine's memory; 0 keeps none.",
        Section.MODEL,
        "BYTES",
    )
    max_load_wait_s: Seconds = setting(
        600.0,
        "How long a request waits for its model to be loaded. Then it is answered 503. Jobs wait as long as it takes.",
        Section.MODEL,
        "SECONDS",
    )
    model_manifest: OptionalFile = setting(
        None,
        "File of SHA-256 digests, as `darkroom models manifest` prints them. With it a file of a model is opened only "
        "where it is listed there with its digest. Paths are relative to the folder of this file.",
        Section.MODEL,
        "FILE",
    )
    allow_download: bool = setting(False, "Fetch a model that is a hub id from the hub.", Section.MODEL, "")
    device: str = setting(
        "auto", "auto, cpu, cuda or cuda:1 and so on. auto takes a GPU if there is one.", Section.MODEL, "NAME"
    )
    devices: Devices = setting(
        None,
        "Several devices with a copy of the model on each, such as cuda:0,cuda:1 or cpu,cpu; auto takes all GPUs. "
        "Without it the one that `device` names.",
        Section.MODEL,
        "NAMES",
        in_file=FileForm.LIST,
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = setting(
        "auto", "auto, float32, float16 or bfloat16.", Section.MODEL, "NAME"
    )
    threads: Count | None = setting(
        None, "CPU threads of one tensor operation. Without it torch decides.", Section.MODEL, "N"
    )
    exact: bool = setting(
        False,
        "Make each image the same to the bit, whatever else is in the batch. Each call is padded to max_rows.",
        Section.MODEL,
        "",
    )
    compile: Literal["off", "regional", "default", "reduce-overhead", "max-autotune"] = setting(
        "off",
        "torch.compile for the UNet: off, regional (its repeated blocks), default, reduce-overhead, or max-autotune, "
        "which tries many kernels. It starts slowly and takes a compiler: g++ for a CPU; gcc for a GPU, which the "
        "container image for GPUs has.",
        Section.MODEL,
        "MODE",
    )
    cuda_graphs: bool = setting(
        True, "On a GPU, record the UNet and the decoder as CUDA graphs at the trained sizes.", Section.MODEL, ""
    )
    quantize: Literal["off", "fp8"] = setting(
        "off",
        "off, or fp8: the UNet's large linear layers in 8-bit floats. It takes a GPU of compute capability 8.9 (Ada, "
        "Hopper) or later, and changes the images.",
        Section.MODEL,
        "MODE",
    )
    max_rows: Annotated[int, Field(ge=2)] | None = setting(
        None,
        "Rows of one UNet call, at least 2. A guided image takes two or three. Without it 16 on a CPU and 32 on a GPU.",
        Section.MODEL,
        "N",
    )
    max_decode: Count | None = setting(
        None,
        "Images that are decoded together. Without it 4, on a GPU with 32 GiB or more 8.",
        Section.MODEL,
        "N",
    )
    max_begun_bytes: Count | None = setting(
        None,
        "Memory that begun images may take, from their first step to their decode. Without it 4 GiB on a CPU, and on a "
        "GPU a quarter of what is free once the model is loaded.",
        Section.MODEL,
        "BYTES",
    )
    warm_up_s: Seconds | None = setting(
        None,
        "Time in which the start measures calls. What it does not reach is measured while serving. Without it 20.",
        Section.MODEL,
        "SECONDS",
    )
    max_decode_pixels: OptionalCount = setting(
        2048 * 2048,
        "Pixels that are decoded at once. Beyond, images are decoded one after another, and a larger one in tiles, "
        "whose tones may differ a little. 0 or none is no limit.",
        Section.MODEL,
        "N",
    )

    load_timeout_s: Seconds = setting(
        900.0,
        "A worker that loads, downloads or measures its model is replaced after so long, and ten times its longest "
        "silence so far, without progress.",
        Section.WORKER,
        "SECONDS",
    )
    stall_timeout_s: Seconds = setting(
        15.0,
        "A worker that makes images is replaced after so long, and ten times a call's expected time, without a sign.",
        Section.WORKER,
        "SECONDS",
    )
    unmeasured_timeout_s: Seconds = setting(
        120.0,
        "The least such bound for a call of a kind that was never measured.",
        Section.WORKER,
        "SECONDS",
    )
    kill_timeout_s: Seconds = setting(
        30.0,
        "The server exits with an error where a killed worker is still there after so long: it may hold the device.",
        Section.WORKER,
        "SECONDS",
    )

"""The loader checks a folder, loads its components and makes a pipeline; broken files are refused in one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.checkpoints import loader
from pipelines.errors import ModelLoadError
from pipelines.runtime.modes import RunMode
from tests.harness.models import tiny_model

UNET = "unet/diffusion_pytorch_model.safetensors"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def rename_a_weight(path: Path) -> None:
    """The new name has the same length, so that every offset stays right."""
    path.write_bytes(path.read_bytes().replace(b'"conv_in.weight"', b'"conv_xx.weight"', 1))


def edit_scheduler(folder: Path, class_name: str, **fields: object) -> None:
    tiny_model.edit_json(folder / "model_index.json", scheduler=["diffusers", class_name])
    tiny_model.edit_json(folder / "scheduler" / "scheduler_config.json", _class_name=class_name, **fields)


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "unsafe folder": (lambda folder: (folder / "unet" / "model.bin").touch(), "pickle"),
    "no weights": (lambda folder: (folder / UNET).unlink(), "unet cannot be loaded"),
    "no config": (lambda folder: (folder / "vae" / "config.json").unlink(), "vae cannot be loaded"),
    "truncated weights": (lambda folder: truncate(folder / UNET), "unet cannot be loaded"),
    "weights of another shape": (
        lambda folder: tiny_model.edit_json(folder / "unet" / "config.json", block_out_channels=[16, 16]),
        "unet",
    ),
    "a missing weight": (lambda folder: rename_a_weight(folder / UNET), "lacks weights"),
    "another number of latent channels": (
        lambda folder: tiny_model.edit_json(folder / "vae" / "config.json", latent_channels=9),
        "vae",
    ),
    "a UNet with more conditions": (
        lambda folder: tiny_model.edit_json(folder / "unet" / "config.json", class_embed_type="timestep"),
        "unet",
    ),
    "continuous timesteps": (
        lambda folder: edit_scheduler(folder, "EulerDiscreteScheduler", timestep_type="continuous"),
        "timestep_type: only discrete timesteps",
    ),
    "predictions of the image": (
        lambda folder: edit_scheduler(folder, "DDIMScheduler", prediction_type="sample"),
        "prediction_type: sample is not supported; epsilon and v_prediction are",
    ),
    "flow matching": (
        lambda folder: edit_scheduler(folder, "UniPCMultistepScheduler", use_flow_sigmas=True),
        "flow matching is not supported",
    ),
    "unknown profile field": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"default_step": 3}),
        "unknown field `default_step`",
    ),
    "preview for other channels": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"preview": [[0, 0, 0]]}),
        "a row for each channel",
    ),
}


@pytest.mark.parametrize(("break_folder", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_broken_folder_is_refused_in_one_line(
    folder: Path, break_folder: Callable[[Path], object], reason: str
) -> None:
    break_folder(folder)

    with pytest.raises(ModelLoadError) as refusal:
        loader.load(str(folder), device="cpu")

    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_nothing_is_downloaded_from_the_hub_unless_allowed() -> None:
    with pytest.raises(ModelLoadError, match="not allowed"):
        loader.load("owner/model")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "meta", ""])
def test_a_device_that_does_not_exist_is_refused(model_folder: Path, device: str) -> None:
    with pytest.raises(ModelLoadError):
        loader.load(str(model_folder), device=device)


def test_an_unknown_dtype_is_refused(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="float32, float16, bfloat16"):
        loader.load(str(model_folder), device="cpu", dtype="int8")


def test_another_dtype_is_used(model_folder: Path) -> None:
    pipeline = tiny_model.load(model_folder, dtype="bfloat16")

    assert pipeline.info.dtype == "bfloat16"
    assert tiny_model.encode(pipeline, "a")[0].element_size() == 2


@pytest.mark.parametrize(
    ("saved", "device_dtypes", "expected"),
    [
        ({}, {torch.float16, torch.bfloat16}, torch.float16),
        ({"unet": {"torch_dtype": "float16"}}, {torch.float16, torch.bfloat16}, torch.float16),
        ({"unet": {"torch_dtype": "bfloat16"}}, {torch.float16, torch.bfloat16}, torch.bfloat16),
        ({"text_encoder": {"dtype": "torch.bfloat16"}}, {torch.float16, torch.bfloat16}, torch.bfloat16),
        ({"unet": {"torch_dtype": "bfloat16"}}, {torch.float16}, torch.float16),
        ({"unet": {"torch_dtype": "bfloat16"}}, set(), torch.float32),
    ],
)
def test_a_model_saved_in_bfloat16_is_served_in_it_where_the_device_computes_in_it(
    folder: Path, saved: dict[str, dict[str, str]], device_dtypes: set[torch.dtype], expected: torch.dtype
) -> None:
    for component, values in saved.items():
        tiny_model.edit_json(folder / component / "config.json", **values)

    assert loader._auto_dtype(folder, ["tokenizer", "text_encoder", "unet"], device_dtypes) is expected


def test_calls_of_the_loaded_model_are_padded_as_its_mode_says(model_folder: Path) -> None:
    mode = RunMode(exact=True, max_rows=2, max_decode=1)

    info = loader.load(str(model_folder), device="cpu:0", mode=mode).info

    assert (info.device, info.row_sizes) == ("cpu", (2,))


def test_text_encoders_of_the_first_stable_diffusion_folders_are_loaded(folder: Path, model_folder: Path) -> None:
    """Their weights are named one level deeper, and include a table of positions."""
    path = folder / "text_encoder" / "model.safetensors"
    weights = {f"text_model.{name}": weight for name, weight in load_file(path).items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(tiny_model.TOKENS)[None]
    save_file(weights, path, metadata={"format": "pt"})

    (old,), (new,) = (tiny_model.encode(tiny_model.load(path), "a fox") for path in (folder, model_folder))

    assert torch.equal(old, new)


def test_a_model_is_served_by_its_folders_name_as_its_configuration_implies(model_folder: Path) -> None:
    info = loader.load(str(model_folder), device="cpu").info

    assert (info.name, info.sizes, info.device, info.dtype) == ("tiny", ((64, 64),), "cpu", "float32")
    assert (info.prompt_tokens, info.limits.side_multiple, info.row_sizes) == (tiny_model.TOKENS, 8, ())


def test_a_distilled_model_is_named_once_in_the_log_with_its_defaults(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit_scheduler(folder, "EulerDiscreteScheduler", timestep_spacing="trailing")
    (folder / "darkroom.json").write_text(json.dumps({"default_steps": 1}))

    with caplog.at_level(logging.INFO, logger="pipelines"):
        info = loader.load(str(folder), device="cpu").info

    assert (info.default_steps, info.default_guidance_scale, info.default_sampler) == (1, 1.0, "euler")
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("pipelines")]
    assert "a Turbo or Lightning model. Its defaults are therefore steps 1, guidance 1;" in line


def test_a_profile_in_the_folder_is_applied(folder: Path) -> None:
    profile = {"sizes": [[80, 48]], "default_sampler": "Euler a", "preview": [[0.1, 0.2, 0.3]] * 5}
    (folder / "darkroom.json").write_text(json.dumps(profile))

    info = loader.load(str(folder), device="cpu").info

    assert (info.sizes, info.default_sampler) == (((80, 48),), "euler_a")

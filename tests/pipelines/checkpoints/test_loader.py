"""The loader checks a folder, loads its components and makes a pipeline; broken files are refused in one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.checkpoints import inspection, loader, sources
from pipelines.errors import ModelLoadError
from pipelines.runtime.modes import RunMode
from tests.harness.models import layouts, tiny_model

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
    "no weights": (lambda folder: (folder / UNET).unlink(), "unet has no weights"),
    "truncated weights": (lambda folder: truncate(folder / UNET), "is incomplete"),
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


def test_calls_of_the_loaded_model_are_padded_as_its_mode_says(model_folder: Path) -> None:
    mode = RunMode(exact=True, max_rows=2, max_decode=1)

    info = loader.load(str(model_folder), device="cpu:0", mode=mode).info

    assert (info.device, info.row_sizes) == ("cpu", (2,))


def test_a_model_is_described_without_its_weights_as_it_is_served(model_folder: Path) -> None:
    mode = RunMode(exact=True, max_rows=2, max_decode=1)
    choice = loader.choose_dtype("bfloat16", "cpu")
    checkpoint = inspection.inspect(sources.find(str(model_folder)), choice)

    described = loader.describe(checkpoint, device="cpu", mode=mode)

    assert described == loader.load(str(model_folder), device="cpu", dtype="bfloat16", mode=mode).info
    assert described.dtype == "bfloat16"


def test_a_link_is_served_by_its_own_name(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(model_folder)

    assert loader.load(str(tmp_path / "mine"), device="cpu").info.name == "mine"


def test_notes_of_the_inspection_are_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    layouts.rename_to_variant(folder, "fp16", "vae")

    with caplog.at_level(logging.INFO, logger="pipelines"):
        loader.load(str(folder), device="cpu")

    assert [record.getMessage() for record in caplog.records if record.name.startswith("pipelines")] == [
        "model: The fp16 files of vae are taken."
    ]


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


def test_a_model_takes_the_samplers_and_steps_that_its_scheduler_allows(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit_scheduler(folder, "EulerDiscreteScheduler", timestep_spacing="trailing", rescale_betas_zero_snr=True)

    with caplog.at_level(logging.INFO, logger="pipelines"):
        limits = {each.name: each for each in loader.load(str(folder), device="cpu").info.samplers}

    assert {61, 103} <= set(limits["euler"].impossible_steps)
    assert {name for name, each in limits.items() if each.refusal} == {"ddim", "ddpm", "lcm", "tcd"}
    assert limits["ddim"].refusal in caplog.text


def test_defaults_that_the_model_cannot_make_are_refused(folder: Path) -> None:
    edit_scheduler(folder, "EulerDiscreteScheduler", timestep_spacing="trailing")
    (folder / "darkroom.json").write_text(json.dumps({"default_steps": 61}))

    with pytest.raises(ModelLoadError, match="cannot be divided into 61 steps"):
        loader.load(str(folder), device="cpu")

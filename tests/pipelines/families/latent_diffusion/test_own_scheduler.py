"""A folder's own scheduler is its default sampler, and makes what diffusers' pipeline makes of that folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest

from pipelines.params import GenerationParams
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined

TOLERANCE = 5e-5
"""Relative to the latents' norm. Diffusers' own rounding is 2e-5 where sigmas are in the thousands."""

BASE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
    "clip_sample": False,
}
ZERO_SNR = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}

FOLDERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "sd-turbo": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, "euler"),
    "sdxl-turbo": ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"}, "euler_a"),
    "DPM++ with Karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, "dpm++_2m"),
    "DPM++ of third order": (
        "DPMSolverMultistepScheduler",
        {"solver_order": 3, "solver_type": "heun", "final_sigmas_type": "sigma_min", "lower_order_final": False},
        "dpm++_2m",
    ),
    "DPM++ SDE": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "euler_at_final": True},
        "dpm++_2m_sde",
    ),
    "UniPC": ("UniPCMultistepScheduler", {"solver_order": 3, "disable_corrector": [0, 1]}, "unipc"),
    "LCM": ("LCMScheduler", {"original_inference_steps": 40, "timestep_scaling": 5.0}, "lcm"),
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True}, "pndm"),
    "DDIM that predicts v": ("DDIMScheduler", {"prediction_type": "v_prediction", "set_alpha_to_one": True}, "ddim"),
    "DDIM without terminal signal": ("DDIMScheduler", ZERO_SNR, "ddim"),
    "Euler without terminal signal": ("EulerDiscreteScheduler", ZERO_SNR, "euler"),
}

PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="fog", width=64, height=64, steps=6, guidance_scale=4.0, seed=3, sampler=""
)


def write_scheduler(folder: Path, class_name: str, fields: dict[str, Any]) -> Path:
    """Replace the folder's scheduler by one that diffusers writes."""
    (folder / "scheduler" / "scheduler_config.json").unlink()
    getattr(diffusers, class_name).from_config(BASE | fields).save_pretrained(folder / "scheduler")
    tiny_model.edit_json(folder / "model_index.json", scheduler=["diffusers", class_name])
    return folder


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return tiny_model.copy(model_folder, tmp_path / "own")


@pytest.mark.parametrize(("class_name", "fields", "sampler"), FOLDERS.values(), ids=FOLDERS.keys())
def test_a_folders_own_scheduler_is_its_default_sampler(
    folder: Path, class_name: str, fields: dict[str, Any], sampler: str
) -> None:
    pipeline = tiny_model.load(write_scheduler(folder, class_name, fields))
    params = replace(PARAMS, sampler=pipeline.info.default_sampler)

    ours = finish_joined(pipeline, [params])[0].latents

    assert pipeline.info.default_sampler == sampler
    assert (
        diffusers_reference.distance(ours, diffusers_reference.latents(diffusers_reference.load(folder), params))
        < TOLERANCE
    )


def test_a_schedule_that_a_request_names_replaces_the_folders(folder: Path) -> None:
    write_scheduler(folder, "DPMSolverMultistepScheduler", {"use_karras_sigmas": True, "solver_order": 3})
    params = replace(PARAMS, sampler="dpm++_2m", schedule="exponential")
    reference = diffusers_reference.load(folder)
    reference.scheduler = diffusers.DPMSolverMultistepScheduler.from_config(
        reference.scheduler.config, use_karras_sigmas=False, use_exponential_sigmas=True
    )

    ours = finish_joined(tiny_model.load(folder), [params])[0].latents

    assert diffusers_reference.distance(ours, diffusers_reference.latents(reference, params)) < TOLERANCE


def test_another_sampler_takes_the_training_and_the_spacing_but_not_the_schedule(folder: Path) -> None:
    fields = {"use_karras_sigmas": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}
    write_scheduler(folder, "DPMSolverMultistepScheduler", fields)
    params = replace(PARAMS, sampler="euler")
    reference = diffusers_reference.load(folder)
    reference.scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        timestep_spacing="trailing",
        prediction_type="v_prediction",
        steps_offset=1,
    )

    ours = finish_joined(tiny_model.load(folder), [params])[0].latents

    assert diffusers_reference.distance(ours, diffusers_reference.latents(reference, params)) < TOLERANCE

"""The index names the family and its parts. What is not supported is called by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.checkpoints.files import model_index
from pipelines.checkpoints.files.model_index import ModelIndex
from pipelines.errors import ModelLoadError

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "requires_safety_checker": False,
    "feature_extractor": [None, None],
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def read(folder: Path, **fields: object) -> ModelIndex:
    path = folder / "model_index.json"
    path.write_text(json.dumps(INDEX | fields))
    return model_index.read(path)


def test_the_parts_that_the_family_opens_are_found_and_the_others_are_named(tmp_path: Path) -> None:
    index = read(tmp_path, controlnet=["diffusers", "ControlNetModel"])

    assert set(index.classes) == {"text_encoder", "tokenizer", "unet", "vae"}
    assert index.libraries["text_encoder"] == "transformers"
    assert index.scheduler == "PNDMScheduler"
    assert index.other_parts == ("safety_checker", "controlnet")
    assert index.settings == {"_class_name": "StableDiffusionPipeline", "requires_safety_checker": False}


@pytest.mark.parametrize(
    ("class_name", "kind"),
    [
        ("FluxPipeline", "a FLUX model"),
        ("StableDiffusion3Pipeline", "a Stable Diffusion 3 model"),
        ("StableVideoDiffusionPipeline", "a video model"),
        ("WanPipeline", "a video model"),
        ("StableDiffusionUpscalePipeline", "an upscaler"),
        ("KandinskyV22Pipeline", "a Kandinsky model"),
        ("MyPipeline", "a pipeline class"),
        (None, "a pipeline class"),
    ],
)
def test_a_pipeline_that_is_not_supported_is_named_as_what_it_is(
    tmp_path: Path, class_name: str | None, kind: str
) -> None:
    with pytest.raises(ModelLoadError) as refusal:
        read(tmp_path, _class_name=class_name)

    assert f"model_index.json names {class_name}, {kind}, which is not supported. Supported: " in str(refusal.value)
    assert "StableDiffusionPipeline" in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"_class_name": ["mine", "Mine"]}, "names a pipeline class in a file of its own, which is not run"),
        ({"vae": [None, None]}, "lists no vae, which the model needs"),
        ({"vae": None, "unet": None}, "lists no unet, vae, which the model needs"),
        ({"unet": ["my_unet", "UNet2DConditionModel"]}, "names a class in a file of its own for unet"),
        ({"unet": [{}, "UNet2DConditionModel"]}, "names a class in a file of its own for unet"),
        ({"unet": ["UNet2DConditionModel"]}, "names a class in a file of its own for unet"),
        (
            {"unet": ["diffusers", "UNetSpatioTemporalConditionModel"]},
            (
                "names UNetSpatioTemporalConditionModel for unet, which is not supported. Known classes: "
                "UNet2DConditionModel."
            ),
        ),
        ({"unet": ["diffusers", ["UNet2DConditionModel"]]}, "for unet, which is not supported"),
        (
            {"scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"]},
            "names FlowMatchEulerDiscreteScheduler for scheduler, which is not supported. Known classes: ",
        ),
        ({"custom_pipeline": "mine"}, "asks for code of its own (custom_pipeline)"),
    ],
)
def test_an_index_that_is_not_supported_is_refused_in_one_line(
    tmp_path: Path, fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(ModelLoadError) as refusal:
        read(tmp_path, **fields)

    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_scheduler_whose_training_fields_suffice_is_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, scheduler=["diffusers", "TCDScheduler"]).scheduler == "TCDScheduler"

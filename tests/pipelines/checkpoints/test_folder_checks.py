"""Folders that hold unknown classes, pickles, code, bad headers or links that lead out are refused before loading."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.checkpoints import folder_checks
from pipelines.errors import ModelLoadError
from pipelines.families.stable_diffusion.family import StableDiffusion
from tests.harness.models import tiny_model

UNET = "unet/diffusion_pytorch_model.safetensors"


def rewrite_header(path: Path, length: int) -> None:
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])


def set_component(folder: Path, name: str, *value: object) -> None:
    tiny_model.edit_json(folder / "model_index.json", **{name: value})


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "has no model_index.json"),
    "index is not JSON": (
        lambda folder: (folder / "model_index.json").write_text("{"),
        "model_index.json cannot be read",
    ),
    "pipeline class": (
        lambda folder: tiny_model.edit_json(folder / "model_index.json", _class_name="FluxPipeline"),
        "pipeline class that is not supported. Supported: StableDiffusionXLPipeline",
    ),
    "pipeline class in a file": (
        lambda folder: tiny_model.edit_json(folder / "model_index.json", _class_name=["my_pipeline", "Mine"]),
        "pipeline class that is not supported",
    ),
    "index is a list": (
        lambda folder: (folder / "model_index.json").write_text("[]"),
        "model_index.json cannot be read: it is not a JSON object",
    ),
    "component": (lambda folder: set_component(folder, "prior", "diffusers", "PriorTransformer"), "unknown component"),
    "class of a component": (
        lambda folder: set_component(folder, "unet", "diffusers", "UNetSpatioTemporalConditionModel"),
        "not known for unet",
    ),
    "class of a scheduler": (
        lambda folder: set_component(folder, "scheduler", "diffusers", "FlowMatchEulerDiscreteScheduler"),
        "not known for scheduler",
    ),
    "class from a file": (lambda folder: set_component(folder, "unet", "my_unet", "UNet2DConditionModel"), "not known"),
    "class that is no name": (
        lambda folder: set_component(folder, "unet", "diffusers", ["UNet2DConditionModel"]),
        "not known",
    ),
    "library that is no name": (lambda folder: set_component(folder, "unet", {}, "UNet2DConditionModel"), "not known"),
    "component without a library": (lambda folder: set_component(folder, "unet", "UNet2DConditionModel"), "not known"),
    "no tokenizer": (
        lambda folder: (folder / "tokenizer").rename(folder.parent / "gone"),
        "lacks a component: tokenizer",
    ),
    "huge header": (lambda folder: rewrite_header(folder / UNET, 1 << 62), "header claims"),
    "empty header": (lambda folder: rewrite_header(folder / UNET, 0), "header claims"),
    "empty file": (lambda folder: (folder / UNET).write_bytes(b""), "header claims"),
    "auto_map": (
        lambda folder: tiny_model.edit_json(folder / "unet" / "config.json", auto_map={"AutoModel": "m.Unet"}),
        "auto_map",
    ),
    "custom_pipeline": (
        lambda folder: tiny_model.edit_json(folder / "model_index.json", custom_pipeline="mine"),
        "custom_pipeline",
    ),
    "trust_remote_code": (
        lambda folder: tiny_model.edit_json(folder / "tokenizer" / "tokenizer_config.json", trust_remote_code=True),
        "trust_remote_code",
    ),
    "python": (lambda folder: (folder / "unet" / "model.py").write_text("print()"), "program code"),
}


@pytest.mark.parametrize(("break_folder", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
def test_an_unsafe_folder_is_refused_in_one_line(
    folder: Path, break_folder: Callable[[Path], object], reason: str
) -> None:
    break_folder(folder)

    with pytest.raises(ModelLoadError) as refusal:
        folder_checks.check(folder)

    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".pth", ".pt2", ".PKL"])
def test_a_pickle_anywhere_is_refused(folder: Path, suffix: str) -> None:
    (folder / "unet" / f"weights{suffix}").write_bytes(b"")

    with pytest.raises(ModelLoadError, match="pickle"):
        folder_checks.check(folder)


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(folder: Path, tmp_path: Path) -> None:
    weights = folder / UNET
    inside = weights.rename(folder / "unet.safetensors")
    weights.symlink_to(inside)
    folder_checks.check(folder)

    weights.unlink()
    weights.symlink_to(inside.rename(tmp_path / "outside.safetensors"))
    with pytest.raises(ModelLoadError, match="leads out"):
        folder_checks.check(folder)


def test_a_linked_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    outside = (folder / "vae").rename(tmp_path / "vae")
    (folder / "vae").symlink_to(outside)

    with pytest.raises(ModelLoadError, match="leads out"):
        folder_checks.check(folder)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(ModelLoadError, match="is a file"):
        folder_checks.check(tmp_path / "model.safetensors")
    with pytest.raises(ModelLoadError, match="There is no model folder"):
        folder_checks.check(tmp_path / "nowhere")


def test_a_sound_folder_names_its_family_and_the_class_of_each_component(model_folder: Path) -> None:
    checked = folder_checks.check(model_folder)

    assert isinstance(checked.family, StableDiffusion)
    assert {name: each.__name__ for name, each in checked.classes.items()} == {
        "tokenizer": "CLIPTokenizer",
        "text_encoder": "CLIPTextModel",
        "unet": "UNet2DConditionModel",
        "vae": "AutoencoderKL",
        "scheduler": "PNDMScheduler",
    }


def test_numbers_that_only_json_of_python_has_are_read(folder: Path) -> None:
    """DPMSolverMultistepScheduler.save_pretrained writes -Infinity."""
    tiny_model.edit_json(folder / "scheduler" / "scheduler_config.json", lambda_min_clipped=-math.inf, x=math.nan)
    assert "-Infinity" in (folder / "scheduler" / "scheduler_config.json").read_text()

    assert folder_checks.check(folder).classes


def test_components_that_text_to_image_does_not_use_are_not_loaded(folder: Path) -> None:
    set_component(folder, "safety_checker", "stable_diffusion", "StableDiffusionSafetyChecker")

    assert "safety_checker" not in folder_checks.check(folder).classes

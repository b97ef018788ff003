"""What a model folder may hold, what is refused, and what a loaded model says of itself."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.checkpoints import loader
from pipelines.errors import ModelLoadError
from tests.harness import tiny_model


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy to be spoiled."""
    return tiny_model.copy(model_folder, tmp_path / "model")


def rewrite_header(path: Path, length: int) -> None:
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def rename_a_weight(path: Path) -> None:
    """Another name of the same length, so that every offset stays right."""
    path.write_bytes(path.read_bytes().replace(b'"conv_in.weight"', b'"conv_xx.weight"', 1))


def set_component(folder: Path, name: str, library: str, class_name: str) -> None:
    tiny_model.edit_json(folder / "model_index.json", **{name: [library, class_name]})


UNET = "unet/diffusion_pytorch_model.safetensors"

REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "has no model_index.json"),
    "index is not JSON": (
        lambda folder: (folder / "model_index.json").write_text("{"),
        "model_index.json cannot be read",
    ),
    "pipeline class": (
        lambda folder: tiny_model.edit_json(folder / "model_index.json", _class_name="FluxPipeline"),
        "pipeline class that is not known",
    ),
    "pipeline class in a file": (
        lambda folder: tiny_model.edit_json(folder / "model_index.json", _class_name=["my_pipeline", "Mine"]),
        "pipeline class that is not known",
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
    "no weights": (lambda folder: (folder / UNET).unlink(), "unet cannot be loaded"),
    "no config": (lambda folder: (folder / "vae" / "config.json").unlink(), "vae cannot be loaded"),
    "no tokenizer": (
        lambda folder: (folder / "tokenizer").rename(folder.parent / "gone"),
        "lacks a component: tokenizer",
    ),
    "cut weights": (lambda folder: cut(folder / UNET), "unet cannot be loaded"),
    "weights of another shape": (
        lambda folder: tiny_model.edit_json(folder / "unet" / "config.json", block_out_channels=[16, 16]),
        "unet",
    ),
    "a weight missing": (lambda folder: rename_a_weight(folder / UNET), "lacks weights"),
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
    "inpainting": (lambda folder: tiny_model.edit_json(folder / "vae" / "config.json", latent_channels=9), "vae"),
    "guidance embedding": (
        lambda folder: tiny_model.edit_json(folder / "unet" / "config.json", class_embed_type="timestep"),
        "unet",
    ),
    "unknown profile field": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"default_step": 3}),
        "unknown field `default_step`",
    ),
    "profile out of range": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"default_steps": 0}),
        "darkroom.json cannot be used",
    ),
    "profile sampler": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"default_sampler": "unheard of"}),
        "Unknown sampler",
    ),
    "profile size": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"sizes": [[60, 64]]}),
        "multiples of 8",
    ),
    "profile preview": (
        lambda folder: tiny_model.write_json(folder / "darkroom.json", {"preview": [[0, 0, 0]]}),
        "a row for each channel",
    ),
}


@pytest.mark.parametrize(("spoil", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
def test_a_spoiled_folder_is_refused_in_one_sentence(
    folder: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(folder)

    with pytest.raises(ModelLoadError) as refusal:
        loader.load(str(folder), device="cpu")

    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("suffix", [".bin", ".ckpt", ".pt", ".pth", ".pt2", ".PKL"])
def test_a_pickle_anywhere_is_refused(folder: Path, suffix: str) -> None:
    (folder / "unet" / f"weights{suffix}").write_bytes(b"")

    with pytest.raises(ModelLoadError, match="pickle"):
        loader.load(str(folder), device="cpu")


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(folder: Path, tmp_path: Path) -> None:
    weights = folder / UNET
    inside = weights.rename(folder / "unet.safetensors")
    weights.symlink_to(inside)
    assert loader.load(str(folder), device="cpu").info.name == "model"

    weights.unlink()
    weights.symlink_to(inside.rename(tmp_path / "outside.safetensors"))
    with pytest.raises(ModelLoadError, match="leads out"):
        loader.load(str(folder), device="cpu")


def test_a_linked_folder_is_refused_too(folder: Path, tmp_path: Path) -> None:
    outside = (folder / "vae").rename(tmp_path / "vae")
    (folder / "vae").symlink_to(outside)

    with pytest.raises(ModelLoadError, match="leads out"):
        loader.load(str(folder), device="cpu")


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")

    with pytest.raises(ModelLoadError, match="is a file"):
        loader.load(str(tmp_path / "model.safetensors"))
    with pytest.raises(ModelLoadError, match="There is no model folder"):
        loader.load(str(tmp_path / "nowhere"))


def test_nothing_is_fetched_from_the_hub_unasked() -> None:
    with pytest.raises(ModelLoadError, match="not allowed"):
        loader.load("owner/model")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused(model_folder: Path, device: str) -> None:
    with pytest.raises(ModelLoadError):
        loader.load(str(model_folder), device=device)


def test_a_dtype_that_is_not_known_is_refused(model_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="float32, float16, bfloat16"):
        loader.load(str(model_folder), device="cpu", dtype="int8")


def test_another_dtype_is_taken(model_folder: Path) -> None:
    pipeline = loader.load(str(model_folder), device="cpu", dtype="bfloat16")

    assert pipeline.info.dtype == "bfloat16"
    assert pipeline.encode(["a"])[0].element_size() == 2


def test_text_encoders_of_the_first_stable_diffusion_folders_are_loaded(folder: Path, model_folder: Path) -> None:
    """Their weights are named one level deeper, and a table of positions lies among them."""
    path = folder / "text_encoder" / "model.safetensors"
    weights = {f"text_model.{name}": weight for name, weight in load_file(path).items()}
    weights["text_model.embeddings.position_ids"] = torch.arange(tiny_model.TOKENS)[None]
    save_file(weights, path, metadata={"format": "pt"})

    (old,), (new,) = (loader.load(str(path), device="cpu").encode(["a fox"]) for path in (folder, model_folder))

    assert torch.equal(old, new)


def test_a_folder_without_a_profile_is_served_as_its_configs_say(model_folder: Path) -> None:
    info = loader.load(str(model_folder), device="cpu").info

    assert (info.name, info.sizes, info.device, info.dtype) == ("tiny", ((64, 64),), "cpu", "float32")
    assert (info.default_steps, info.default_guidance_scale, info.default_sampler) == (25, 7.5, "dpm++_2m")
    limits = info.limits
    assert (limits.side_multiple, limits.min_side, limits.max_side, limits.max_pixels) == (8, 32, 128, 128 * 128)


def test_a_profile_says_how_a_model_is_served(folder: Path) -> None:
    profile = {
        "sizes": [[64, 64], [80, 48]],
        "default_steps": 12,
        "default_guidance_scale": 4,
        "default_sampler": "Euler a",
        "preview": [[0.1, 0.2, 0.3]] * 5,
    }
    (folder / "darkroom.json").write_text(json.dumps(profile))

    info = loader.load(str(folder), device="cpu").info

    assert info.sizes == ((64, 64), (80, 48))
    assert (info.default_steps, info.default_guidance_scale, info.default_sampler) == (12, 4.0, "euler_a")
    assert (info.limits.min_side, info.limits.max_side, info.limits.max_pixels) == (24, 160, 4 * 64 * 64)

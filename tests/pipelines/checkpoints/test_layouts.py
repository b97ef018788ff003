"""Every layout in which people have a model loads to the same latents as the plain folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from pipelines.checkpoints import loader
from pipelines.params import GenerationParams
from tests.harness.models import denoising, layouts, tiny_model
from tests.harness.models.layouts import STEMS, weights

IMAGE = GenerationParams(
    prompt="a red fox", width=64, height=64, steps=2, guidance_scale=3.0, seed=5, sampler="dpm++_2m"
)


def make_latents(folder: Path, **options: Any) -> Tensor:
    pipeline = loader.load(str(folder), device="cpu", **options)
    (state,) = denoising.finish_joined(pipeline, [IMAGE])  # type: ignore[arg-type]  # load returns any pipeline, and that of a tiny model is a LatentDiffusion
    return state.latents


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose weights are exact in half precision, in the plain layout. Its preview need not be fitted."""
    folder = tiny_model.write(tmp_path_factory.mktemp("sound") / "tiny", dtype=torch.float16)
    tiny_model.write_json(folder / "darkroom.json", {"preview": [[0, 0, 0]] * 5})
    return folder


@pytest.fixture(scope="module")
def expected(sound: Path) -> Tensor:
    return make_latents(sound)


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return tiny_model.copy(sound, tmp_path / "model")


def edit(folder: Path, part: str, **fields: object) -> None:
    tiny_model.edit_json(folder / part, **fields)


def set_scheduler(folder: Path, class_name: str, **fields: object) -> None:
    edit(folder, "model_index.json", scheduler=["diffusers", class_name])
    edit(folder, "scheduler/scheduler_config.json", _class_name=class_name, **fields)


def shard_all(folder: Path, variant: str = "") -> None:
    for part in STEMS:
        layouts.shard(folder, part, variant)


def beside(folder: Path, part: str, variant: str, content: bytes) -> None:
    """Put other weights beside the sound ones, which become those of the variant."""
    layouts.rename_to_variant(folder, variant, part)
    weights(folder, part).write_bytes(content)


def shard_by_the_older_names(folder: Path) -> None:
    layouts.shard(folder, "text_encoder", "fp16")
    text_encoder = folder / "text_encoder"
    (text_encoder / "model.safetensors.index.fp16.json").rename(text_encoder / "model.fp16.safetensors.index.json")


def write_old_attention(folder: Path) -> None:
    names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    layouts.rename_weights(weights(folder, "vae"), names)


def name_text_encoder_deeper(folder: Path) -> None:
    path = weights(folder, "text_encoder")
    names = {"embeddings.": "text_model.embeddings.", "encoder.": "text_model.encoder.", "final_": "text_model.final_"}
    layouts.rename_weights(path, names, {"text_model.embeddings.position_ids": torch.arange(tiny_model.TOKENS)[None]})


def keep_only_tokenizer_json(folder: Path) -> None:
    for name in ("vocab.json", "merges.txt"):
        (folder / "tokenizer" / name).unlink(missing_ok=True)
    assert (folder / "tokenizer" / "tokenizer.json").exists()


def link_parts_elsewhere(folder: Path) -> None:
    """The user's own links may lead where they like."""
    elsewhere = folder.with_name("elsewhere")
    (folder / "vae").rename(elsewhere)
    (folder / "vae").symlink_to(elsewhere)
    file = weights(folder, "unet").rename(folder.with_name("unet-weights"))
    weights(folder, "unet").symlink_to(file)


LAYOUTS: dict[str, Callable[[Path], object]] = {
    "as it is": lambda folder: None,
    "a clone with pickles, code and other formats": layouts.clone,
    "fp16 only": lambda folder: layouts.rename_to_variant(folder, "fp16"),
    "bf16 only": lambda folder: layouts.rename_to_variant(folder, "bf16", "unet"),
    "one part of them in fp16": lambda folder: layouts.rename_to_variant(folder, "fp16", "vae"),
    "shards": shard_all,
    "shards in fp16 only": lambda folder: shard_all(folder, "fp16"),
    "shards by the older names": shard_by_the_older_names,
    "the plain weights are LFS pointers": lambda folder: beside(folder, "unet", "fp16", layouts.LFS_POINTER),
    "the plain weights are incomplete": lambda folder: beside(folder, "vae", "fp16", b"\x10\0\0\0\0\0\0\0{"),
    "links that lead elsewhere": link_parts_elsewhere,
    "text encoder named one level deeper": name_text_encoder_deeper,
    "attention of old autoencoders": write_old_attention,
    "tokenizer.json only": keep_only_tokenizer_json,
    "no tokenizer_config.json but the other files": lambda folder: edit(
        folder, "tokenizer/tokenizer_config.json", model_max_length=10**30
    ),
    "a fast tokenizer": lambda folder: edit(
        folder, "model_index.json", tokenizer=["transformers", "CLIPTokenizerFast"]
    ),
    "configuration of a whole CLIP": lambda folder: edit(folder, "text_encoder/config.json", model_type="clip"),
    "sides of latents as a list": lambda folder: edit(folder, "unet/config.json", sample_size=[8, 8]),
    "unknown fields": lambda folder: edit(folder, "unet/config.json", a_new_field=1),
    "dtype in the configuration": lambda folder: edit(folder, "text_encoder/config.json", torch_dtype="float16"),
    "a safety checker that is not there": lambda folder: edit(
        folder, "model_index.json", safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"]
    ),
    "an image encoder": lambda folder: edit(
        folder, "model_index.json", image_encoder=["transformers", "CLIPVisionModelWithProjection"]
    ),
    "index of image to image": lambda folder: edit(
        folder, "model_index.json", _class_name="StableDiffusionImg2ImgPipeline"
    ),
    "index of inpainting": lambda folder: edit(
        folder, "model_index.json", _class_name="StableDiffusionInpaintPipeline"
    ),
    "index of latent consistency": lambda folder: edit(
        folder, "model_index.json", _class_name="LatentConsistencyModelPipeline"
    ),
    "index of perturbed attention": lambda folder: edit(
        folder, "model_index.json", _class_name="StableDiffusionPAGPipeline"
    ),
    "DPM++ as diffusers saves it": lambda folder: set_scheduler(
        folder, "DPMSolverMultistepScheduler", lambda_min_clipped=float("-inf")
    ),
    "another scheduler's leftovers": lambda folder: set_scheduler(
        folder, "EulerDiscreteScheduler", algorithm_type="dpmsolver++", set_alpha_to_one=False, eta=0.0
    ),
    "DPMSolverSDE": lambda folder: set_scheduler(folder, "DPMSolverSDEScheduler"),
    "TCD": lambda folder: set_scheduler(folder, "TCDScheduler"),
    "SASolver": lambda folder: set_scheduler(folder, "SASolverScheduler"),
    "IPNDM": lambda folder: set_scheduler(folder, "IPNDMScheduler"),
}


@pytest.mark.parametrize("arrange", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_loads_to_the_same_latents(folder: Path, expected: Tensor, arrange: Callable[[Path], object]) -> None:
    arrange(folder)

    assert torch.equal(make_latents(folder), expected)


def test_a_model_without_the_side_of_its_latents_is_one_of_stable_diffusion_1(folder: Path) -> None:
    edit(folder, "unet/config.json", sample_size=None)

    assert loader.load(str(folder), device="cpu").info.sizes == ((512, 512),)


def test_a_model_in_the_hubs_cache_loads_by_its_snapshot_its_folder_and_a_link(
    folder: Path, expected: Tensor, tmp_path: Path
) -> None:
    snapshot = layouts.into_hub_cache(folder, tmp_path / "cache", "owner/tiny")
    link = tmp_path / "mine"
    link.symlink_to(snapshot)

    for path, name in ((snapshot, "owner/tiny"), (snapshot.parents[1], "owner/tiny"), (link, "mine")):
        assert torch.equal(make_latents(path), expected)
        assert loader.load(str(path), device="cpu").info.name == name


@pytest.mark.parametrize(("dtype", "variant"), [("float32", ""), ("float16", "fp16"), ("bfloat16", "bf16")])
def test_of_several_variants_the_one_for_the_dtype_is_read(folder: Path, dtype: str, variant: str) -> None:
    """The others are whole files, but have none of the weights."""
    own = weights(folder, "unet").read_bytes()
    for each in ("", "fp16", "bf16"):
        path = weights(folder, "unet").with_suffix(f".{each}.safetensors" if each else ".safetensors")
        save_file({"other": torch.zeros(1)}, path)
        if each == variant:
            path.write_bytes(own)

    assert loader.load(str(folder), device="cpu", dtype=dtype).info.dtype == dtype

"""The families of Stable Diffusion XL describe their models, and refuse UNets that were made for other inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.registry import FAMILIES
from tests.harness.models.tiny_model import read_json
from tests.harness.models.zoo.architectures import SIDE, TOKENS
from tests.harness.models.zoo.kinds import KINDS

FILES = {"tokenizer": "tokenizer_config.json", "scheduler": "scheduler_config.json"}
Configs = dict[str, dict[str, Any]]


def read_configs(folder: Path, kind: str) -> Configs:
    parts = FAMILIES[FAMILY_OF[kind]]().components
    files = {part: folder / part / FILES.get(part.removesuffix("_2"), "config.json") for part in parts}
    files["model_index"] = folder / "model_index.json"
    return {part: read_json(path) for part, path in files.items()}


FAMILY_OF = {"sdxl": "StableDiffusionXLPipeline", "sdxl_refiner": "StableDiffusionXLImg2ImgPipeline"}


def describe(kind: str, configs: Configs) -> ModelTraits:
    return FAMILIES[FAMILY_OF[kind]]().traits(Path("model"), configs)


def test_the_base_model_is_described_by_its_configuration(zoo: Callable[[str], Path]) -> None:
    traits = describe("sdxl", read_configs(zoo("sdxl"), "sdxl"))

    assert (traits.trained_side, traits.side_multiple, traits.prompt_tokens) == (SIDE, 8, TOKENS)
    assert (traits.latent_channels, traits.text_features) == (4, 16 + 24)
    assert traits.added_inputs == {"text_embeds": 24, "time_ids": 6}
    assert traits.zeros_without_negative
    assert not traits.embeds_guidance
    assert not traits.reads_kept


def test_the_refiner_has_one_encoder_and_encodes_a_missing_negative_prompt(zoo: Callable[[str], Path]) -> None:
    traits = describe("sdxl_refiner", read_configs(zoo("sdxl_refiner"), "sdxl_refiner"))

    assert traits.text_features == 24
    assert traits.added_inputs == {"text_embeds": 24, "time_ids": 5}
    assert not traits.zeros_without_negative


def test_an_index_that_does_not_say_so_asks_for_zeros(zoo: Callable[[str], Path]) -> None:
    configs = read_configs(zoo("sdxl"), "sdxl")
    del configs["model_index"]["force_zeros_for_empty_prompt"]

    assert describe("sdxl", configs).zeros_without_negative


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "lcm_sdxl",
            {"embeds_guidance": True, "added_inputs": {"text_embeds": 24, "time_ids": 6, "timestep_cond": 32}},
        ),
        ("sdxl_inpaint", {"reads_kept": True}),
        ("sdxl_instruct_pix2pix", {"reads_image": True}),
    ],
)
def test_a_variant_differs_in_what_its_unet_takes(
    zoo: Callable[[str], Path], kind: str, expected: dict[str, Any]
) -> None:
    base, variant = read_configs(zoo("sdxl"), "sdxl"), read_configs(zoo(kind), "sdxl")

    changed = replace(describe("sdxl", base), **expected)

    assert describe("sdxl", {**variant, "scheduler": base["scheduler"]}) == changed


def test_a_cosxl_model_is_refused_by_its_name(zoo: Callable[[str], Path]) -> None:
    configs = read_configs(zoo("sdxl_instruct_pix2pix"), "sdxl")

    with pytest.raises(ModelLoadError, match="CosXL"):
        describe("sdxl", {**configs, "model_index": {**configs["model_index"], "is_cosxl_edit": True}})


@pytest.mark.parametrize("kind", [kind for kind, model in KINDS.items() if "XL" in model.pipeline])
def test_every_kind_finds_its_family(kind: str) -> None:
    family = FAMILIES.find(KINDS[kind].pipeline)

    assert family is not None
    assert set(family().components) >= {f"text_encoder{suffix}" for suffix in KINDS[kind].architecture.text_encoders}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("cross_attention_dim", 24, "does not fit its text encoders"),
        ("projection_class_embeddings_input_dim", 24 + 5 * 8, "does not fit its text encoders"),
        ("addition_embed_type", None, "other conditions"),
        ("addition_embed_type", "image", "other conditions"),
        ("encoder_hid_dim_type", "text_proj", "other conditions"),
        ("in_channels", 7, "has 7 input channels"),
    ],
)
def test_a_unet_with_other_inputs_is_refused(
    zoo: Callable[[str], Path], field: str, value: object, reason: str
) -> None:
    configs = read_configs(zoo("sdxl"), "sdxl")

    with pytest.raises(ModelLoadError, match=reason):
        describe("sdxl", {**configs, "unet": {**configs["unet"], field: value}})


@pytest.mark.parametrize(
    ("class_name", "field", "value"),
    [
        ("EulerDiscreteScheduler", "prediction_type", "sample"),
        ("EulerDiscreteScheduler", "timestep_type", "continuous"),
        ("DPMSolverMultistepScheduler", "use_flow_sigmas", True),
    ],
)
def test_a_scheduler_that_the_samplers_cannot_do_is_refused(
    zoo: Callable[[str], Path], class_name: str, field: str, value: object
) -> None:
    configs = read_configs(zoo("sdxl"), "sdxl")

    with pytest.raises(ModelLoadError, match=field):
        describe("sdxl", {**configs, "scheduler": {"_class_name": class_name, field: value}})

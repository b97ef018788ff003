"""A model is served as its darkroom.json says, or as its configuration implies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.checkpoints import profile as model_profile
from pipelines.checkpoints.serving_defaults import ServingDefaults
from pipelines.errors import ModelLoadError
from pipelines.model_info import ModelInfo

DEFAULTS = ServingDefaults(sampler="euler", steps=6, guidance_scale=1.5, special_kind=None)


def write(folder: Path, fields: Mapping[str, object]) -> None:
    (folder / model_profile.FILE_NAME).write_text(json.dumps(fields))


def describe(folder: Path) -> ModelInfo:
    return model_profile.describe(
        model_profile.read(folder),
        DEFAULTS,
        name="tiny",
        trained_side=64,
        side_multiple=8,
        prompt_tokens=24,
        device="cpu",
        dtype="float32",
    )


def test_a_folder_without_a_profile_is_served_at_its_trained_size_as_its_scheduler_implies(tmp_path: Path) -> None:
    info = describe(tmp_path)

    assert (info.name, info.sizes, info.device, info.dtype) == ("tiny", ((64, 64),), "cpu", "float32")
    assert (info.default_steps, info.default_guidance_scale, info.default_sampler) == (6, 1.5, "euler")
    assert info.default_guidance_rescale == 0.0
    limits = info.limits
    assert (limits.side_multiple, limits.min_side, limits.max_side, limits.max_pixels) == (8, 32, 128, 128 * 128)


def test_a_profile_sets_sizes_and_defaults(tmp_path: Path) -> None:
    fields = {
        "sizes": [[64, 64], [80, 48]],
        "default_steps": 12,
        "default_guidance_scale": 0,
        "default_guidance_rescale": 0.7,
        "default_sampler": "Euler a",
    }
    write(tmp_path, fields)

    info = describe(tmp_path)

    assert info.sizes == ((64, 64), (80, 48))
    assert (info.default_steps, info.default_guidance_scale, info.default_sampler) == (12, 0.0, "euler_a")
    assert info.default_guidance_rescale == 0.7
    assert (info.limits.min_side, info.limits.max_side, info.limits.max_pixels) == (24, 160, 4 * 64 * 64)


def test_a_profile_names_aliases_once_and_besides_the_name(tmp_path: Path) -> None:
    write(tmp_path, {"aliases": ["fast", "tiny", "fast", "a fox"]})

    assert describe(tmp_path).aliases == ("fast", "a fox")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"default_step": 3}, "unknown field `default_step`"),
        ({"default_steps": 0}, "darkroom.json cannot be used"),
        ({"sizes": []}, "darkroom.json cannot be used"),
        ({"aliases": [""]}, "darkroom.json cannot be used"),
        ({"default_sampler": "unheard of"}, "Unknown sampler"),
        ({"default_sampler": "Euler Karras"}, "must not name a schedule"),
        ({"sizes": [[60, 64]]}, "multiples of 8"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, fields: Mapping[str, object], reason: str
) -> None:
    write(tmp_path, fields)

    with pytest.raises(ModelLoadError) as refusal:
        describe(tmp_path)

    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)

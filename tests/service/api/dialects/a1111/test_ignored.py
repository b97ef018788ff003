"""The text of an image names the fields that had no effect on it, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from service.api.dialects.a1111.errors import BODY_RULES
from service.api.dialects.a1111.ignored import without_effect
from service.api.dialects.a1111.schemas import Img2ImgRequest, Txt2ImgRequest
from service.api.http.request_body import parse

OF_AN_IMAGE = {"init_images": ["QUJD"], "mask_blur": 4, "inpainting_fill": 0, "inpaint_full_res": True}


def named(kind: type[Txt2ImgRequest] = Txt2ImgRequest, **fields: Any) -> list[str]:
    return list(without_effect(parse(kind, fields, BODY_RULES, as_text=True), fields))


def test_what_would_change_an_image_of_the_web_ui_is_named() -> None:
    assert named(
        tiling=True,
        restore_faces=True,
        styles=["anime"],
        subseed_strength=0.5,
        script_name="x/y/z plot",
        alwayson_scripts={"controlnet": {"args": [{"image": "QUJD"}]}},
        clip_skip=2,
        an_extension_of_yours=True,
        override_settings={"CLIP_stop_at_last_layers": 2, "sd_vae": "a.safetensors", "emphasis": "None"},
    ) == [
        "CLIP_stop_at_last_layers", "alwayson_scripts", "an_extension_of_yours", "clip_skip", "restore_faces",
        "script_name", "sd_vae", "styles", "subseed_strength", "tiling",
    ]  # fmt: skip


def test_what_changes_nothing_there_or_is_as_it_is_here_is_not_named() -> None:
    strange: dict[str, Any] = {"a name\nof two lines": True}
    assert not named(
        prompt="x", steps=4, tiling=False, restore_faces=None, styles=[], subseed=-1, subseed_strength=0, eta=1.0,
        seed_resize_from_h=-1, s_noise=1, script_name="None", script_args=[1], alwayson_scripts={}, clip_skip=1,
        save_images=True, do_not_save_grid=True, override_settings_restore_afterwards=True, hr_sampler_name="Euler",
        override_settings={"CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic", "samples_format": "jpg"},
        **strange,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"enable_hr": True, "hr_sampler_name": "Euler", "hr_prompt": ""}, ["hr_sampler_name"]),
        ({"enable_hr": True, "hr_sampler_name": "Use same sampler"}, []),
    ],
)
def test_fields_of_the_second_pass_count_where_there_is_one(fields: dict[str, Any], names: list[str]) -> None:
    assert named(**fields) == names


def test_fields_of_a_mask_count_where_there_is_one() -> None:
    assert named(Img2ImgRequest, **OF_AN_IMAGE) == []
    assert named(Img2ImgRequest, **OF_AN_IMAGE, mask="QUJD") == ["inpaint_full_res", "inpainting_fill", "mask_blur"]

"""The answer to a request for images: their files, and what the web UI says of how they were made.

The source is `Processed.js` in modules/processing.py of stable-diffusion-webui.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from service.api.dialects.a1111.resolve import LITERAL, OWN_SCHEDULE, Plan
from service.api.dialects.a1111.schemas import Img2ImgRequest
from service.images.metadata import VERSION, parameters_text

_FILES: Final = frozenset({"init_images", "mask", "alwayson_scripts"})
"""Fields that are not repeated: they may hold files."""
_MAX_REPEATED_CHARACTERS: Final = 8192
_DEFAULTS: Final[Mapping[str, Any]] = {
    "prompt": "",
    "negative_prompt": "",
    "styles": None,
    "seed": -1,
    "subseed": -1,
    "subseed_strength": 0,
    "seed_resize_from_h": -1,
    "seed_resize_from_w": -1,
    "sampler_name": None,
    "scheduler": None,
    "batch_size": 1,
    "n_iter": 1,
    "steps": None,
    "cfg_scale": None,
    "width": None,
    "height": None,
    "restore_faces": None,
    "tiling": None,
    "do_not_save_samples": False,
    "do_not_save_grid": False,
    "eta": None,
    "denoising_strength": None,
    "override_settings": None,
    "override_settings_restore_afterwards": True,
    "enable_hr": False,
    "sampler_index": None,
    "script_name": None,
    "script_args": [],
    "send_images": True,
    "save_images": False,
    "alwayson_scripts": {},
    "init_images": None,
    "mask": None,
}


@dataclass(frozen=True, slots=True)
class MadeImage:
    index: int
    params: GenerationParams
    text: str
    """Its parameters as the web UI writes them."""
    base64: str
    """Its file, without a prefix; empty where it is not wanted."""


def infotext(plan: Plan, params: GenerationParams) -> str:
    """The parameters of an image in the web UI's format, from which it can be made again."""
    shown = replace(params, prompt=plan.shown(plan.prompt), negative_prompt=plan.shown(plan.negative_prompt) or None)
    return parameters_text(shown, params.model, _notes(plan, params))


def repeated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The request as the answer repeats it: the fields that are known, without files and what JSON cannot hold."""
    known = (_DEFAULTS.keys() | Img2ImgRequest.model_fields.keys()) - _FILES
    given = {name: fields[name] for name in known & fields.keys() if _is_small(fields[name])}
    return {**_DEFAULTS, **given}


def _notes(plan: Plan, params: GenerationParams) -> dict[str, str | None]:
    ignored = [*plan.prompt.ignored, *plan.negative_prompt.ignored]
    return {
        **({"Schedule type": OWN_SCHEDULE} if params.schedule is None else {}),
        "Emphasis": LITERAL if plan.emphasis == LITERAL else None,
        "Ignored weights": ", ".join(ignored) or None,
        "Ignored fields": ", ".join(plan.ignored) or None,
    }


def info(plan: Plan, made: Sequence[MadeImage], begun: str) -> str:
    """JSON that describes the finished images, which are in their order. `begun` is when the request was taken up."""
    return json.dumps(_described(plan, made, begun), ensure_ascii=False)


def _described(plan: Plan, made: Sequence[MadeImage], begun: str) -> dict[str, Any]:
    first = plan.images[0]
    prompt, negative = plan.shown(plan.prompt), plan.shown(plan.negative_prompt)
    return {
        "prompt": prompt,
        "all_prompts": [prompt] * len(made),
        "negative_prompt": negative,
        "all_negative_prompts": [negative] * len(made),
        "seed": first.seed,
        "all_seeds": [image.params.seed for image in made],
        "subseed": first.seed,
        "all_subseeds": [image.params.seed for image in made],
        "subseed_strength": 0,
        "width": first.width,
        "height": first.height,
        "sampler_name": SAMPLERS[first.sampler].label,
        "cfg_scale": first.guidance_scale,
        "steps": first.steps,
        "batch_size": plan.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": first.model,
        "sd_model_hash": "",
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": _strength(first),
        "extra_generation_params": {name: text for name, text in _notes(plan, first).items() if text is not None},
        "index_of_first_image": 0,
        "infotexts": [image.text for image in made],
        "styles": [],
        "job_timestamp": begun,
        "clip_skip": 1,
        "is_using_inpainting_conditioning": False,
        "version": VERSION,
    }


def _strength(params: GenerationParams) -> float | None:
    if params.image is not None:
        return params.strength
    return None if params.hires is None else params.hires.strength


def _is_small(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_REPEATED_CHARACTERS
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int)

"""Names the fields of a request that have no effect here, and would change the images of the web UI.

The source of the names and their defaults is modules/processing.py of stable-diffusion-webui.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.api.dialects.a1111.schemas import OverrideSettings, Txt2ImgRequest
from service.api.http.request_body import Parsed

_ABOUT_FILES: Final = re.compile(r"save_|do_not_|return_|samples_|grid_|outdir_|live_preview|show_progress")
"""First parts of names that say what becomes of finished images."""
_DEPENDENT: Final = frozenset(
    {
        "comments", "disable_extra_networks", "include_init_images", "infotext", "inpaint_full_res_padding",
        "override_settings_restore_afterwards", "script_args", "subseed", "user",
    }
)  # fmt: skip
"""Fields that change no image by themselves."""
_OF_MASKS: Final[Mapping[str, Sequence[object]]] = {
    "mask_blur": [0], "mask_blur_x": [0], "mask_blur_y": [0], "mask_round": [True], "inpainting_fill": [1],
    "inpaint_full_res": [False],
}  # fmt: skip
"""Fields that count where there is a mask, and the values by which the web UI does what this server does."""
_NEUTRAL: Final[Mapping[str, Sequence[object]]] = {
    **_OF_MASKS, "clip_skip": [0, 1], "CLIP_stop_at_last_layers": [0, 1], "eta": [1], "s_noise": [1],
    "initial_noise_multiplier": [1], "hr_sampler_name": ["", "Use same sampler"],
    "hr_scheduler": ["", "Use same scheduler"], "hr_checkpoint_name": ["", "Use same checkpoint"],
}  # fmt: skip
_NEUTRAL_OTHERWISE: Final[Sequence[object]] = ("", 0, -1, "None", "Automatic", [], {})
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_MAX_NAMED: Final = 20


def without_effect(parsed: Parsed[Txt2ImgRequest], fields: Mapping[str, Any]) -> Sequence[str]:
    """Returns the names, also of settings for this request. `fields` are those of the body."""
    request, settings = parsed.request, fields.get("override_settings")
    given = {name: fields[name] for name in parsed.ignored}
    if isinstance(settings, dict):
        given |= {name: settings[name] for name in settings.keys() - OverrideSettings.model_fields.keys()}
    if not getattr(request, "mask", None):
        given = {name: value for name, value in given.items() if name not in _OF_MASKS}
    if not request.enable_hr:
        given = {name: value for name, value in given.items() if not name.startswith("hr_")}
    return sorted(name for name, value in given.items() if _changes_images(name, value))[:_MAX_NAMED]


def _changes_images(name: str, value: object) -> bool:
    if name in _DEPENDENT or _ABOUT_FILES.match(name) or not _SHOWN_NAME.fullmatch(name):
        return False
    return value is not None and value not in _NEUTRAL.get(name, _NEUTRAL_OTHERWISE)

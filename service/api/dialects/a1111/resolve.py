"""From a request of AUTOMATIC1111's API to the images that the engine makes.

What the server cannot do as it was asked is done in the nearest way, and the texts in the answer say how: sizes, noise
schedules, weights of prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.sampling import choice
from pipelines.sampling.samplers import SAMPLERS, SCHEDULES, named
from pipelines.upscalers import UPSCALERS
from service.api.dialects.a1111.checkpoints import find_checkpoint
from service.api.dialects.a1111.schemas import MAX_IMAGES, Img2ImgRequest, Txt2ImgRequest
from service.api.dialects.a1111.texts.prompt_weights import PlainPrompt, plain
from service.api.generation.model_names import FindModel
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.generation.request import HiresRequest, RefinerRequest
from service.api.generation.resolve import default_size, resolve
from service.api.generation.sizes import can_draw, enlarged, nearest_size, spell
from service.api.http.request_body import Parsed
from service.engine.types import Size
from service.errors import InvalidRequestError

LITERAL: Final = "None"
"""The web UI's name for the emphasis that takes brackets literally."""
IGNORED: Final = "Ignore"
"""Its name for the emphasis that reads weights and gives them no effect."""
OWN_SCHEDULE: Final = "Automatic"
_SCHEDULE_LABELS: Final = (
    "automatic", "uniform", "karras", "exponential", "polyexponential", "sgm uniform", "kl optimal", "align your steps",
    "simple", "normal", "ddim", "beta", "turbo",
)  # fmt: skip
"""The schedules of the web UI, with which the name of a sampler may end."""
_HIRES_SCALE: Final = 2.0
_REFINER_SWITCH: Final = 0.8
_NO_CHECKPOINT: Final = (None, "", "None")


@dataclass(frozen=True, slots=True)
class Plan:
    images: tuple[GenerationParams, ...]
    """Parameters of each image, equal but for their seeds."""
    batch_size: int
    n_iter: int
    prompt: PlainPrompt
    negative_prompt: PlainPrompt
    emphasis: str
    adjusted: str = ""
    """`size=WIDTHxHEIGHT` where another size was taken than was asked for; else empty."""
    inputs: PreparedInputs = NO_INPUTS
    ignored: Sequence[str] = ()
    """Fields of the request that have no effect, and would have one in the web UI."""

    def shown(self, prompt: PlainPrompt) -> str:
        """The prompt as a request with the same emphasis spells it."""
        return prompt.text if self.emphasis == LITERAL else prompt.escaped


def plan(
    parsed: Parsed[Txt2ImgRequest],
    model: ModelInfo,
    emphasis: str,
    find_model: FindModel,
    wanted: Size,
    inputs: PreparedInputs = NO_INPUTS,
) -> Plan:
    """`wanted` is the size that was asked for, and `inputs` are what the images start from, at the nearest one.

    Raises `InvalidRequestError`.
    """
    request = parsed.request
    count = request.n * request.batch_size * request.n_iter
    if count > MAX_IMAGES:
        raise parsed.refusal("batch_size", f"Times n_iter, must be at most {MAX_IMAGES}.")
    prompt, negative = (_read(parsed, model, field, emphasis) for field in ("prompt", "negative_prompt"))
    first = nearest_size(wanted, model)
    final, hires = _hires(parsed, model, first)
    sampler, schedule = _sampler(parsed, model)
    resolved = request.model_copy(
        update={
            "n": count,
            "negative_prompt": negative.text or None,
            "sampler": sampler,
            "schedule": schedule,
            "hires": hires,
            "refiner": _refiner(parsed, find_model),
            "image_guidance_scale": _image_guidance(request, model),
        }
    )
    images = resolve(resolved, [prompt.text], final, model, parsed.refusal, inputs=inputs, find_model=find_model)
    adjusted = "" if first == wanted else f"size={spell(first)}"
    return Plan(
        tuple(images), request.batch_size, request.n_iter, prompt, negative, emphasis, adjusted=adjusted, inputs=inputs
    )


def wanted_size(request: Txt2ImgRequest, model: ModelInfo, upload: Size | None = None) -> Size:
    """Returns the size that was asked for. A side that is not given is that of the upload or the model's own."""
    width, height = default_size(request, model, upload)
    return request.width or width, request.height or height


def _read(parsed: Parsed[Txt2ImgRequest], model: ModelInfo, field: str, emphasis: str) -> PlainPrompt:
    text = getattr(parsed.request, field) or ""
    if len(text) > model.limits.max_prompt_chars:
        raise parsed.refusal(field, f"Must have at most {model.limits.max_prompt_chars} characters.")
    return PlainPrompt(text) if emphasis == LITERAL else plain(text)


def _sampler(parsed: Parsed[Txt2ImgRequest], model: ModelInfo) -> tuple[str, str | None]:
    """The sampler's public name, and the schedule that it shall have where it can have that one."""
    request = parsed.request
    name = request.sampler or request.sampler_index or model.default_sampler
    found, suffix = named(name), ""
    if found is None:
        stem, suffix = _split(name)
        found = named(stem)
    if found is None:
        labels = ", ".join(SAMPLERS[each.name].label for each in choice.usable(model.samplers))
        field = parsed.spelled.get("sampler", "sampler_name")
        raise InvalidRequestError(f"Sampler not found. There are: {labels}.", field=field)
    sampler = found.sampler
    schedule = found.schedule or (suffix or request.schedule or "").lower()
    own = next((each for each in model.samplers or choice.ALL if each.name == sampler.name), None)
    can_have = schedule in SCHEDULES and own is not None and schedule in own.schedules
    return sampler.name, schedule if can_have else None


def _split(name: str) -> tuple[str, str]:
    """Splits the name of a sampler from that of a schedule behind it, as in "DPM++ SDE Karras"."""
    spaced = name.lower().replace("_", " ")
    found = [label for label in _SCHEDULE_LABELS if spaced.endswith(f" {label}")]
    label = max(found, key=len, default="")
    return (name[: -len(label) - 1], label) if label else (name, "")


def _hires(parsed: Parsed[Txt2ImgRequest], model: ModelInfo, first: Size) -> tuple[Size, HiresRequest | None]:
    """The size of the images, and their first pass. The web UI's size is that of the first pass."""
    request = parsed.request
    if request.hires is not None or not request.enable_hr or isinstance(request, Img2ImgRequest):
        return first, request.hires
    final = _enlarged(request, model, first)
    if final == first:
        return first, None
    if not can_draw(final, model.limits):
        raise parsed.refusal("hr_scale", f"The model cannot draw {spell(final)}.")
    name = request.hr_upscaler if request.hr_upscaler not in (None, "", "None") else "Latent"
    upscaler = UPSCALERS.find(name or "")
    if upscaler is None:
        raise parsed.refusal("hr_upscaler", "There is no such upscaler.")
    hires = HiresRequest(
        width=first[0],
        height=first[1],
        steps=request.hr_second_pass_steps or None,
        strength=request.denoising_strength or None,
        upscaler=upscaler.name,
    )
    return final, hires


def _enlarged(request: Txt2ImgRequest, model: ModelInfo, first: Size) -> Size:
    width, height = request.hr_resize_x, request.hr_resize_y
    if not width and not height:
        return enlarged(first, request.hr_scale or _HIRES_SCALE, model.limits)
    wanted = (width or round(height * first[0] / first[1]), height or round(width * first[1] / first[0]))
    return enlarged(wanted, 1.0, model.limits)


def _refiner(parsed: Parsed[Txt2ImgRequest], find_model: FindModel) -> RefinerRequest | None:
    request = parsed.request
    switch_at = request.refiner_switch_at or _REFINER_SWITCH
    if request.refiner is not None or request.refiner_checkpoint in _NO_CHECKPOINT or switch_at == 1:
        return request.refiner
    found = find_checkpoint(find_model, request.refiner_checkpoint)
    if found is None:
        raise parsed.refusal("refiner_checkpoint", "There is no such model.")
    return RefinerRequest(model=found.name, switch_at=switch_at)


def _image_guidance(request: Txt2ImgRequest, model: ModelInfo) -> float | None:
    """The web UI's clients send the scale whatever the model is."""
    if isinstance(request, Img2ImgRequest) and request.image_guidance_scale is None and model.reads_image:
        return max(request.image_cfg_scale, 1.0) if request.image_cfg_scale is not None else None
    return request.image_guidance_scale

"""Requests that start from an image: read, with the image decoded, and understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request

from pipelines.model_info import ModelInfo
from service.api.dependencies import services_of
from service.api.dialects.openai.answers import response_format, sole_format
from service.api.dialects.openai.generation import Generation, ResponseFormat
from service.api.dialects.openai.resolve import choose_size, plan
from service.api.dialects.openai.schemas import EditRequest
from service.api.generation.inputs import DecodedInputs, prepare
from service.api.generation.model_names import chosen_model
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.http.dialect import BodyRules
from service.api.http.request_body import Parsed, parse
from service.engine.types import Size
from service.images.encoding import ImageFormat


@dataclass(frozen=True, slots=True)
class Start:
    """A request, and what it starts from."""

    parsed: Parsed[EditRequest]
    model: ModelInfo
    form: ResponseFormat
    sole: ImageFormat | None
    """Format of an image that is the whole answer."""
    inputs: DecodedInputs
    texts: Mapping[str, Any]
    """The fields that have an effect, without the images."""

    async def generation(
        self, request: Request, *, events: Literal["image_generation", "image_edit"]
    ) -> tuple[Generation, Mapping[str, Any]]:
        """Returns the generation, and the wish that equal requests share. Raises `InvalidRequestError`."""
        services, parsed, model = services_of(request), self.parsed, self.model
        size = choose_size(parsed, model, self.inputs.size)
        inputs = await prepare(self.inputs, size.size, parsed.request.resize_mode)
        planned = plan(parsed, model, size, inputs, services.engine.find_model)
        generation = Generation(services, parsed, planned, model.name, self.sole, self.form, events=events)
        return generation, {**self.texts, "image": inputs.image, "mask": inputs.mask}


async def read_start(
    request: Request, kind: type[EditRequest], fields: Mapping[str, Any], rules: BodyRules, *, as_text: bool = False
) -> Start:
    """Reads the fields of a body and decodes the image. `as_text` reads numbers that are given as text.

    Raises `InvalidRequestError`, and what `InputReader.read` and `Engine.find_model` raise.
    """
    services = services_of(request)
    parsed = parse(kind, fields, rules, as_text=as_text)
    files = {name for name in ("image", "mask") if getattr(parsed.request, name) is not None}
    left_out = {*files, *(parsed.spelled.get(name, name) for name in files), *parsed.ignored}
    model = chosen_model(parsed.request.model, services.engine)
    form = response_format(parsed, stores_images=services.jobs is not None)
    sole = sole_format(request, parsed)

    def judge(upload: Size, inputs: PreparedInputs) -> None:
        plan(parsed, model, choose_size(parsed, model, upload), inputs, services.engine.find_model)

    decoded = await services.inputs.read(
        parsed.request, model, services.tenant(request), parsed.refusal, judge, transparency_is_mask=True
    )
    assert decoded is not None, "the request has an image"
    return Start(parsed, model, form, sole, decoded, {name: fields[name] for name in fields.keys() - left_out})

"""Makes the images of a request, until they are done or the caller interrupts them, and answers with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response

from pipelines.model_info import ModelInfo
from pipelines.prompts.lengths import PromptLengths
from service.api.dependencies import Services, services_of, unless_gone
from service.api.dialects.a1111.answers import MadeImage, info, infotext
from service.api.dialects.a1111.callers.call import Call
from service.api.dialects.a1111.callers.callers import Caller
from service.api.dialects.a1111.checkpoints import find_checkpoint
from service.api.dialects.a1111.resolve import Plan
from service.api.dialects.a1111.schemas import Txt2ImgRequest
from service.api.generation.model_names import chosen_model
from service.api.generation.prompt_tokens import truncated_headers
from service.engine.interface import ImageFinished, Job
from service.engine.types import Priority

_PREVIEWS: Final = 3
"""Previews of each image, for whoever asks for the progress."""


def model_and_emphasis(request: Txt2ImgRequest, caller: Caller, services: Services) -> tuple[ModelInfo, str]:
    """Returns the model and the emphasis of a request. Its own fields override the options of its caller.

    Raises what `Engine.find_model` raises.
    """
    settings = request.override_settings
    emphasis = settings.emphasis or caller.emphasis
    if request.model:
        return chosen_model(request.model, services.engine), emphasis
    found = find_checkpoint(services.engine.find_model, settings.sd_model_checkpoint)
    return found or caller.model(services), emphasis


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for images, understood. It holds no files of the body, since it is kept until the answer."""

    request: Txt2ImgRequest
    ignored_headers: Mapping[str, str]
    plan: Plan
    parameters: Mapping[str, Any]
    """The request as the answer repeats it."""


async def answer(request: Request, caller: Caller, asked: Asked) -> Response:
    making, plan = _Making(request, asked), asked.plan
    with caller.running(making.call):
        await making.call.run(making.make())
    made = [making.made[index] for index in sorted(making.made)]
    files = [image.base64 for image in made] if asked.request.send_images else []
    headers = {"X-Seed": str(plan.images[0].seed), **asked.ignored_headers, **truncated_headers(making.lengths)}
    if plan.adjusted:
        headers["X-Adjusted-Params"] = plan.adjusted
    body = {"images": files, "parameters": asked.parameters, "info": info(plan, made, making.call.begun)}
    return Response(json.dumps(body), media_type="application/json", headers=headers)


class _Making:
    def __init__(self, request: Request, asked: Asked) -> None:
        self.made: dict[int, MadeImage] = {}
        self.lengths: list[PromptLengths | None] = []
        self._plan = plan = asked.plan
        self._asked = asked.request
        self.call = Call(
            plan.images, batch_size=plan.batch_size, batches=plan.n_iter, task_id=self._asked.force_task_id
        )
        self._request = request
        self._services = services_of(request)

    async def make(self) -> None:
        """Raises what `Services.submit` and `Job.events` raise."""
        job = await self._services.submit(
            self._request,
            self._plan.images,
            previews=_PREVIEWS,
            priority=Priority(self._asked.priority),
            deadline_s=self._asked.deadline_s,
            inputs=self._plan.inputs.pixels,
        )
        with self._services.running(job):
            await unless_gone(self._request, self._read(job))

    async def _read(self, job: Job) -> None:
        async for event in job.events():
            if isinstance(event, ImageFinished):
                self.made[event.index] = await self._encoded(event)
                self.lengths.append(event.prompt_lengths)
            self.call.follow(event)

    async def _encoded(self, image: ImageFinished) -> MadeImage:
        text = infotext(self._plan, image.params)
        if not self._asked.send_images:
            return MadeImage(image.index, image.params, text, "")
        file = await self._services.encoder.encode(
            image.rgb_image,
            self._asked.output_format or "png",
            quality=self._asked.output_compression,
            parameters=text if self._services.embed_parameters else None,
        )
        return MadeImage(image.index, image.params, text, base64.b64encode(file).decode("ascii"))

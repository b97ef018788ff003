"""Bodies of Hugging Face's inference API, with our extensions among the parameters.

The sources are the inputs of the tasks text-to-image and image-to-image in `@huggingface/tasks`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.api.generation.input_request import ImageSource, InputRequest
from service.api.http.fields import Text, json_text


class InferenceRequest(BaseModel):
    """The body of a request, whose parameters are read apart."""

    model_config = ConfigDict(strict=True, frozen=True)

    inputs: Annotated[
        ImageSource, Field(description="The prompt; where the parameters have one, the image to start from")
    ]
    parameters: Annotated[dict[str, Any], BeforeValidator(json_text)] = Field(default_factory=dict)


class Parameters(InputRequest):
    prompt: Annotated[
        Text | None, Field(min_length=1, description="Makes `inputs` the image to start from: base64 or a data URL")
    ] = None
    width: Annotated[
        int | None, Field(ge=1, description="Pixels; a size that the model cannot draw becomes the nearest that it can")
    ] = None
    height: Annotated[int | None, Field(ge=1)] = None

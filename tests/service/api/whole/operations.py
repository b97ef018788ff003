"""The routes that take a prompt, for the tests of contracts that all dialects keep."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import httpx2

from tests.service.images.inputs.samples import picture, saved

IMAGE: Final = base64.b64encode(saved(picture((64, 64)))).decode()
IMAGES: Final[dict[str, Any]] = {"image": IMAGE, "init_images": [IMAGE]}
"""An image under each name that a dialect has for it."""


class Operation(NamedTuple):
    """A route that takes a prompt."""

    client: httpx2.AsyncClient
    method: str
    path: str
    body: dict[str, Any]
    """The JSON Schema of its generation parameters: the body, or the object in it that holds them."""
    inside: str = ""
    """The name of that object in the body; empty if the body itself has the parameters."""
    text: str = "prompt"
    """The name of the prompt's field. Any name but `prompt` is a field of the body, beside the object."""
    stores: bool = False
    """Whether its images are those of a durable job."""

    @property
    def required(self) -> list[str]:
        fields: list[str] = self.body.get("required", [])
        return fields

    @property
    def images(self) -> dict[str, Any]:
        """The images that the route requires, by field."""
        return {name: image for name, image in IMAGES.items() if name in self.required}

    @property
    def answers_one_image(self) -> bool:
        """Tells whether the answer is always the file of one image."""
        return self.text == "inputs"

    def nested(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Returns the body that gives these parameters."""
        text = {self.text: "x"} | {name: value for name, value in fields.items() if name == self.text}
        rest = {name: value for name, value in fields.items() if name != self.text}
        if not self.inside:
            return text | rest
        return {**text, self.inside: rest} if self.text != "prompt" else {self.inside: text | rest}

    async def send(self, *, headers: dict[str, str] | None = None, **fields: Any) -> httpx2.Response:
        """Asks for an image, of one step unless `fields` say otherwise. Waits for the end of a job."""
        return await self.client.request(
            self.method,
            self.path,
            json=self.nested({"num_inference_steps": 1, **self.images, **fields}),
            headers={"Prefer": "wait=60", **(headers or {})},
        )


def generating(body: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yields the schema of each object in a body with generation parameters, the object's name, and the prompt's."""
    for name, schema in {"": body, **body["properties"]}.items():
        if "prompt" in schema.get("properties", ()):
            yield {"required": [], **schema}, name, "inputs" if "inputs" in body["properties"] else "prompt"

"""OpenAI's own package: models, images, addresses, edits, streams and errors."""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.request
from typing import Any

import openai

client = openai.OpenAI(base_url=os.environ["DARKROOM_URL"] + "/v1", api_key=os.environ["DARKROOM_KEY"])


def models() -> Any:
    return [model.id for model in client.models.list()]


def generate() -> Any:
    result = client.images.generate(
        model="gpt-image-1", prompt="a red circle", n=2, size="1024x1024", extra_body={"seed": 7, "steps": 2}
    )
    return {"images": [image.b64_json for image in result.data or []], "size": result.size}


def address() -> Any:
    """Does as OpenAI's documentation shows for its older models: without `response_format` the answer has a URL."""
    result = client.images.generate(model="dall-e-3", prompt="a red circle", quality="hd", style="vivid")
    (image,) = result.data or []
    assert image.url is not None
    with urllib.request.urlopen(image.url) as response:
        file = response.read()
    return {"url": image.url, "b64_json": image.b64_json, "image": base64.b64encode(file).decode()}


def edit() -> Any:
    made = client.images.generate(prompt="a red circle", response_format="b64_json")
    (first,) = made.data or []
    file = base64.b64decode(first.b64_json or "")
    one = client.images.edit(image=("circle.png", file), mask=("mask.png", file), prompt="a blue circle")
    several = client.images.edit(model="gpt-image-1", image=[("circle.png", file)], prompt="a blue circle", n=2)
    return {"images": [image.b64_json for result in (one, several) for image in result.data or []]}


def stream() -> Any:
    events = client.images.generate(model="gpt-image-1", prompt="a red circle", stream=True, partial_images=2)
    return [{"type": event.type, "image": event.b64_json} for event in events]


def refuse() -> Any:
    try:
        client.images.generate(prompt="a red circle", extra_body={"steps": 0})
    except openai.BadRequestError as error:
        return {"message": error.message, "param": error.param, "code": error.code, "id": error.request_id}


def refuse_key() -> Any:
    try:
        client.with_options(api_key="drk_unknown").models.list()
    except openai.AuthenticationError as error:
        return {"status": error.status_code, "code": error.code}


def azure() -> Any:
    """The client for Azure, which names the model in the path and brings its key in a header of its own."""
    deployed = openai.AzureOpenAI(
        azure_endpoint=os.environ["DARKROOM_URL"], api_key=os.environ["DARKROOM_KEY"], api_version="2025-04-01-preview"
    )
    result = deployed.images.generate(model="dall-e-3", prompt="a red circle", response_format="b64_json")
    return {"images": [image.b64_json for image in result.data or []]}


several = (models, generate, address, edit, stream, azure, refuse, refuse_key)
print(json.dumps({action.__name__: action for action in several}[sys.argv[1]]()))

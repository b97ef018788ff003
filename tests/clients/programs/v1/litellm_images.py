"""LiteLLM, as a library: an image and an edit."""

from __future__ import annotations

import base64
import json
import os

import litellm

server = {"api_base": os.environ["DARKROOM_URL"] + "/v1", "api_key": os.environ["DARKROOM_KEY"]}
made = litellm.image_generation(
    model="openai/gpt-image-1", prompt="a red circle", size="1024x1024", extra_body={"seed": 7}, **server
)
image = made.data[0].b64_json
edited = litellm.image_edit(model="openai/gpt-image-1", image=base64.b64decode(image), prompt="a blue circle", **server)
print(json.dumps({"image": image, "edited": edited.data[0].b64_json}))

"""Griptape's OpenAiImageGenerationDriver: an image, and a part of it painted anew."""

from __future__ import annotations

import base64
import json
import os

from griptape.artifacts import ImageArtifact
from griptape.drivers.image_generation.openai import OpenAiImageGenerationDriver
from griptape.loaders import ImageLoader


def content(artifact: ImageArtifact) -> str:
    return base64.b64encode(artifact.value).decode()


server = {"base_url": os.environ["DARKROOM_URL"] + "/v1", "api_key": os.environ["DARKROOM_KEY"]}
driver = OpenAiImageGenerationDriver(model="dall-e-2", image_size="512x512", **server)
made = driver.run_text_to_image(["a red circle", "on white"])
mask = ImageLoader().parse(base64.b64decode(os.environ["DARKROOM_MASK"]))
changed = driver.run_image_inpainting(["a blue circle"], made, mask)
print(json.dumps({"image": content(made), "changed": content(changed)}))

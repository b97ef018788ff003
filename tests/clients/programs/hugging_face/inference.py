"""Images by huggingface_hub."""

import base64
import io
import json
import os
import sys
from typing import Any

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from PIL.Image import Image


def shown(image: Image) -> dict[str, Any]:
    file = io.BytesIO()
    image.save(file, "png")
    return {"format": image.format, "image": base64.b64encode(file.getvalue()).decode()}


def main(action: str) -> dict[str, Any] | None:
    url = os.environ["DARKROOM_URL"]
    client = InferenceClient(model=url + os.environ.get("DARKROOM_PATH", "/hf"), token=os.environ["DARKROOM_KEY"])
    if action == "text":
        made = client.text_to_image(
            "a red circle",
            negative_prompt="blurry",
            width=160,
            height=96,
            num_inference_steps=2,
            guidance_scale=3.0,
            scheduler="EulerDiscreteScheduler",
            seed=7,
        )
        return shown(made)
    if action == "image":
        start = base64.b64decode(os.environ["DARKROOM_IMAGE"])
        return shown(client.image_to_image(start, prompt="a blue star", num_inference_steps=4))
    try:
        client.text_to_image("x", num_inference_steps=int(os.environ["DARKROOM_STEPS"]))
    except HfHubHTTPError as error:
        return {"status": error.response.status_code, "message": str(error)}
    return None


print(json.dumps(main(sys.argv[1])))

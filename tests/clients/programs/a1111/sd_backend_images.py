"""sd-backend-client, which checks what it is answered against schemas: images, lists, and a canceled job."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from PIL import Image
from sd_backend_client import A1111Webservice, DiffusionRequestBody, GenerationStatus, connect_to_backend

backend = connect_to_backend(os.environ["DARKROOM_URL"], lambda: ("anybody", os.environ["DARKROOM_KEY"]))
assert isinstance(backend, A1111Webservice), "it takes the server for the web UI"


def _described(result: Any) -> Any:
    sizes = [image.size for image in result.images]
    return {"sizes": sizes, "seeds": result.seeds, "infotexts": result.raw_info.infotexts}


def generate() -> Any:
    asked = DiffusionRequestBody(
        prompt="a red circle", seed=5, steps=2, sampler="dpmpp_2m", scheduler="karras", n_iter=2
    )
    return _described(backend.submit_txt2img(asked).wait(60))


def change() -> Any:
    image, mask = Image.new("RGB", (160, 96), "red"), Image.new("L", (160, 96), 255)
    asked = {"prompt": "a blue circle", "steps": 4, "width": 160, "height": 96, "init_images": [image]}
    plain = backend.submit_img2img(DiffusionRequestBody(**asked)).wait(60)
    masked = backend.submit_inpaint(DiffusionRequestBody(**asked, mask=mask)).wait(60)
    return [_described(plain), _described(masked)]


def lists() -> Any:
    kinds = (
        "checkpoints",
        "vaes",
        "loras",
        "hypernetworks",
        "samplers",
        "schedulers",
        "upscalers",
        "controlnet_models",
    )
    found = {kind: [option.name for option in getattr(backend, f"list_{kind}")()] for kind in kinds}
    return {**found, "capabilities": backend.get_capabilities().model_dump()}


def cancel() -> Any:
    handle = backend.submit_txt2img(DiffusionRequestBody(prompt="a red circle", steps=10, n_iter=8))
    while handle.poll().status is not GenerationStatus.ACTIVE or not handle.poll().progress:
        time.sleep(0.01)
    progress = handle.poll().progress
    handle.cancel()
    while not handle.poll().status.is_terminal:
        time.sleep(0.01)
    return {"progress": progress, "status": handle.poll().status.name}


several = (generate, change, lists, cancel)
print(json.dumps({action.__name__: action for action in several}[sys.argv[1]]()))

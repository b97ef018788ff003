"""webuiapi: images, changed images, lists, the model, an interrupt and an error."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import webuiapi
from PIL import Image

api = webuiapi.WebUIApi(
    baseurl=os.environ["DARKROOM_URL"] + "/sdapi/v1", username="anybody", password=os.environ["DARKROOM_KEY"]
)


def generate() -> Any:
    result = api.txt2img(
        prompt="a (red circle:1.3)",
        negative_prompt="blurry",
        seed=1003,
        sampler_name="DPM++ SDE Karras",
        steps=2,
        cfg_scale=7,
        batch_size=2,
        n_iter=2,
    )
    read = api.png_info(result.images[1])
    return {"images": result.json["images"], "info": result.info, "parameters": result.parameters, "read": read.info}


def change() -> Any:
    image, mask = Image.new("RGB", (160, 96), "red"), Image.new("L", (160, 96))
    mask.paste(255, (0, 0, 80, 96))
    result = api.img2img(
        images=[image], mask_image=mask, prompt="a blue circle", steps=4, width=160, height=96, denoising_strength=0.5
    )
    return {"images": result.json["images"], "info": result.info}


def lists() -> Any:
    asked = (
        "samplers",
        "schedulers",
        "upscalers",
        "latent_upscale_modes",
        "loras",
        "sd_models",
        "hypernetworks",
        "face_restorers",
        "realesrgan_models",
        "prompt_styles",
        "scripts",
        "embeddings",
        "memory",
        "sd_vae",
        "cmd_flags",
    )
    found = {name: getattr(api, f"get_{name}")() for name in asked}
    api.refresh_checkpoints()
    api.util_wait_for_ready(0.01)
    api.util_set_model(found["sd_models"][0]["title"])
    return {**found, "model": api.util_get_current_model()}


def interrupt() -> Any:
    made: list[Any] = []
    making = threading.Thread(target=lambda: made.append(api.txt2img(prompt="a red circle", steps=10, n_iter=8)))
    making.start()
    while api.get_progress()["state"]["job_no"] < 1:
        time.sleep(0.01)
    running = api.get_progress()
    api.interrupt()
    making.join()
    return {"running": running, "images": len(made[0].images), "seeds": made[0].info["all_seeds"]}


def refuse() -> Any:
    try:
        api.txt2img(prompt="x", sampler_name="no such sampler")
    except RuntimeError as error:
        status, text = error.args
        return {"status": status, "body": json.loads(text)}


several = (generate, change, lists, interrupt, refuse)
print(json.dumps({action.__name__: action for action in several}[sys.argv[1]]()))

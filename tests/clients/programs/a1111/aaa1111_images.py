"""aaa1111, which makes dataclasses of what it is answered: images, changed images, lists and settings."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import Any

from aaa1111 import AAA1111
from aaa1111.types import IMG2IMG, TXT2IMG
from PIL import Image

api = AAA1111(base_url=os.environ["DARKROOM_URL"], username="anybody", password=os.environ["DARKROOM_KEY"])


def _described(result: Any) -> Any:
    return {"sizes": [image.size for image in result.images], "info": result.info}


def generate() -> Any:
    return _described(api.txt2img(TXT2IMG(prompt="a red circle", seed=5, steps=2, n_iter=2, sampler_name="Euler a")))


def change() -> Any:
    image = Image.new("RGB", (160, 96), "red")
    return _described(api.img2img(IMG2IMG(init_images=[image], prompt="a blue circle", steps=4, width=160, height=96)))


def lists() -> Any:
    named = (
        "samplers",
        "upscalers",
        "latent_upscale_modes",
        "sd_models",
        "sd_vae",
        "hypernetworks",
        "face_restorers",
        "realesrgan_models",
        "prompt_styles",
        "script_info",
        "loras",
        "lycos",
    )
    found = {name: [dataclasses.asdict(each) for each in getattr(api, name)()] for name in named}
    single = {
        name: dataclasses.asdict(getattr(api, name)()) for name in ("embeddings", "memory", "scripts", "progress")
    }
    return {**found, **single, "cmd_flags": api.cmd_flags()}


def settings() -> Any:
    for act in (api.interrupt, api.skip, api.refresh_checkpoints, api.refresh_loras, api.unload_checkpoint):
        act()
    before = api.get_options()
    api.set_options(**before)
    return {"before": before, "after": api.get_options()}


several = (generate, change, lists, settings)
print(json.dumps({action.__name__: action for action in several}[sys.argv[1]]()))

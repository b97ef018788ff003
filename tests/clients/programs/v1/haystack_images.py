"""Haystack's OpenAIImageGenerator."""

from __future__ import annotations

import json
import os

from haystack.components.generators import OpenAIImageGenerator
from haystack.utils import Secret

generator = OpenAIImageGenerator(
    api_base_url=os.environ["DARKROOM_URL"] + "/v1", api_key=Secret.from_token(os.environ["DARKROOM_KEY"])
)
print(json.dumps({"image": generator.run("a red circle", quality="high")["images"][0]}))

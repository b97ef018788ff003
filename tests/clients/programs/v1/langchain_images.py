"""LangChain's DallEAPIWrapper, which gives addresses alone."""

from __future__ import annotations

import base64
import json
import os
import urllib.request

from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

wrapper = DallEAPIWrapper(
    model="dall-e-3", base_url=os.environ["DARKROOM_URL"] + "/v1", api_key=os.environ["DARKROOM_KEY"]
)
url = wrapper.run("a red circle")
with urllib.request.urlopen(url) as response:
    print(json.dumps({"url": url, "image": base64.b64encode(response.read()).decode()}))

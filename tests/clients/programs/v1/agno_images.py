"""agno's DalleTools, which takes the server from OpenAI's variables and gives addresses alone."""

from __future__ import annotations

import base64
import json
import os
import urllib.request

from agno.tools.dalle import DalleTools

os.environ["OPENAI_BASE_URL"] = os.environ["DARKROOM_URL"] + "/v1"
result = DalleTools(api_key=os.environ["DARKROOM_KEY"], quality="hd", style="vivid").create_image("a red circle")
assert result.images, result.content
url = result.images[0].url
with urllib.request.urlopen(url) as response:
    print(json.dumps({"url": url, "image": base64.b64encode(response.read()).decode()}))

"""Together's package, which adds /v1 itself and names sides and steps at the top of the body."""

from __future__ import annotations

import base64
import json
import os
import urllib.request

from together import Together

client = Together(base_url=os.environ["DARKROOM_URL"], api_key=os.environ["DARKROOM_KEY"])
wanted = {"model": "dall-e-3", "prompt": "a red circle", "width": 160, "height": 96, "steps": 2, "seed": 7}
inside = client.images.generate(**wanted, response_format="base64").data[0]
linked = client.images.generate(**wanted, response_format="url").data[0]
with urllib.request.urlopen(linked.url) as response:
    file = base64.b64encode(response.read()).decode()
print(json.dumps({"image": inside.b64_json, "url": linked.url, "linked": file}))

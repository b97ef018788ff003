"""The command llm with its plugin for OpenAI's images: an image, and another one from that."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path


def llm(prompt: str, name: str, *options: str) -> Path:
    path = Path.cwd() / name
    variables = {"OPENAI_BASE_URL": os.environ["DARKROOM_URL"] + "/v1", "OPENAI_API_KEY": os.environ["DARKROOM_KEY"]}
    command = [sys.executable, "-m", "llm", "-m", "openai/gpt-image-1.5", prompt, "-o", "output", str(path), *options]
    subprocess.run(
        command, env={**os.environ, **variables}, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return path


made = llm("a red circle", "made.png", "-o", "size", "landscape")
edited = llm("a blue circle", "edited.png", "-a", str(made))
images = {"image": made, "edited": edited}
print(json.dumps({name: base64.b64encode(path.read_bytes()).decode() for name, path in images.items()}))

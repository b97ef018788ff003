"""The MCP server image-generation-mcp, asked as a chat asks it. Its key is in the address, as it has no other place."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

FOLDER = Path.cwd() / "gallery"
SETTINGS = {"SD_WEBUI_HOST": os.environ["DARKROOM_ADDRESS"], "SCRATCH_DIR": str(FOLDER), "READ_ONLY": "false"}


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    return json.loads(result.content[0].text)


async def ended(client: Client, image_id: str) -> Any:
    """Returns the status of the image once it is made, or after two minutes."""
    until = time.monotonic() + 120
    while (status := await ask(client, "check_generation_status", image_id=image_id))["status"] == "generating":
        if time.monotonic() > until:
            break
        await asyncio.sleep(0.2)
    return status


async def main() -> None:
    environment = {**os.environ, **{f"IMAGE_GENERATION_MCP_{name}": value for name, value in SETTINGS.items()}}
    command = str(Path(sys.executable).with_name("image-generation-mcp"))
    async with Client(StdioTransport(command, ["serve"], env=environment)) as client:
        providers = await ask(client, "list_providers")
        wish = {"prompt": "a red circle", "negative_prompt": "blurry", "aspect_ratio": "3:2"}
        image_id = (await ask(client, "generate_image", provider="sd_webui", **wish))["image_id"]
        status = await ended(client, image_id)
    files = [base64.b64encode(path.read_bytes()).decode() for path in FOLDER.rglob("*.png")]
    print(json.dumps({"providers": providers, "status": status, "files": files}))


asyncio.run(main())

"""`docs/how-to/add-a-dialect.md` does what it says."""

from __future__ import annotations

from pathlib import Path

from tests.how_to.workshop import follow

CHECK = """
import asyncio
from pathlib import Path

import httpx2

from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine


async def main() -> None:
    engine = FakeEngine()
    app = create_app(Settings(data_dir=Path("data")), engine, keeps_jobs=False)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        made = await client.post("/simple/image", json={"prompt": "a red circle", "seed": 7})
        assert (made.status_code, made.headers["content-type"]) == (200, "image/png"), made.text
        assert made.content.startswith(b"\\x89PNG")
        assert engine.jobs[0].images[0].seed == 7

        refused = await client.post("/simple/image", json={"prompt": "", "promt": "x"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "invalid_value"
        assert refused.json()["message"].endswith("; promt: There is no such field"), refused.text
        missing = await client.get("/simple/nothing")
        assert missing.json() == {"code": "not_found", "message": "Not Found."}
        other = await client.get("/v1/nothing")
        assert set(other.json()) == {"error"}
        assert "/simple/image" in (await client.get("/openapi.json")).json()["paths"]


asyncio.run(main())
"""


def test_a_folder_and_a_line_make_a_dialect(tmp_path: Path) -> None:
    workshop = follow("add-a-dialect.md", tmp_path)
    outside = [path for path in workshop.changed if not path.startswith("service/api/dialects/simple/")]
    assert outside == ["service/api/dialects/registry.py"]
    workshop.run("-c", CHECK)

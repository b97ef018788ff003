"""`docs/how-to/add-a-generation-parameter.md` does what it says, in six files."""

from __future__ import annotations

from pathlib import Path

from tests.how_to.workshop import follow

SERVER = """
import asyncio
import io
from pathlib import Path

import httpx2
from PIL import Image

from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine


async def main() -> None:
    engine = FakeEngine()
    app = create_app(Settings(data_dir=Path("data")), engine)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        body = {"prompt": "a red circle", "noise_multiplier": 1.25}
        made = await client.post("/v1/images/generations", json=body, headers={"Accept": "image/png"})
        assert engine.jobs[0].images[0].noise_multiplier == 1.25
        assert "Noise multiplier: 1.25" in Image.open(io.BytesIO(made.content)).text["parameters"]

        accepted = await client.post("/api/v1/jobs", json=body, headers={"Prefer": "wait=60"})
        assert accepted.json()["request"]["noise_multiplier"] == 1.25, accepted.text
        refused = await client.post("/api/v1/jobs", json={**body, "noise_multiplier": 2})
        assert refused.json()["errors"][0]["pointer"] == "/noise_multiplier"
        schema = (await client.get("/openapi.json")).json()
        assert str(schema).count("'noise_multiplier'") >= 3


asyncio.run(main())
"""
FAMILY = """
from dataclasses import replace
from pathlib import Path

from pipelines.interface import finish_or_raise
from tests.harness.models import tiny_model
from tests.harness.engine.worker_harness import make_params

pipeline = tiny_model.load(tiny_model.write(Path("tiny")))


def make(params):
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    return state.latents


plain = make_params(width=64, height=64, steps=3, guidance_scale=7.5, sampler="ddim")
assert make(plain).equal(make(replace(plain, noise_multiplier=1.0)))
assert not make(plain).equal(make(replace(plain, noise_multiplier=1.1)))
"""


def test_six_files_make_a_generation_parameter(tmp_path: Path) -> None:
    workshop = follow("add-a-generation-parameter.md", tmp_path)
    assert len(workshop.changed) == 6

    workshop.run("-c", SERVER)
    shown = workshop.run("-c", "from darkroom.cli.app import main; main()", "generate", "--help")
    assert "--noise-multiplier" in shown
    workshop.run("-c", FAMILY)

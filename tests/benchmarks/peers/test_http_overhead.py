"""The HTTP overhead, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from benchmarks.peers.http_overhead import http_overheads_s, params_of
from benchmarks.peers.reference import FIXED_REQUEST, peer_request
from benchmarks.workload import Request
from pipelines.params import GenerationParams
from service.engine.interface import Engine
from tests.benchmarks import virtual_time


class FakeEngine:
    """Makes an image in a second."""

    def submit(self, images: Sequence[GenerationParams]) -> FakeEngine:
        return self

    async def result(self) -> list[Any]:
        await asyncio.sleep(1.0)
        return []


def test_the_http_overhead_is_the_difference_within_each_pair() -> None:
    async def send(request: Request) -> None:
        await asyncio.sleep(1.25)

    async def measured() -> list[float]:
        return await http_overheads_s(send, cast(Engine, FakeEngine()), FIXED_REQUEST, 4, clock=virtual_time.now)

    assert virtual_time.run(measured()) == pytest.approx([0.25] * 4)


def test_darkroom_and_the_peers_get_the_same_parameters() -> None:
    ours, theirs = params_of(FIXED_REQUEST), peer_request(FIXED_REQUEST)
    for name in ("prompt", "steps", "guidance_scale", "width", "height", "seed"):
        assert getattr(ours, name) == getattr(theirs, name)

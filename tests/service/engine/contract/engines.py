"""The engines whose tests check the contract of `service.engine.interface`: the real one, with one device and with
two, and the fake one, also with all its jobs moderated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias

import pytest

from service.engine.interface import Engine, Phase
from service.moderation.moderated_engine import ModeratedEngine
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.engine.local_engine import TIMEOUT_S, make_engine
from tests.harness.engine.worker_harness import make_params
from tests.harness.served.fake_moderator import FakeModerator, moderation_by

Kind: TypeAlias = Literal["fake", "moderated", "local", "two devices"]
KINDS: Final = [
    "fake",
    pytest.param("moderated", marks=pytest.mark.integration),
    pytest.param("local", marks=pytest.mark.integration),
    pytest.param("two devices", marks=pytest.mark.integration),
]
"""Parameters of fixtures. The tests of the fake engine are unit tests. Those of the real engines start processes,
and those of the moderated one repeat the unit tests."""

STEP_S = 0.02
LONG = make_params("long", steps=200)
"""An image of four seconds, whose end no test awaits."""


def make(kind: Kind, *, loads: bool = True, **bounds: Any) -> Engine:
    """Makes an engine that has not started. Without `loads` its model cannot be loaded.

    `bounds` are fields of `EngineConfig` that bound its queue.
    """
    if kind in ("local", "two devices"):
        devices = ("cpu", "cpu") if kind == "two devices" else ()
        faults = [] if loads else ["--unloadable", "no such folder"]
        return make_engine("--call-s", str(STEP_S), *faults, devices=devices, **bounds)[0]
    engine = FakeEngine()
    engine.bound(**bounds)
    engine.step_s = STEP_S
    engine.phase, engine.info = Phase.LOADING, None
    engine.phase_after_start = Phase.SERVING if loads else Phase.FAILED
    if kind == "moderated":
        return ModeratedEngine(engine, moderation_by(FakeModerator(), judges_images=False))
    return engine


@asynccontextmanager
async def started(engine: Engine, phase: Phase = Phase.SERVING) -> AsyncIterator[Engine]:
    """Starts the engine, waits for the phase, and stops the engine at the end."""
    await engine.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await engine.wait_for_phase(phase)
        yield engine
    finally:
        await engine.stop()

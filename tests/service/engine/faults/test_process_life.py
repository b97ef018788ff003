"""Workers end with their engine: after signals to both, after a kill, and while a socket is held open."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.frontend.worker_process import WorkerProcess
from service.engine.interface import Phase
from service.engine.messages import Ready, Started
from tests.harness.engine.local_engine import TIMEOUT_S, Observed
from tests.harness.engine.worker_harness import make_alone, make_params
from tests.service.engine.frontend.test_supervisor import FAKE_WORKER, SupervisorHarness

CONFIG = WorkerConfig(model="fake")
ENGINE = """
import asyncio, os, signal, sys
from service.engine.interface import Phase
from service.engine.messages import Ready, Started
from tests.harness.engine.local_engine import make_engine
from tests.harness.engine.worker_harness import make_params

async def main():
    engine, observed = make_engine(*sys.argv[1:])
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await engine.start()
    await observed.count(Ready)
    job = engine.submit([make_params("poison", steps=40)])
    await observed.count(Started)
    if "--fault" in sys.argv:
        await engine.wait_for_phase(Phase.STALLED)
    print(engine._supervisors[0]._process.pid, flush=True)
    await told.wait()
    await engine.stop(drain_s=600)
    print(len(await job.result()), observed.messages.count(observed.messages[0]), flush=True)

asyncio.run(main())
"""


@contextlib.contextmanager
def engine_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Runs an engine with an image that has started and, where the worker has a fault, has come to it.

    Yields the engine's process and the number of its worker's process.
    """
    command = [sys.executable, "-c", ENGINE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        try:
            yield engine, int(engine.stdout.readline())
        finally:
            engine.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_drain_completes_although_the_worker_gets_the_signal_too(number: signal.Signals) -> None:
    with engine_process("--call-s", "0.02") as (engine, worker_pid):
        os.kill(worker_pid, number)
        engine.send_signal(signal.SIGTERM)
        assert engine.stdout is not None

        assert engine.stdout.read().split() == ["1", "1"], "one image, by the first worker"
        assert engine.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(
    "kind",
    [
        "hang",
        pytest.param("hold", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has prctl(2)")),
    ],
)
def test_a_worker_does_not_outlive_its_killed_engine_even_in_a_call(kind: str) -> None:
    """A call that holds the interpreter's lock lets no thread of the worker notice the end of its socket."""
    with engine_process("--fault", f"predict:{kind}:3", "--call-s", "0.02") as (engine, _):
        engine.kill()
        assert engine.stdout is not None
        # The worker holds the other copy of this pipe: the pipe ends when both processes are gone.
        assert engine.stdout.read() == ""


DEAF_WORKER = "import time; time.sleep(600)"
DISCONNECTING_WORKER = """
import os, sys, time
os.close(int(sys.argv[sys.argv.index("--fd") + 1]))
time.sleep(600)
"""
HOLDER = """
import os, pathlib, sys, time
if os.fork() == 0:
    if {escapes}:
        os.setsid()
    while not pathlib.Path({stop!r}).exists():
        time.sleep(0.05)
    os._exit(0)
from tests.harness.engine import fake_worker
sys.exit(fake_worker.main())
"""


@pytest.mark.parametrize("escapes", [False, True], ids=["in-the-session", "in-a-session-of-its-own"])
async def test_a_killed_worker_is_replaced_although_a_child_of_it_holds_its_socket(
    tmp_path: Path, escapes: bool
) -> None:
    stop, observed = tmp_path / "stop", Observed()
    engine = LocalEngine(
        EngineConfig(worker=CONFIG, restart_delay_s=0.01, stall_timeout_s=TIMEOUT_S),
        command=[sys.executable, "-c", HOLDER.format(escapes=escapes, stop=str(stop)), "--call-s", "0.01"],
        observe=observed,
    )
    await engine.start()
    try:
        await observed.count(Ready)
        job = engine.submit([make_params(steps=30)])
        await observed.count(Started)
        process = engine._supervisors[0]._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await job.result()
    finally:
        stop.touch()
        await engine.stop()

    assert finished.rgb_image.pixels == make_alone(make_params(steps=30))


async def test_a_stop_kills_a_worker_that_is_being_given_time_to_exit() -> None:
    process = await WorkerProcess.spawn([sys.executable, "-c", DISCONNECTING_WORKER], CONFIG)

    async def spawn(command: Sequence[str], config: WorkerConfig) -> WorkerProcess:
        return process

    harness = SupervisorHarness([], spawn=spawn)
    harness.supervisor.start()
    async with asyncio.timeout(TIMEOUT_S):
        await process._writer.wait_closed()
        await harness.supervisor.stop(drain=False)

    assert process._process.returncode == -signal.SIGKILL


class Immortal:
    """Loses the signals that would kill workers: such a process is as good as an uninterruptible one."""

    def __init__(self) -> None:
        self.spare: set[int] = set()

    def __call__(self, group: int, number: int) -> None:
        self.spare.add(group)

    def end(self) -> None:
        for group in self.spare:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@pytest.fixture
def immortal() -> Iterator[Immortal]:
    immortal = Immortal()
    yield immortal
    immortal.end()


async def test_a_worker_that_cannot_be_killed_fails_the_engine_and_no_second_one_is_started(immortal: Immortal) -> None:
    harness = SupervisorHarness(
        [sys.executable, "-c", DISCONNECTING_WORKER],
        spawn=functools.partial(WorkerProcess.spawn, kill=immortal),
        kill_timeout_s=0.1,
    )
    harness.supervisor.start()
    await harness.until("failure")
    await harness.supervisor.stop(drain=False)

    assert harness.log == [Phase.FAILED, "failure", Phase.STOPPED]
    assert len(immortal.spare) == 1
    assert "is still there 0.1 s after it was killed" in (harness.supervisor.failure or "")


async def test_a_stuck_worker_that_cannot_be_killed_makes_the_engine_unready_and_then_fails_it(
    immortal: Immortal,
) -> None:
    harness = SupervisorHarness(
        FAKE_WORKER,
        spawn=functools.partial(WorkerProcess.spawn, kill=immortal),
        kill_timeout_s=0.1,
        stall_timeout_s=2.0,
    )
    harness.supervisor.start()
    await harness.until("ready")
    assert harness.supervisor._process is not None
    os.kill(harness.supervisor._process.pid, signal.SIGSTOP)
    await harness.until("failure")
    await harness.supervisor.stop(drain=True)

    assert harness.log == [
        Phase.SERVING,
        "ready",
        Phase.STALLED,
        Phase.RESTARTING,
        Phase.FAILED,
        "failure",
        Phase.STOPPED,
    ]


async def test_a_stop_ends_although_the_worker_cannot_be_killed(immortal: Immortal) -> None:
    process = await WorkerProcess.spawn([sys.executable, "-c", DEAF_WORKER], CONFIG, kill=immortal)

    async def spawn(command: Sequence[str], config: WorkerConfig) -> WorkerProcess:
        return process

    harness = SupervisorHarness([], spawn=spawn, kill_timeout_s=0.1)
    harness.supervisor.start()
    await asyncio.sleep(0)  # The supervisor now listens to its worker.
    async with asyncio.timeout(TIMEOUT_S):
        await harness.supervisor.stop(drain=False)

    assert harness.supervisor.phase is Phase.STOPPED
    assert harness.supervisor.failure is not None

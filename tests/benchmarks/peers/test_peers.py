"""What the peers share: how jobs are grouped, which versions they run, how they are started and how they end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from benchmarks.peers.http_cost import added_seconds, params_of
from benchmarks.peers.launch import StartFailed, launched
from benchmarks.peers.pipeline import MAX_BATCH, ImageRequest, Renderer, groups
from benchmarks.peers.reference import FIXED_JOB, Reference, measure, mix_from_json, request_of
from benchmarks.peers.servers import OURS, ROOT, SERVERS, Place, Server, environment
from benchmarks.workload import Job
from pipelines.params import GenerationParams
from service.engine.interface import Engine
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL

MODEL_LIBRARIES = {"accelerate", "diffusers", "numpy", "pillow", "safetensors", "tokenizers", "transformers"}


def request(steps: int = 4, guidance_scale: float = 4.0, size: tuple[int, int] = (128, 128)) -> ImageRequest:
    return ImageRequest("a star", steps, guidance_scale, *size, seed=1)


def pins(file: Path) -> dict[str, str]:
    lines = (line.partition("==") for line in file.read_text().splitlines() if "==" in line)
    return {name: version for name, _, version in lines}


def test_jobs_that_need_the_same_of_a_call_share_it() -> None:
    requests = [request(4), request(20), request(4), request(4, 1.0), request(4, size=(160, 96)), request(20)]
    assert groups(requests) == [[0, 2], [1, 5], [3], [4]]


def test_a_group_is_no_larger_than_a_batch() -> None:
    assert [len(group) for group in groups([request()] * (2 * MAX_BATCH + 1))] == [MAX_BATCH, MAX_BATCH, 1]


@pytest.mark.parametrize("server", [server.name for server in SERVERS if server.name != OURS])
def test_peers_run_the_model_libraries_that_we_run(server: str) -> None:
    ours, theirs = pins(ROOT / "constraints.txt"), pins(ROOT / "benchmarks/peers/requirements" / f"{server}.txt")
    assert theirs.keys() >= MODEL_LIBRARIES
    assert {name: theirs[name] for name in MODEL_LIBRARIES} == {name: ours[name] for name in MODEL_LIBRARIES}
    assert "torch" not in theirs


def test_a_server_finds_no_settings_of_ours_in_its_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "2")
    found = environment(Place(port=1, model=tmp_path, threads=3, scratch=tmp_path))
    assert "DARKROOM_MAX_ROWS" not in found
    assert found["OMP_NUM_THREADS"] == "3"


class FakeRenderer:
    def __init__(self) -> None:
        self.rendered: list[ImageRequest] = []

    def render(self, requests: Sequence[ImageRequest]) -> list[bytes]:
        self.rendered += requests
        return [f"{one.prompt}, {one.steps}".encode() for one in requests]


def test_the_reference_measures_every_class_as_often_as_asked_and_one_job_at_a_time() -> None:
    renderer = FakeRenderer()
    reference = measure(cast(Renderer, renderer), SMALL, repeats=3)
    assert set(reference.solo_s) == set(SMALL.kinds)
    warm_up, fixed = 1, 1
    assert len(renderer.rendered) == warm_up + 3 * len(SMALL.kinds) + fixed
    assert reference.image == b"a red circle on a white background, 20"


def test_a_reference_is_the_same_after_json() -> None:
    reference = Reference(dict.fromkeys(SMALL.kinds, 0.25), b"\x89PNG", {"torch": "2.13.0"})
    assert Reference.from_json(reference.to_json()) == reference
    assert reference.capacity == pytest.approx(4.0)


def test_a_mix_is_read_from_json() -> None:
    assert mix_from_json('{"steps": [4, 20], "guidance_scales": [1.0], "sizes": [[128, 128]]}') == SMALL


def test_ours_and_the_peers_are_asked_for_the_same_image() -> None:
    ours, theirs = params_of(FIXED_JOB), request_of(FIXED_JOB)
    for name in ("prompt", "steps", "guidance_scale", "width", "height", "seed"):
        assert getattr(ours, name) == getattr(theirs, name)


class FakeEngine:
    """Makes an image in a second."""

    def submit(self, images: Sequence[GenerationParams]) -> FakeEngine:
        return self

    async def result(self) -> list[Any]:
        await asyncio.sleep(1.0)
        return []


def test_what_http_adds_is_the_difference_within_each_pair() -> None:
    async def send(job: Job) -> None:
        await asyncio.sleep(1.25)

    async def measured() -> list[float]:
        return await added_seconds(send, cast(Engine, FakeEngine()), FIXED_JOB, 4, clock=virtual_time.now)

    assert virtual_time.run(measured()) == pytest.approx([0.25] * 4)


def script(*command: str, health: str = "/") -> Server:
    return Server(OURS, "A server", command, api="plain", health=health)


@pytest.mark.integration
async def test_a_server_is_ready_inside_and_gone_afterwards(tmp_path: Path) -> None:
    server = script("{python}", "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{scratch}")
    async with httpx2.AsyncClient(trust_env=False) as client:
        async with launched(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=120.0) as running:
            assert (await client.get(running.url)).status_code == 200
        with pytest.raises(httpx2.ConnectError):
            await client.get(running.url)


@pytest.mark.integration
async def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    server = script("{python}", "-c", "raise SystemExit('no model here')")
    with pytest.raises(StartFailed, match="no model here"):
        async with launched(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=120.0):
            pass


async def test_an_environment_that_was_not_made_is_named(tmp_path: Path) -> None:
    server = Server("nobody", "Nobody", ("{python}",), api="plain", health="/")
    with pytest.raises(StartFailed, match=r"setup\.sh makes it"):
        async with launched(server, model=tmp_path, threads=1, log=tmp_path / "log", timeout_s=1.0):
            pass


def lifeline(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.reaper", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.integration
def test_a_command_and_what_it_started_end_with_whoever_started_them() -> None:
    with lifeline("sh", "-c", "sleep 1000 & echo started; wait") as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"started\n"
        holder.stdin.close()
        # Standard output closes when the last process that holds it is gone.
        assert holder.stdout.read() == b""
        assert holder.wait() == 128 + signal.SIGTERM


@pytest.mark.integration
def test_what_left_the_commands_session_ends_too() -> None:
    leaver = "import os, time; os.setsid(); print('started', flush=True); time.sleep(1000)"
    with lifeline("sh", "-c", f'"{sys.executable}" -c "{leaver}" & wait') as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"started\n"
        holder.stdin.close()
        assert holder.stdout.read() == b""


@pytest.mark.integration
def test_a_command_that_ends_by_itself_passes_its_status_on() -> None:
    with lifeline("sh", "-c", "exit 7") as holder:
        assert holder.wait() == 7

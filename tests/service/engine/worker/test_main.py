"""A worker process draws what its pipeline draws, and logs in the configured format."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.checkpoints import loader
from pipelines.interface import Stage, finish_or_raise
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import WORKER_COMMAND, LocalEngine
from service.engine.messages import Drain, Ready, Submit, pack
from service.engine.worker.__main__ import set_library_variables
from service.engine.worker.channel import EXIT_ORPHANED
from tests.harness.engine.local_engine import TIMEOUT_S, Observed
from tests.harness.engine.worker_harness import make_params
from tests.harness.models import tiny_model

FAKE_WORKER = (sys.executable, "-m", "tests.harness.engine.fake_worker")
FAILING_LOAD = """
import sys
from service.engine.worker.__main__ import main

def load(config, report):
    raise RuntimeError("the driver is missing")

sys.exit(main(sys.argv[1:], load))
"""


def run_worker(command: Sequence[str], config: WorkerConfig, *submits: Submit) -> tuple[int, list[str]]:
    """Runs a worker until it has drained. Returns its exit status and the lines of its standard error."""
    ours, theirs = socket.socketpair()
    arguments = [*command, "--fd", str(theirs.fileno()), "--config", msgspec.json.encode(config).decode()]
    with ours, subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE, text=True) as worker:
        theirs.close()
        ours.sendall(b"".join(map(pack, [*submits, Drain()])))
        while ours.recv(1 << 16):
            pass
        assert worker.stderr is not None
        return worker.wait(TIMEOUT_S), worker.stderr.read().splitlines()


def parsed(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Decodes log lines; fails on a line that is not JSON."""
    return [json.loads(line) for line in lines]


def test_every_line_of_the_log_is_json_where_that_is_the_format() -> None:
    config = WorkerConfig(model="fake", log_format="json")
    status, lines = run_worker([*FAKE_WORKER, "--fault", "advance:raise:0"], config, Submit("a", make_params("poison")))

    call, image = parsed(lines)
    assert status == 0
    assert [(line["level"], line["process"]) for line in (call, image)] == [("error", "worker"), ("warning", "worker")]
    assert call["event"].startswith("a call to the model raised RuntimeError at ")
    assert (image["event"], image["image_id"], image["code"]) == ("an image failed", "a", "generation_failed")


def test_lines_below_the_configured_level_are_not_logged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = WorkerConfig(model="fake", log_format="json", log_level="error", cache_dir=str(tmp_path / "file"))
    louder = msgspec.structs.replace(config, log_level="warning")

    assert [line["event"] for line in parsed(run_worker(FAKE_WORKER, louder)[1])] == [
        "cannot write the cache of measured costs: Not a directory"
    ]
    assert run_worker(FAKE_WORKER, config) == (0, [])


def test_the_console_format_is_text() -> None:
    config = WorkerConfig(model="fake", log_format="console")
    _, lines = run_worker([*FAKE_WORKER, "--fault", "advance:raise:0"], config, Submit("a", make_params("poison")))

    assert ["a call to the model raised RuntimeError" in line for line in lines] == [True, False]
    assert not any(line.startswith("{") for line in lines)


def test_an_error_that_ends_the_worker_is_a_line_of_its_log() -> None:
    status, lines = run_worker([sys.executable, "-c", FAILING_LOAD], WorkerConfig(model="fake", log_format="json"))

    (line,) = parsed(lines)
    assert status == 1
    assert line["event"] == "the worker failed"
    assert "the driver is missing" in line["exception"]


@pytest.mark.parametrize(
    ("before", "set_to"),
    [
        ({}, {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}),
        ({"PYTORCH_CUDA_ALLOC_CONF": "backend:native"}, {"PYTORCH_CUDA_ALLOC_CONF": "backend:native"}),
        ({"PYTORCH_ALLOC_CONF": "backend:native"}, {"PYTORCH_ALLOC_CONF": "backend:native"}),
    ],
)
def test_the_allocator_grows_its_segments_unless_someone_chose_otherwise(
    before: dict[str, str], set_to: dict[str, str]
) -> None:
    environ = dict(before)

    set_library_variables(WorkerConfig(model="fake"), environ)

    assert environ == set_to


def test_exact_mode_fixes_the_order_of_sums() -> None:
    environ: dict[str, str] = {}

    set_library_variables(WorkerConfig(model="fake", exact=True), environ)

    assert environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


async def test_a_worker_that_is_ready_tells_its_bounds() -> None:
    observed = Observed()
    config = EngineConfig(worker=WorkerConfig(model="fake", max_rows=6))
    engine = LocalEngine(config, command=FAKE_WORKER, observe=observed)
    await engine.start()
    try:
        await observed.count(Ready)
    finally:
        await engine.stop()

    (ready,) = (message for message in observed.messages if isinstance(message, Ready))
    assert ready.max_counts == {Stage.TEXT: 16, Stage.INPUT: 4, Stage.DENOISE: 6, Stage.DECODE: 4}


def test_a_worker_whose_server_has_ended_before_it_starts_ends_without_a_word() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    config = msgspec.json.encode(WorkerConfig(model="fake")).decode()
    command = [*FAKE_WORKER, "--fd", str(theirs.fileno()), "--config", config]
    with theirs:
        ended = subprocess.run(
            command, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE, timeout=TIMEOUT_S, check=False
        )

    assert (ended.returncode, ended.stderr) == (EXIT_ORPHANED, b"")


def test_a_worker_with_a_real_model_logs_json_alone(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "tiny")
    config = WorkerConfig(model=str(folder), threads=1, warm_up_s=0.001, log_level="debug", log_format="json")
    status, lines = run_worker(WORKER_COMMAND, config)

    assert status == 0
    assert all(line["process"] == "worker" for line in parsed(lines))


async def test_a_model_folder_is_loaded_and_draws_what_its_pipeline_draws(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "tiny")
    observed = Observed()
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model=str(folder), threads=1)), observe=observed)
    await engine.start()
    try:
        await observed.count(Ready)
        width, height = engine.model.sizes[0]
        params = GenerationParams(
            prompt="a red circle", width=width, height=height, steps=3, guidance_scale=3.0, seed=1, sampler="euler_a"
        )
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await engine.submit([params]).result()
    finally:
        await engine.stop()

    pipeline = loader.load(str(folder), device="cpu")
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
    while state.next_call is not None:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    (rgb_image,) = pipeline.decode([state])
    values = zip(finished.rgb_image.pixels, rgb_image.pixels, strict=True)
    assert max(abs(ours - theirs) for ours, theirs in values) <= 1

"""Replicate's own clients, for Python and for node."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest

from tests.clients.running import Programs, decoded, parameters
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.images.inputs.samples import picture, saved

Act: TypeAlias = Callable[..., Any]
"""Lets a client do what it is named, and returns what its program printed."""

IMAGE: Final = base64.b64encode(saved(picture((96, 64)))).decode()


@pytest.fixture(
    params=[("replicate/predictions.py", "replicate"), ("replicate/predictions.mjs", "replicate_node")],
    ids=lambda client: client[1],
)
def act(run: Programs, request: pytest.FixtureRequest) -> Act:
    program, environment = request.param
    return lambda action: run(program, environment, action, DARKROOM_MODEL="darkroom-fake", DARKROOM_IMAGE=IMAGE)


def test_a_run_returns_its_files(act: Act) -> None:
    images = act("run")
    assert [decoded(image).size for image in images] == [(160, 96)] * 2
    assert [f"Seed: {7 + number}," in parameters(image) for number, image in enumerate(images)] == [True, True]


@pytest.mark.parametrize("way", ["poll", "version"])
def test_a_run_may_poll_and_may_name_a_version(act: Act, way: str) -> None:
    assert "Seed: 7," in parameters(act(way)[0])


def test_a_run_that_waits_for_less_than_it_takes_polls_on(act: Act, server: Harness) -> None:
    server.engine.held_before = (0, 1)
    timer = threading.Timer(3.0, server.engine.let_go)
    timer.start()
    try:
        assert "Seed: 7," in parameters(act("slow")[0])
    finally:
        timer.join()


def test_a_file_of_the_input_is_uploaded_first(act: Act, server: Harness) -> None:
    assert decoded(act("file")[0]).size == (96, 64)
    assert server.engine.jobs[-1].images[0].image is not None


def test_a_stream_ends_with_done(act: Act) -> None:
    names = act("stream")
    assert [name for name in names if name != "logs"] == ["output", "done"]


def test_a_prediction_is_canceled_and_listed(act: Act, server: Harness) -> None:
    server.engine.held_before = (0, 1)
    assert act("cancel") == {"status": "canceled", "listed": True}
    server.engine.let_go()
    wait_until(lambda: server.engine.idle)


def test_a_refusal_has_a_status_a_title_and_a_detail(act: Act) -> None:
    refused = act("refused")
    assert (refused["status"], refused["title"]) == (422, "Unprocessable Entity")
    assert refused["detail"].startswith("- input.width: ")

"""The requests and figures that the parts share."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from benchmarks.store.parts.stage import ROWS_AN_IMAGE, Stage, fill, job, per, use_over
from benchmarks.store.servers.control import HELD_S


def test_a_row_takes_as_long_as_the_rate_says(stage: Stage) -> None:
    sizes = dataclasses.replace(stage.sizes, rate=6.0)

    assert dataclasses.replace(stage, sizes=sizes).row_s() * ROWS_AN_IMAGE == pytest.approx(1 / 6)


def test_a_job_is_a_request_of_twenty_steps_unless_it_says_otherwise() -> None:
    head, _, body = job(prompt="words").partition(b"\r\n\r\n")

    assert head.startswith(b"POST /api/v1/jobs HTTP/1.1\r\n")
    assert json.loads(body)["num_inference_steps"] == 20
    assert json.loads(body)["prompt"] == "words"


def test_nothing_has_no_share() -> None:
    assert per(3.0, 2) == 1.5
    assert math.isnan(per(3.0, 0))


def test_the_settings_of_a_stage_reach_its_servers_and_a_part_may_add_to_them(stage: Stage) -> None:
    narrow = dataclasses.replace(stage, settings={"DARKROOM_MAX_BODY_BYTES": "1024"})
    with narrow.running({"DARKROOM_MAX_QUEUED_JOBS": "1"}) as servers:
        servers.set_row_s(HELD_S)
        too_large = fill(servers, stage.sizes, job(prompt="x" * 2000), 1)
        filled = fill(servers, stage.sizes, job(), 80)
        idle = use_over(servers, 0.01)

    assert too_large.count("413") == 1
    assert filled.count("503") > 0
    assert filled.count("202") + filled.count("503") == 80
    assert idle.images == 0

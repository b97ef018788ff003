"""A page of the job list."""

from __future__ import annotations

import pytest

from benchmarks.store.load.plans import Latencies, Result
from benchmarks.store.parts import lists
from benchmarks.store.parts.stage import Stage, job


def test_short_and_long_prompts_are_listed(stage: Stage) -> None:
    found = lists.measure(stage)

    assert found["long prompts: body of the job, kB"] > found["short prompts: body of the job, kB"]
    for prompts in ("short", "long"):
        assert found[f"{prompts} prompts: answer, kB"] > 1
        assert found[f"{prompts} prompts: peak RSS after, MiB"] > 1


def test_the_first_job_that_the_server_accepts_is_listed(stage: Stage) -> None:
    refused, accepted = job(prompt=["x"] * 101), job()
    with stage.running() as servers:
        assert lists.first_accepted(servers, stage, iter([refused, accepted])) == accepted
        with pytest.raises(RuntimeError, match="none of the jobs"):
            lists.first_accepted(servers, stage, iter([refused]))


def test_costs_are_those_of_a_call() -> None:
    answers = {"200": Latencies(4, 0.5, 0.6)}
    result = Result(seconds=1.0, answers=answers, lost=0, body_bytes=8000, locations=[], ended={}, cpu_s=0.1)

    assert lists.figures(result, 0.2) == {"server CPU, ms/call": 50.0, "answer, kB": 2.0, "GET p50, ms": 500.0}

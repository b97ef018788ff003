"""Each caller has requests and settings of its own, and only so many callers are remembered."""

from __future__ import annotations

from pipelines.params import GenerationParams
from service.api.dialects.a1111.callers.call import Call
from service.api.dialects.a1111.callers.callers import MAX_CALLERS, Caller, Callers

PARAMS = GenerationParams(prompt="", width=64, height=64, steps=1, guidance_scale=1.0, seed=1, sampler="ddim")


def call(task_id: str | None) -> Call:
    return Call([PARAMS], batch_size=1, batches=1, task_id=task_id)


def test_a_caller_is_known_again_and_no_other() -> None:
    callers = Callers()
    first = callers.of(("alice", "key"))
    first.checkpoint = "one"

    assert callers.of(("alice", "key")) is first
    assert {callers.of(key).checkpoint for key in (("alice", "other"), ("bob", "key"))} == {None}


def test_a_caller_is_forgotten_when_many_others_came_but_never_while_it_has_a_request() -> None:
    callers = Callers()
    idle, busy = callers.of(("", "idle")), callers.of(("", "busy"))
    with busy.running(call(None)):
        for number in range(MAX_CALLERS):
            callers.of(("", f"{number}"))

        assert callers.of(("", "busy")) is busy
        assert callers.of(("", "idle")) is not idle


def test_a_task_is_found_while_it_runs_and_remembered_for_some_others() -> None:
    caller = Caller()
    running = call("task")
    with caller.running(running):
        assert caller.task("task") is running
        assert list(caller.ended_tasks) == []
    assert caller.task("task") is None
    for number in range(15):
        with caller.running(call(f"{number}")), caller.running(call(None)):
            assert "task" in caller.ended_tasks
    with caller.running(call("last")):
        pass
    assert "task" not in caller.ended_tasks

"""Configurations are checked when they are made, and a worker's survives its command line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from service.engine.config import EngineConfig, WorkerConfig

WORKER = WorkerConfig(model="fake")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", -1),
        ("max_rows", 1),
        ("max_texts", 0),
        ("max_begun_bytes", 0),
        ("max_decode", 0),
        ("max_cached_prompts", 0),
        ("interactive_deadline_factor", 0.0),
        ("interactive_deadline_factor", 31.0),
    ],
)
def test_a_worker_config_names_the_number_that_is_out_of_range(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        msgspec.structs.replace(WORKER, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_queued_images", 0),
        ("max_buffered_events", 0),
        ("max_failed_loads", 0),
        ("max_queued_s", 0.0),
        ("max_queued_s_per_tenant", 0.0),
        ("load_timeout_s", 0.0),
        ("stall_timeout_s", -1.0),
        ("unmeasured_timeout_s", 0.0),
        ("kill_timeout_s", 0.0),
        ("max_unread_bytes", 0),
        ("restart_delay_s", 0.0),
        ("max_restart_delay_s", 0.0),
    ],
)
def test_an_engine_config_names_the_number_that_is_out_of_range(name: str, value: float) -> None:
    fields: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=name):
        EngineConfig(worker=WORKER, **fields)


def test_each_device_has_a_worker_that_differs_in_nothing_else() -> None:
    worker = WorkerConfig(model="fake", device="cuda:3", max_rows=8)

    assert EngineConfig(worker=worker).workers == (worker,)
    workers = EngineConfig(worker=worker, devices=("cuda:0", "cpu")).workers
    assert [one.device for one in workers] == ["cuda:0", "cpu"]
    assert [msgspec.structs.replace(one, device="cuda:3") for one in workers] == [worker, worker]


def test_a_worker_config_is_decoded_as_it_was_encoded() -> None:
    config = WorkerConfig(
        model="fake", threads=2, exact=True, shares={"shop": 3.0}, log_level="debug", log_format="json"
    )

    assert msgspec.json.decode(msgspec.json.encode(config), type=WorkerConfig) == config


@pytest.mark.parametrize("content", [b'{"model": "fake", "rows": 3}', b'{"model": "fake", "log_format": "xml"}'])
def test_an_unknown_field_or_value_is_refused(content: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(content, type=WorkerConfig)

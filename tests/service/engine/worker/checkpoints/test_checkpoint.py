"""The bytes of a checkpoint tell whether they are whole, and whether they are of the same image."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from pipelines.interface import BatchKey, Stage
from service.engine.worker.checkpoints.checkpoint import Checkpoint, identity_of, pack, unpack
from tests.harness.engine.worker_harness import make_params

CHECKPOINT = Checkpoint(
    identity="a",
    refining=False,
    key=BatchKey(Stage.DENOISE, "model", 8, 8),
    calls_left=3,
    step=2,
    snapshot=bytes(range(256)),
)


def test_a_whole_checkpoint_is_read_as_it_was() -> None:
    assert unpack(pack(CHECKPOINT)) == CHECKPOINT


def test_a_change_of_any_byte_is_noticed() -> None:
    data = pack(CHECKPOINT)

    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        assert unpack(bytes(damaged)) is None


@pytest.mark.parametrize("length", [0, 5, 30, 60, 200])
def test_a_part_of_a_checkpoint_is_none(length: int) -> None:
    assert unpack(pack(CHECKPOINT)[:length]) is None


def test_every_parameter_and_every_fact_changes_the_identity() -> None:
    params, facts = make_params(), [{"device": "cpu", "files": "1"}]
    others = {
        identity_of(replace(params, **{field.name: "other"}), facts)  # type: ignore[arg-type]  # any other value will do
        for field in fields(params)
    }

    assert len(others | {identity_of(params, facts)}) == len(fields(params)) + 1
    assert identity_of(params, [{"files": "1", "device": "cpu"}]) == identity_of(params, facts)
    assert identity_of(params, [{"files": "2", "device": "cpu"}]) != identity_of(params, facts)

"""Every message survives the process border."""

from __future__ import annotations

import msgspec
import pytest

from pipelines.fake import INFO
from pipelines.interface import UPCAST, CostKey, Stage
from service.engine import messages
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.messages import LENGTH, FromWorker, Message, ToWorker, pack
from service.engine.types import Priority, Timings
from tests.harness.engine.worker_harness import make_params

COST = CostKey(Stage.DENOISE, 64, 64, UPCAST)

TO_WORKER = [
    messages.Submit("a", make_params("é"), Priority.BATCH, "alice", 2, 1.5, 9.0, "suspects"),
    messages.Input("d" * 64, 2, 1, 3, b"\0\1\2\3\4\5"),
    messages.Forget("d" * 64, 2, 1),
    messages.Cancel("a"),
    messages.Drain(),
]
FROM_WORKER = [
    messages.Loading("warming", "measuring", 22.0),
    messages.Ready((INFO,), CostTable((KeyCost(COST, (Point(1, 0.5, 2.0),), 8),))),
    messages.Unloadable("no such folder"),
    messages.Beat(active=1, waiting=2, oldest_s=3.0, memory_bytes=4),
    messages.Busy(None),
    messages.Busy(2.5),
    messages.CallDone(key=COST, rows=2, padded_rows=1, images=1, seconds=0.5, update_s=0.25, sound=False),
    messages.Started("a"),
    messages.Retried("a"),
    messages.Progress("a", 1, 4, 3.0),
    messages.Preview("a", 0, 1, 1, 1, b"\xff\0\0"),
    messages.Finished("a", 1, 1, b"\xff\0\0", Timings(0.0, 0.1, 0.2, 0.3, 2.0, 0.5)),
    messages.Failed("a", "invalid_value", "It failed.", "width"),
    messages.Canceled("a"),
]


def body(message: Message) -> bytes:
    packed = pack(message)
    (length,) = LENGTH.unpack_from(packed)
    assert length == len(packed) - LENGTH.size
    return packed[LENGTH.size :]


@pytest.mark.parametrize("message", TO_WORKER, ids=lambda message: type(message).__name__)
def test_a_message_to_the_worker_is_decoded_as_it_was_sent(message: ToWorker) -> None:
    assert msgspec.msgpack.decode(body(message), type=ToWorker) == message


@pytest.mark.parametrize("message", FROM_WORKER, ids=lambda message: type(message).__name__)
def test_a_message_from_the_worker_is_decoded_as_it_was_sent(message: FromWorker) -> None:
    assert msgspec.msgpack.decode(body(message), type=FromWorker) == message


def test_a_worker_does_not_accept_its_own_messages() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(body(messages.Canceled("a")), type=ToWorker)
